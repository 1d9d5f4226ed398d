// SPDX-License-Identifier: Apache-2.0

/// How the gateway and `postern worker` talk over the worker's standard input and output.
///
/// Frames: one octet for the kind, four for the length (big-endian), then that many octets. The gateway asks, the
/// worker answers; while encrypting the worker asks for plaintext when it wants some, so that neither ever waits for a
/// pipe that is full.
package enum WorkerProtocol {
    /// No frame is longer; a longer one ends the conversation.
    package static let maxFrameBytes = (1 << 20) + 65_536
    /// What plaintext and ciphertext are cut into.
    package static let chunkBytes = 65_536
    /// Memory that a worker may map, in octets.
    package static let addressSpace: UInt64 = 1 << 30

    package enum Kind: UInt8, Sendable {
        /// Worker: it is ready and shut in. The version of librnp, four octets.
        case ready = 0x52
        /// Worker: it can't serve. The version of librnp, then one octet, 1 for a version that is refused, 2 for no
        /// sandbox.
        case unfit = 0x55
        /// Gateway: check a signature. Subject, creation time (four octets), fingerprint (20 octets),
        /// certificate.
        case verify = 0x56
        /// Worker: the answer, one octet, 1 when valid.
        case verified = 0x41
        /// Gateway: check a signature over a document, answered with ``verified``. See ``DetachedCheck``.
        case verifyDetached = 0x53
        /// Gateway: encrypt. See ``EncryptRequest``.
        case encrypt = 0x45
        /// Worker: wants plaintext. Empty.
        case need = 0x4E
        /// Gateway: plaintext; empty at its end.
        case plaintext = 0x50
        /// Worker: ciphertext.
        case ciphertext = 0x43
        /// Worker: the message is whole. Empty.
        case done = 0x44
        /// Worker: librnp refused. Its result, four octets.
        case failed = 0x46
        /// Gateway, test builds only: try what must not work. One octet, the step; answered with ``verified`` and an
        /// errno.
        case tryStep = 0x54
    }

    /// Versions of librnp that must not run: 0.18.0 makes session keys that are not random.
    package static func isRefused(major: UInt32, minor: UInt32, patch: UInt32) -> Bool {
        (major, minor, patch) == (0, 18, 0)
    }

    package static func header(_ kind: Kind, count: Int) -> [UInt8] {
        [kind.rawValue] + bigEndian(UInt32(truncatingIfNeeded: count))
    }

    package static func bigEndian(_ number: UInt32) -> [UInt8] {
        [24, 16, 8, 0].map { UInt8(truncatingIfNeeded: number >> $0) }
    }

    /// The number in the first four of `bytes`; missing ones count as zero.
    package static func number(_ bytes: some Sequence<UInt8>) -> UInt32 {
        var number: UInt32 = 0
        var count = 0
        for byte in bytes.prefix(4) {
            number = number << 8 | UInt32(byte)
            count += 1
        }
        return count == 4 ? number : number << UInt32(8 * (4 - count))
    }
}

/// What the worker is to encrypt with.
package struct EncryptRequest: Sendable {
    package struct Recipient: Sendable {
        package let certificate: [UInt8]
        /// The fingerprints of the keys within that are to be used, 20 octets each.
        package let fingerprints: [[UInt8]]

        package init(certificate: [UInt8], fingerprints: [[UInt8]]) {
            self.certificate = certificate
            self.fingerprints = fingerprints
        }
    }

    package let cipher: CipherAlgorithm
    /// The gateway's time in seconds since 1970, which test builds can move.
    package let time: UInt32
    package let recipients: [Recipient]

    package init(cipher: CipherAlgorithm, time: UInt32, recipients: [Recipient]) {
        self.cipher = cipher
        self.time = time
        self.recipients = recipients
    }

    package var encoded: [UInt8] {
        var output = [cipher.rawValue] + WorkerProtocol.bigEndian(time)
        for recipient in recipients {
            output +=
                WorkerProtocol.bigEndian(UInt32(truncatingIfNeeded: recipient.certificate.count))
                + recipient.certificate
            output.append(UInt8(truncatingIfNeeded: recipient.fingerprints.count))
            for fingerprint in recipient.fingerprints { output += fingerprint }
        }
        return output
    }

    /// `nil` for anything that ``encoded`` would not make.
    package init?(decoding bytes: [UInt8]) {
        var reader = OctetReader(bytes, bytes.indices)
        guard let cipher = reader.octet().flatMap({ CipherAlgorithm(rawValue: $0) }), let time = reader.number32()
        else { return nil }
        var recipients: [Recipient] = []
        while reader.left > 0 {
            guard let count = reader.number32(), let certificate = reader.take(count), let keys = reader.octet() else {
                return nil
            }
            var fingerprints: [[UInt8]] = []
            for _ in 0..<keys {
                guard let fingerprint = reader.take(20) else { return nil }
                fingerprints.append(Array(bytes[fingerprint]))
            }
            recipients.append(Recipient(certificate: Array(bytes[certificate]), fingerprints: fingerprints))
        }
        self.init(cipher: cipher, time: UInt32(truncatingIfNeeded: time), recipients: recipients)
    }
}

/// What the worker is to check a signature over a document with.
package struct DetachedCheck: Sendable {
    /// The gateway's time in seconds since 1970.
    package let time: UInt32
    /// Of the key that signed, 20 octets.
    package let signer: [UInt8]
    /// Only the primary key, what binds the signing key to it, and the signing key.
    package let certificate: [UInt8]
    /// One signature packet.
    package let signature: [UInt8]
    package let document: [UInt8]

    package init(time: UInt32, signer: [UInt8], certificate: [UInt8], signature: [UInt8], document: [UInt8]) {
        self.time = time
        self.signer = signer
        self.certificate = certificate
        self.signature = signature
        self.document = document
    }

    package var encoded: [UInt8] {
        let count = { (bytes: [UInt8]) in WorkerProtocol.bigEndian(UInt32(truncatingIfNeeded: bytes.count)) }
        return WorkerProtocol.bigEndian(time) + signer + count(certificate) + certificate + count(signature) + signature
            + document
    }

    /// `nil` for anything that ``encoded`` would not make.
    package init?(decoding bytes: [UInt8]) {
        var reader = OctetReader(bytes, bytes.indices)
        guard let time = reader.number32(), let signer = reader.take(20),
            let certificateCount = reader.number32(), let certificate = reader.take(certificateCount),
            let signatureCount = reader.number32(), let signature = reader.take(signatureCount)
        else { return nil }
        self.init(
            time: UInt32(truncatingIfNeeded: time),
            signer: Array(bytes[signer]),
            certificate: Array(bytes[certificate]),
            signature: Array(bytes[signature]),
            document: Array(bytes[reader.rest])
        )
    }
}
