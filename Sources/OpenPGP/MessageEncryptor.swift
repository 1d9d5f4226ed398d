// SPDX-License-Identifier: Apache-2.0

import Crypto
package import Mail
package import Privacy

/// The own OpenPGP writer: encrypts a source to one recipient's keys and hands out the message in order.
///
/// Writes a session key packet for each key (version 3, RSA or ECDH), then one integrity protected data packet (version
/// 1) with a literal packet that tells neither name nor date; no compression, definite lengths throughout (RFC 9580
/// sections 5.1, 5.9 and 5.13). The session key comes from the system's generator. Memory is a few chunks, whatever the
/// size.
///
/// It works on its caller's executor, well under a millisecond for 10 KiB and some for each MiB: callers on an event
/// loop run it elsewhere, inside `withTaskExecutorPreference(globalConcurrentExecutor)`.
package struct MessageEncryptor: ChunkProducer {
    /// Octets of plaintext a chunk.
    private static let chunkSize = 65_520
    /// The longest plaintext: what a packet's length can say, less what goes around it.
    package static let maxPlaintextBytes = Int(UInt32.max) - 256

    private let plaintext: any ByteSource
    private var offset = 0
    private var stream: ProtectedStream
    private var armor: ArmorWriter?
    /// Packets that go out before the ciphertext.
    private var head: [UInt8]
    private var isDone = false

    /// Prepares a message to every subkey of `certificates` that is live at `time`: all of one recipient, and nobody
    /// else's.
    ///
    /// Throws the ``CertificateVerdict`` of a certificate that has none, or only kinds that the own writer lacks.
    package init(
        certificates: [JudgedCertificate],
        at time: WallTime,
        plaintext: any ByteSource,
        armored: Bool = true
    ) throws {
        guard plaintext.count <= Self.maxPlaintextBytes else { throw EncryptionError.tooLong }
        let keys = try Self.recipientKeys(of: certificates, at: time.seconds)
        let cipher = CipherAlgorithm.strongest(for: certificates)
        let sessionKey = SymmetricKey(size: SymmetricKeySize(bitCount: cipher.keyBits))
        head = []
        for key in keys { head += try key.sessionKeyPacket(sessionKey, cipher: cipher) }
        let literal = Self.literalHead(count: plaintext.count)
        head += PacketWalker.header(
            tag: 18,
            count: 1 + ProtectedStream.overhead + literal.count + plaintext.count
        )
        head.append(1)
        stream = try ProtectedStream(key: sessionKey)
        stream.append(literal)
        armor = armored ? ArmorWriter(.message) : nil
        self.plaintext = plaintext
    }

    private static func recipientKeys(of certificates: [JudgedCertificate], at seconds: Int64) throws -> [RecipientKey]
    {
        guard !certificates.isEmpty else { throw EncryptionError.noRecipient }
        return try certificates.flatMap { certificate in
            let subkeys = certificate.encryptionSubkeys(at: seconds)
            guard !subkeys.isEmpty else { throw certificate.verdict(at: seconds) }
            return try subkeys.map { try certificate.recipientKeys.key(for: $0) }
        }
    }

    /// Binary, no name, no date.
    private static func literalHead(count: Int) -> [UInt8] {
        PacketWalker.header(tag: 11, count: 6 + count) + [0x62, 0, 0, 0, 0, 0]
    }

    /// The next part of the message.
    ///
    /// Throws what the source throws, and when the source ends before its count.
    package mutating func next() async throws -> [UInt8]? {
        guard !isDone else { return nil }
        while offset < plaintext.count, stream.waiting < Self.chunkSize {
            let bytes = try await plaintext.read(
                at: offset,
                maxCount: min(Self.chunkSize - stream.waiting, plaintext.count - offset)
            )
            guard !bytes.isEmpty, bytes.count <= plaintext.count - offset else { throw EncryptionError.sourceChanged }
            offset += bytes.count
            stream.append(bytes)
        }
        isDone = offset >= plaintext.count
        var binary = head
        head = []
        try stream.encrypt(isLast: isDone, into: &binary)
        return armored(binary)
    }

    private mutating func armored(_ binary: [UInt8]) -> [UInt8] {
        guard armor != nil else { return binary }
        var output: [UInt8] = []
        output.reserveCapacity(binary.count / 48 * 66 + 256)
        armor?.write(binary, into: &output)
        if isDone { armor?.finish(into: &output) }
        return output
    }
}

/// What ends an encryption.
package enum EncryptionError: Error, Sendable, Hashable {
    /// No certificate was given.
    case noRecipient
    /// More plaintext than a packet can hold (4 GiB).
    case tooLong
    /// The source gave fewer or more bytes than it counted.
    case sourceChanged
}
