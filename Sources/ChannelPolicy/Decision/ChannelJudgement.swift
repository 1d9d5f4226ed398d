// SPDX-License-Identifier: Apache-2.0

/// How far a connection came.
package enum ChannelEvent: Sendable, Hashable {
    /// EHLO did not offer STARTTLS.
    case startTLSNotOffered
    case startTLSRefused(code: Int)
    case handshakeFailed(HandshakeFault)
    /// The new connection after a failed handshake, on which TLS is not tried.
    case inClear
    case secured(SecuredChannel)
}

/// A connection inside TLS.
package struct SecuredChannel: Sendable, Hashable {
    /// What the demanded proof came to; nil where none was demanded.
    package let proof: Result<Proof, ProofFault>?
    /// The EHLO answer inside TLS offers REQUIRETLS; set it when that has come.
    package var offersRequireTLS: Bool
    /// What the ``RequiredChannel/observed`` policy would have wanted: a public authority that vouches for the host.
    package let observation: Result<Proof, ProofFault>?

    package init(
        proof: Result<Proof, ProofFault>? = nil,
        offersRequireTLS: Bool = false,
        observation: Result<Proof, ProofFault>? = nil
    ) {
        self.proof = proof
        self.offersRequireTLS = offersRequireTLS
        self.observation = observation
    }
}

/// How a message went out, for the record.
package struct ChannelRecord: Sendable, Hashable {
    package enum Protection: Sendable, Hashable {
        case clear
        case encrypted
        case onion
        case proven(Proof)
    }

    package let rule: ChannelRule
    package let protection: Protection
    /// Say REQUIRETLS in MAIL.
    package let saysRequireTLS: Bool

    /// The ratchet learns from it: TLS, and not by an onion route, which says nothing about the host's other ways in.
    package var isEncrypted: Bool { protection != .clear && rule != .onion }

    package var fixedWord: StaticString {
        switch protection {
        case .clear: "clear"
        case .encrypted: "encrypted"
        case .onion: "onion"
        case .proven(let proof): proof.fixedWord
        }
    }
}

/// What to do after connecting.
package struct ChannelJudgement: Sendable, Hashable {
    package enum Action: Sendable, Hashable {
        case proceed(ChannelRecord)
        /// Connect again and don't try TLS.
        case retryInClear
        /// Nothing goes to this host; when none is left, the copy waits, or fails where the fault is final.
        case nextHost(ChannelFault)
    }

    package let action: Action
    /// For the domain's TLS report; empty where the session doesn't count.
    package let reports: [TLSReportEvent]
}

extension RequiredChannel {
    /// Judges a connection to `host` by what was fixed before.
    ///
    /// A failed proof never becomes a weaker channel: it is ``ChannelJudgement/Action/nextHost(_:)``.
    package func judge(_ event: ChannelEvent, host: String) -> ChannelJudgement {
        let action: ChannelJudgement.Action
        do throws(ChannelFault.Cause) {
            action = try judge(event).map(ChannelJudgement.Action.proceed) ?? .retryInClear
        } catch {
            action = .nextHost(ChannelFault(blame(error), error, isReport: requireTLS == .whereOffered))
        }
        return ChannelJudgement(action: action, reports: reports(event, action, host))
    }

    /// The record; nil for another try in clear.
    private func judge(_ event: ChannelEvent) throws(ChannelFault.Cause) -> ChannelRecord? {
        switch event {
        case .startTLSNotOffered: return try unsecured(.startTLSNotOffered)
        case .inClear: return try unsecured(.startTLSNotOffered)
        case .startTLSRefused(let code): return try unsecured(.startTLSRefused(code: code))
        case .handshakeFailed(let fault):
            guard allowsClear else { throw .handshake(fault) }
            return nil
        case .secured(let channel): return try secured(channel)
        }
    }

