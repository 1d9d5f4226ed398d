// SPDX-License-Identifier: Apache-2.0

/// What is known of a signature over a document, and of the certificate that it names.
package struct SignatureFinding: Sendable, Hashable {
    /// Of the primary key, 20 octets.
    package let primary: [UInt8]
    /// Whether the owner withdrew the whole key because it may be in other hands, or without saying why.
    package let isCompromised: Bool
    /// Why the signature does not count; nil when it does.
    package let fault: SignatureFault?
    /// The key that signed, 20 octets: the primary key or one of its subkeys.
    package let signer: [UInt8]?
    /// When it says that it was made, in seconds since 1970.
    package let made: Int64?
}

/// Why a signature over a document does not count.
package enum SignatureFault: Error, Sendable, Hashable {
    /// Not exactly one signature packet of version 4 over a document.
    case unreadable
    /// Made with a hash that can be forged, or one that is not known.
    case weakHash
    /// It says something critical that is not understood.
    case notUnderstood
    /// Dated later than now.
    case inFuture
    case ended
    /// No key of the certificate made it.
    case unknownSigner
    /// The certificate is not signed by itself.
    case unboundCertificate
    case revokedKey
    case expiredKey
    /// The key that made it is no signing key, or not validly bound.
    case notForSigning
    case revokedSubkey
    case expiredSubkey
    /// The bytes are not what was signed.
    case invalid

    /// One sentence that says what is wrong.
    package var sentence: String {
        switch self {
        case .unreadable: "The signature is not one OpenPGP signature of version 4 over a document."
        case .weakHash: "The signature uses a hash that is not safe; sign with SHA-256 or SHA-512."
        case .notUnderstood: "The signature says something critical that is not understood here."
        case .inFuture: "The signature is dated in the future."
        case .ended: "The signature has ended."
        case .unknownSigner: "The signature was made by no key of the certificate that comes with it."
        case .unboundCertificate: "The certificate carries no valid signature of its own."
        case .revokedKey: "The owner of the key that signed has revoked it."
        case .expiredKey: "The key that signed has expired."
        case .notForSigning: "The key that made the signature is not a validly bound signing key."
        case .revokedSubkey: "The subkey that signed was revoked."
        case .expiredSubkey: "The subkey that signed has expired."
        case .invalid: "The signature does not fit what was signed."
        }
    }
}

/// A key that may have made a signature, with just enough of its certificate to check that.
struct SignerCandidate: Sendable {
    let fingerprint: [UInt8]
    let certificate: [UInt8]
}

extension CertificateJudge {
    /// By how much the clock of whoever signs may be ahead.
    private static let clockTolerance: Int64 = 300
    /// SHA-256, SHA-384, SHA-512, SHA-224 (RFC 9580 section 9.5).
    private static let hashes: Set<UInt8> = [8, 9, 10, 11]

    /// Judges the one signature in `bytes`: which key it names, whether that may sign now, and only then by `isSigned` whether it fits.
    func judge(
        _ bytes: [UInt8],
        isSigned: (SignerCandidate) async throws(WorkerError) -> Bool
    ) async throws(WorkerError) -> SignatureFinding {
        let revokedFrom = try await revocation(
            outline.signatures.filter { $0.kind == .keyRevocation },
            on: .key,
            part: nil
        )
        let signature = Self.signature(in: bytes)
        var signer: [UInt8]?
        var fault = signature == nil ? SignatureFault.unreadable : nil
        if let signature {
            do throws(SignerProblem) {
                let candidate = try await candidate(for: signature, in: bytes, revokedFrom: revokedFrom)
                signer = candidate.fingerprint
                do throws(WorkerError) {
                    if try await !isSigned(candidate) { fault = .invalid }
                } catch {
                    throw .worker(error)
                }
            } catch {
                switch error {
                case .fault(let found): fault = found
                case .worker(let error): throw error
                }
            }
        }
        return SignatureFinding(
            primary: outline.primary.fingerprint,
            isCompromised: revokedFrom == .min,
            fault: fault,
            signer: fault == nil ? signer : nil,
            made: signature?.created
        )
    }

    /// Why no candidate is found: the signature, or the worker.
    private enum SignerProblem: Error {
        case fault(SignatureFault)
        case worker(WorkerError)
    }

