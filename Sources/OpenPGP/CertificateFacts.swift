// SPDX-License-Identifier: Apache-2.0

/// What the valid signatures of a certificate add up to.
struct CertificateFacts: Sendable {
    var expires: Int64?
    var revokedFrom: Int64?
    var isSigned = false
    var userIDs: [JudgedCertificate.UserID] = []
    var subkeys: [Subkey] = []
    var cipherPreferences: [UInt8] = []
    var features: UInt8 = 0
}

/// One signature to be checked: whether `signature`, on the part in `subject` (nothing: the key itself), was made by
/// the primary key.
struct SignatureClaim: Sendable {
    enum Subject: UInt8, Sendable {
        case key = 0
        case userID = 1
        case subkey = 2
    }

    let subject: Subject
    /// When the signature says that it was made, in seconds since 1970; it is checked as of then.
    let created: Int64
    /// The primary key's.
    let fingerprint: [UInt8]
    /// A certificate of only the primary key, the part and the signature.
    let certificate: [UInt8]
}

/// Turns an outline into facts, asking `isValid` about as few signatures as the facts need.
///
/// The cryptography is librnp's; which signature counts is decided here, the same whatever the library's version: the
/// newest valid one of each part, and every revocation (RFC 9580 section 5.2.3.10).
struct CertificateJudge {
    let outline: CertificateOutline
    /// The time of judging: signatures dated later, or ended by then, give way to others.
    let now: Int64
    let isValid: (SignatureClaim) async throws(WorkerError) -> Bool

    /// What was chosen for the worker's copy.
    private var kept: [Range<Int>] = []

    init(
        outline: CertificateOutline,
        now: Int64,
        isValid: @escaping (SignatureClaim) async throws(WorkerError) -> Bool
    ) {
        self.outline = outline
        self.now = now
        self.isValid = isValid
    }

    mutating func judge() async throws(WorkerError) -> JudgedCertificate {
        var facts = CertificateFacts()
        let direct = try await newestValid(outline.signatures.filter { $0.kind == .directKey }, on: .key, part: nil)
        facts.revokedFrom = try await revocation(
            outline.signatures.filter { $0.kind == .keyRevocation },
            on: .key,
            part: nil
        )
        let (userIDs, primaryUserID) = try await judgeUserIDs()
        facts.userIDs = userIDs.map(\.fact)
        // The newest word on the key's end counts: gpg dates all user IDs anew when it moves it.
        let words = userIDs.map(\.signature) + (direct.map { [$0] } ?? [])
        facts.isSigned = !words.isEmpty
        let newest = words.max { $0.created < $1.created }
        facts.expires = newest?.keyExpiresAfter.map { outline.primary.created + $0 }
        let preferring = primaryUserID.flatMap { $0.signature.cipherPreferences.isEmpty ? nil : $0.signature } ?? direct
        facts.cipherPreferences = preferring?.cipherPreferences ?? []
        facts.features = (primaryUserID?.signature ?? direct)?.features ?? 0

        keep(direct, userIDs: primaryUserID)
        let primaryFlags = (primaryUserID?.signature ?? direct)?.keyFlags ?? direct?.keyFlags
        facts.subkeys = try await judgeSubkeys(primaryFlags: primaryFlags, isPrimaryBound: facts.isSigned, facts: facts)
        let needsWorker = facts.subkeys.contains { $0.needsWorker && $0.isSupported && $0.isBound }
        return JudgedCertificate(
            facts: facts,
            primary: outline.primary,
            certificate: outline.stripped,
            workerCertificate: needsWorker ? kept.flatMap { outline.bytes[$0] } : []
        )
    }

    struct JudgedUserID {
        let fact: JudgedCertificate.UserID
        let packet: Packet
        let signature: SignaturePacket
    }

    /// Every user ID with a valid certification, and which of them speaks for the key: the newest of those marked
    /// primary, else the newest of all (RFC 9580 section 5.2.3.27).
    func judgeUserIDs() async throws(WorkerError) -> ([JudgedUserID], JudgedUserID?) {
        var judged: [JudgedUserID] = []
        for userID in outline.userIDs {
            let part = userID.packet.whole
            let certifications = userID.signatures.filter(\.kind.isCertification)
            guard let signature = try await newestValid(certifications, on: .userID, part: part) else { continue }
            // A user ID that was certified again after it was withdrawn is back.
            let revocations = userID.signatures.filter {
                $0.kind == .certificationRevocation && $0.created >= signature.created
            }
            let withdrawn = try await newestValid(revocations, on: .userID, part: part)
            let fact = JudgedCertificate.UserID(
                text: String(decoding: outline.bytes[userID.packet.body], as: UTF8.self),
                isPrimary: signature.isPrimaryUserID,
                validFrom: signature.created,
                expires: signature.ends,
                revokedFrom: withdrawn?.created
            )
            judged.append(JudgedUserID(fact: fact, packet: userID.packet, signature: signature))
        }
        let live = judged.filter { $0.fact.isLive(at: now) }
        let candidates = live.isEmpty ? judged : live
        let marked = candidates.filter(\.fact.isPrimary)
        return (judged, (marked.isEmpty ? candidates : marked).max { $0.signature.created < $1.signature.created })
    }