    /// Without TLS: only where clear is allowed, or inside an onion circuit without pins.
    private func unsecured(_ cause: ChannelFault.Cause) throws(ChannelFault.Cause) -> ChannelRecord {
        guard requireTLS != .mustBeOffered else { throw cause }
        switch demand {
        case .clearAllowed: return record(.clear)
        case .proven(.onion(_, pins: nil)): return record(.onion)
        case .encrypted, .proven: throw cause
        }
    }

    private func secured(_ channel: SecuredChannel) throws(ChannelFault.Cause) -> ChannelRecord {
        let protection: ChannelRecord.Protection
        switch demand {
        case .clearAllowed, .encrypted: protection = .encrypted
        case .proven(.onion(_, pins: nil)): protection = .onion
        case .proven(let demanded):
            switch channel.proof {
            case nil: throw .proofMissing
            case .failure(let fault): throw .unproven(fault)
            case .success(let proof):
                guard demanded.isMet(by: proof) else { throw .proofMissing }
                protection = .proven(proof)
            }
        }
        guard requireTLS != .mustBeOffered || channel.offersRequireTLS else { throw .requireTLSNotOffered }
        return record(protection, saysRequireTLS: requireTLS != .no && channel.offersRequireTLS)
    }

    private func record(_ protection: ChannelRecord.Protection, saysRequireTLS: Bool = false) -> ChannelRecord {
        ChannelRecord(rule: rule, protection: protection, saysRequireTLS: saysRequireTLS)
    }

    /// REQUIRETLS is to blame where a message without it would have gone out.
    private func blame(_ cause: ChannelFault.Cause) -> ChannelRule {
        if cause == .requireTLSNotOffered { return .requireTLS }
        return demand == .clearAllowed && requireTLS == .mustBeOffered ? .requireTLS : rule
    }

    private func reports(
        _ event: ChannelEvent,
        _ action: ChannelJudgement.Action,
        _ host: String
    ) -> [TLSReportEvent] {
        guard let reportPolicy, event != .inClear else { return [] }
        return [TLSReportEvent(reportPolicy, result(event, action, host), host: host)]
    }

    /// For a `testing` policy what it would have wanted counts, whatever was done.
    private func result(
        _ event: ChannelEvent,
        _ action: ChannelJudgement.Action,
        _ host: String
    ) -> TLSReportEvent.Result {
        if case .nextHost(let fault) = action {
            return fault.reportResult.map { .failed($0, reason: fault.fixedWord.description) } ?? .succeeded
        }
        switch event {
        case .startTLSNotOffered, .inClear: return .failed(.startTLSNotSupported, reason: "starttls-not-offered")
        case .startTLSRefused: return .failed(.startTLSNotSupported, reason: "starttls-refused")
        case .handshakeFailed(let fault): return .failed(.validationFailure, reason: fault.fixedWord.description)
        case .secured(let channel):
            guard let observed else { return .succeeded }
            guard observed.pattern(for: host) != nil else {
                return .failed(.validationFailure, reason: "host-not-in-policy")
            }
            guard case .failure(let fault) = channel.observation else { return .succeeded }
            return .failed(fault.reportResult, reason: fault.fixedWord.description)
        }
    }
}

extension ProofDemand {
    /// The proof is of the kind that was demanded, and by the data that were.
    fileprivate func isMet(by proof: Proof) -> Bool {
        switch (self, proof) {
        case (.pins(let set), .pin(let match)): (set.current + set.next).contains(match.pin)
        case (.onion(_, let set?), .pin(let match)): (set.current + set.next).contains(match.pin)
        case (.dane(let requirement), .endEntity(let record)): requirement.records.usable.contains(record)
        case (.dane(let requirement), .trustAnchor(let record, _, let name)):
            requirement.records.usable.contains(record) && requirement.references.contains(name)
        case (.publicAuthority(let names), .publicAuthority(_, let name)): names.contains(name)
        default: false
        }
    }
}