    private static func signature(in bytes: [UInt8]) -> SignaturePacket? {
        var walker = PacketWalker(bytes)
        guard let packet = try? walker.next(), packet.tag == PacketTag.signature, packet.whole == bytes.indices,
            let signature = SignaturePacket(bytes, packet), signature.version == 4, signature.kind == .binaryDocument
        else { return nil }
        return signature
    }

    private func candidate(
        for signature: SignaturePacket,
        in bytes: [UInt8],
        revokedFrom: Int64?
    ) async throws(SignerProblem) -> SignerCandidate {
        if let fault = fault(of: signature) { throw .fault(fault) }
        let primary: PrimaryWords
        do { primary = try await primaryWords() } catch { throw .worker(error) }
        guard !primary.packets.isEmpty else { throw .fault(.unboundCertificate) }
        if revokedFrom.map({ $0 <= now }) ?? false { throw .fault(.revokedKey) }
        if primary.expires.map({ $0 <= now }) ?? false { throw .fault(.expiredKey) }
        var certificate = Array(outline.bytes[outline.primary.packet.whole])
        for range in primary.packets { certificate += outline.bytes[range] }
        if signature.isIssued(by: outline.primary, in: bytes) {
            let maySign = primary.flags.map { $0 & 0x02 != 0 } ?? outline.primary.canSign
            guard maySign, outline.primary.created <= signature.created else { throw .fault(.notForSigning) }
            return SignerCandidate(fingerprint: outline.primary.fingerprint, certificate: certificate)
        }
        let named = outline.subkeys.first { signature.isIssued(by: $0.key, in: bytes) }
        guard let named else { throw .fault(.unknownSigner) }
        let binding = try await liveBinding(of: named, for: signature)
        certificate += outline.bytes[named.key.packet.whole] + outline.bytes[binding.packet.whole]
        return SignerCandidate(fingerprint: named.key.fingerprint, certificate: certificate)
    }

    private func fault(of signature: SignaturePacket) -> SignatureFault? {
        if signature.hasUnknownCritical { return .notUnderstood }
        guard Self.hashes.contains(signature.hashAlgorithm) else { return .weakHash }
        if signature.created > now + Self.clockTolerance { return .inFuture }
        if signature.ends.map({ $0 <= now }) ?? false { return .ended }
        return nil
    }

    /// What the primary key says of itself.
    private struct PrimaryWords {
        var expires: Int64?
        var flags: UInt8?
        /// The user ID and the signatures that count; empty when none does.
        var packets: [Range<Int>] = []
    }

    private func primaryWords() async throws(WorkerError) -> PrimaryWords {
        var words = PrimaryWords()
        let direct = try await newestValid(outline.signatures.filter { $0.kind == .directKey }, on: .key, part: nil)
        let (userIDs, speaker) = try await judgeUserIDs()
        let newest = (userIDs.map(\.signature) + (direct.map { [$0] } ?? [])).max { $0.created < $1.created }
        words.expires = newest?.keyExpiresAfter.map { outline.primary.created + $0 }
        words.flags = (speaker?.signature ?? direct)?.keyFlags ?? direct?.keyFlags
        if let direct { words.packets.append(direct.packet.whole) }
        if let speaker { words.packets += [speaker.packet.whole, speaker.signature.packet.whole] }
        return words
    }

    private func liveBinding(
        of subkey: CertificateOutline.Subkey,
        for signature: SignaturePacket
    ) async throws(SignerProblem) -> SignaturePacket {
        let part = subkey.key.packet.whole
        let binding: SignaturePacket?
        let revokedFrom: Int64?
        do {
            let bindings = subkey.signatures.filter { $0.kind == .subkeyBinding }
            binding = try await newestValid(bindings, on: .subkey, part: part)
            let revocations = subkey.signatures.filter { $0.kind == .subkeyRevocation }
            revokedFrom = try await revocation(revocations, on: .subkey, part: part)
        } catch {
            throw .worker(error)
        }
        guard let binding, let flags = binding.keyFlags, flags & 0x02 != 0, subkey.key.created <= signature.created
        else {
            throw .fault(.notForSigning)
        }
        if revokedFrom.map({ $0 <= now }) ?? false { throw .fault(.revokedSubkey) }
        let expires = Self.earlier(binding.keyExpiresAfter.map { subkey.key.created + $0 }, binding.ends)
        if expires.map({ $0 <= now }) ?? false { throw .fault(.expiredSubkey) }
        return binding
    }
}