    private mutating func judgeSubkeys(
        primaryFlags: UInt8?,
        isPrimaryBound: Bool,
        facts: CertificateFacts
    ) async throws(WorkerError) -> [Subkey] {
        var judged: [Subkey] = []
        // A primary key that says it encrypts is used like a subkey; or one without any flags that has no subkeys.
        let primary = outline.primary
        let primaryEncrypts = primaryFlags.map { $0 & 0x0C != 0 } ?? (primary.canEncrypt && outline.subkeys.isEmpty)
        if primaryEncrypts {
            let state = SubkeyState(
                isBound: isPrimaryBound,
                expires: facts.expires,
                revokedFrom: facts.revokedFrom,
                flags: primaryFlags ?? 0x04
            )
            judged.append(Subkey(primary, in: outline.bytes, state: state, isPrimary: true))
        }
        for subkey in outline.subkeys {
            let part = subkey.key.packet.whole
            var state = SubkeyState()
            if let binding = try await newestValid(
                subkey.signatures.filter { $0.kind == .subkeyBinding },
                on: .subkey,
                part: part
            ) {
                state.isBound = true
                state.flags = binding.keyFlags
                state.expires = Self.earlier(binding.keyExpiresAfter.map { subkey.key.created + $0 }, binding.ends)
                kept += [part, binding.packet.whole]
            }
            state.revokedFrom = try await revocation(
                subkey.signatures.filter { $0.kind == .subkeyRevocation },
                on: .subkey,
                part: part
            )
            judged.append(Subkey(subkey.key, in: outline.bytes, state: state, isPrimary: false))
        }
        return judged
    }

    private mutating func keep(_ direct: SignaturePacket?, userIDs: JudgedUserID?) {
        kept = [outline.primary.packet.whole]
        if let direct { kept.append(direct.packet.whole) }
        if let userIDs { kept += [userIDs.packet.whole, userIDs.signature.packet.whole] }
    }

    static func earlier(_ left: Int64?, _ right: Int64?) -> Int64? {
        guard let left, let right else { return left ?? right }
        return min(left, right)
    }

    /// The newest valid signature that lives now; without one, the newest valid of the others, so that the reason can
    /// be named.
    func newestValid(
        _ signatures: [SignaturePacket],
        on subject: SignatureClaim.Subject,
        part: Range<Int>?
    ) async throws(WorkerError) -> SignaturePacket? {
        let newestFirst = signatures.filter { !$0.hasUnknownCritical }.sorted { $0.created > $1.created }
        for signature in newestFirst.filter({ $0.isLive(at: now) }) + newestFirst.filter({ !$0.isLive(at: now) })
        where try await isValid(claim(signature, on: subject, part: part)) {
            return signature
        }
        return nil
    }

    /// Since when the part is withdrawn.
    ///
    /// A withdrawal can't be taken back; one for a lost key counts for all time.
    func revocation(
        _ signatures: [SignaturePacket],
        on subject: SignatureClaim.Subject,
        part: Range<Int>?
    ) async throws(WorkerError) -> Int64? {
        var earliest: Int64?
        for signature in signatures where try await isValid(claim(signature, on: subject, part: part)) {
            earliest = min(earliest ?? .max, signature.isHardRevocation ? .min : signature.created)
        }
        return earliest
    }

    private func claim(
        _ signature: SignaturePacket,
        on subject: SignatureClaim.Subject,
        part: Range<Int>?
    ) -> SignatureClaim {
        var certificate = Array(outline.bytes[outline.primary.packet.whole])
        if let part { certificate += outline.bytes[part] }
        certificate += outline.bytes[signature.packet.whole]
        return SignatureClaim(
            subject: subject,
            created: signature.created,
            fingerprint: outline.primary.fingerprint,
            certificate: certificate
        )
    }
}
