// SPDX-License-Identifier: Apache-2.0

import ChannelProof
import Testing

@testable import ChannelPolicy

@Suite("Judging a connection")
struct JudgementTests {
    private static let faults: [ProofFault] = [.noPinMatches, .untrusted]

    /// Every way in which a connection can go.
    private static func events() throws -> [ChannelEvent] {
        let proofs: [Proof] = try [
            .endEntity(UsableTLSA(Facts.record)),
            .trustAnchor(UsableTLSA(Facts.record), depth: 1, name: "real.test"),
            .pin(.init(pin: Facts.pin, slot: .current)), .publicAuthority(depth: 1, name: "mx.example.test"),
            .publicAuthority(depth: 1, name: "mx.evil.test"),
        ]
        var events: [ChannelEvent] = [.startTLSNotOffered, .startTLSRefused(code: 454), .inClear]
        events += [HandshakeFault.noCommonCipher, .closed].map(ChannelEvent.handshakeFailed)
        for offers in [true, false] {
            events.append(.secured(SecuredChannel(offersRequireTLS: offers)))
            events += faults.map { .secured(SecuredChannel(proof: .failure($0), offersRequireTLS: offers)) }
            events += proofs.map { .secured(SecuredChannel(proof: .success($0), offersRequireTLS: offers)) }
        }
        return events
    }

    @Test("whatever is known and whatever happens, nothing goes out weaker than was demanded")
    func neverWeaker() throws {
        let events = try Self.events()
        var proceeded = 0
        for facts in try Facts.every() {
            guard case .connect(let channel) = facts.decide().verdict else { continue }
            for event in events {
                switch channel.judge(event, host: facts.host).action {
                case .nextHost: continue
                case .retryInClear:
                    #expect(channel.demand == .clearAllowed && channel.requireTLS != .mustBeOffered)
                    #expect(facts.level < 3 && facts.floor == nil && facts.pins == nil)
                case .proceed(let record):
                    proceeded += 1
                    if !Self.isAllowed(record, event, channel, facts) {
                        Issue.record("\(channel.rule) \(record.fixedWord) \(event)")
                    }
                }
            }
        }
        #expect(proceeded > 1000)
    }

    /// Says it once more, in other words.
    private static func isAllowed(
        _ record: ChannelRecord,
        _ event: ChannelEvent,
        _ channel: RequiredChannel,
        _ facts: ChannelCase
    ) -> Bool {
        var isSecured = false
        var offers = false
        var isProven = false
        if case .secured(let secured) = event {
            isSecured = true
            offers = secured.offersRequireTLS
            if case .success = secured.proof { isProven = true }
        }
        if record.protection == .clear {
            guard !isSecured, facts.level < 3, facts.floor == nil, facts.pins == nil, facts.onion == nil else {
                return false
            }
            let isSetAside = facts.wish == .optional(fromOurUser: true) && facts.level == 1
            guard isSetAside || (facts.ratchet != Facts.ratchet && facts.dane != Facts.encrypt) else { return false }
            guard isSetAside || (facts.dane != Facts.match && facts.sts != Facts.sts(.enforce)) else { return false }
            if case .required = facts.wish { return false }
            return true
        }
        if case .required(isReport: false) = facts.wish, !offers || !isSecured { return false }
        if case .proven = channel.demand, record.protection != .onion { return isProven && isSecured }
        return isSecured || record.protection == .onion
    }

    private func channel(_ change: (inout ChannelCase) throws -> Void) throws -> RequiredChannel {
        guard case .connect(let channel) = try Facts.make(change).decide().verdict else {
            throw ChannelFault(.dane, .proofMissing)
        }
        return channel
    }

    private func word(_ channel: RequiredChannel, _ event: ChannelEvent) -> String {
        switch channel.judge(event, host: "mx.example.test").action {
        case .proceed(let record): record.fixedWord.description
        case .retryInClear: "retry"
        case .nextHost(let fault):
            "\(fault.rule.rawValue) !\(fault.fixedWord) \(fault.status.subject).\(fault.status.detail)"
                + (fault.isFinal ? " final" : "")
        }
    }

    @Test("opportunistic TLS takes what it gets")
    func opportunistic() throws {
        let channel = try channel { _ in }
        #expect(word(channel, .startTLSNotOffered) == "clear")
        #expect(word(channel, .startTLSRefused(code: 454)) == "clear")
        #expect(word(channel, .handshakeFailed(.noCommonCipher)) == "retry")
        #expect(word(channel, .inClear) == "clear")
        #expect(word(channel, .secured(SecuredChannel())) == "encrypted")
        #expect(word(channel, .secured(SecuredChannel(proof: .failure(.untrusted)))) == "encrypted")
    }

    @Test("the words for what failed")
    func faults() throws {
        let ratchet = try channel { $0.ratchet = Facts.ratchet }
        #expect(word(ratchet, .startTLSNotOffered) == "ratchet !starttls-not-offered 7.10")
        #expect(word(ratchet, .startTLSRefused(code: 454)) == "ratchet !starttls-refused 7.10")
        #expect(word(ratchet, .handshakeFailed(.noCommonCipher)) == "ratchet !no-common-cipher 7.5")
        let dane = try channel { $0.dane = Facts.match }
        #expect(word(dane, .secured(SecuredChannel(proof: .failure(.noTLSAMatches)))) == "dane !no-tlsa-match 7.5")
        #expect(word(dane, .secured(SecuredChannel())) == "dane !proof-missing 7.5")
        let pins = try channel { $0.pins = try Facts.pins }
        #expect(word(pins, .secured(SecuredChannel(proof: .failure(.noPinMatches)))) == "pins !wrong-pin 7.5")
        let right = Proof.pin(.init(pin: try Facts.pin, slot: .current))
        #expect(word(pins, .secured(SecuredChannel(proof: .success(right)))) == "pin")
        #expect(word(dane, .secured(SecuredChannel(proof: .success(right)))) == "dane !proof-missing 7.5")
        let strict = try channel {
            $0.pins = try Facts.pins
            $0.wish = .required(isReport: false)
        }
        #expect(
            word(strict, .secured(SecuredChannel(proof: .success(right))))
                == "requiretls !requiretls-not-offered 7.30 final"
        )
        #expect(word(strict, .secured(SecuredChannel(proof: .success(right), offersRequireTLS: true))) == "pin")
        let proven = try channel { $0.wish = .required(isReport: false) }
        #expect(word(proven, .startTLSNotOffered) == "requiretls !starttls-not-offered 7.10 final")
    }

    @Test("what is demanded is sought in the chain, and nothing else")
    func examine() async throws {
        let root = try Mint.authority("Root")
        let server = try Mint.issue(by: root)
        let roots = TrustRoots([root.der])
        let examine = { (channel: RequiredChannel, chain: [[UInt8]]) in
            await channel.examine(chain, host: "mx.example.test", roots: roots, at: Mint.now)
        }
        let plain = await examine(try channel { _ in }, [server.der])
        #expect(plain.proof == nil && plain.observation == nil && !plain.offersRequireTLS)
        let testing = await examine(try channel { $0.sts = Facts.sts(.testing) }, [server.der])
        #expect(testing.proof == nil)
        #expect(testing.observation == .success(.publicAuthority(depth: 1, name: "mx.example.test")))
        let enforce = try channel { $0.sts = Facts.sts(.enforce) }
        #expect(await examine(enforce, [server.der]).proof == testing.observation)
        #expect(await examine(enforce, []).proof == .failure(.noCertificate))
        #expect(await examine(enforce, [[1, 2, 3]]).proof == .failure(.unreadable(depth: 0)))
        let record = try server.record(3, 1, 1)
        let dane = try channel { $0.dane = .mustMatch(DANERequirement([record])) }
        #expect(await examine(dane, [server.der]).proof == .success(.endEntity(try UsableTLSA(record))))
        let pins = try channel { $0.pins = try Facts.pins }
        #expect(await examine(pins, [server.der]).proof == .failure(.noPinMatches))
        let onion = try channel {
            $0.onion = Facts.onion
            $0.pins = try Facts.pins
        }
        #expect(await examine(onion, [server.der]).proof == .failure(.noPinMatches))
        #expect(await examine(try channel { $0.onion = Facts.onion }, []).proof == nil)
    }

    @Test("the ratchet learns from TLS, and nothing from an onion route")
    func learning() throws {
        let record = { (channel: RequiredChannel, event: ChannelEvent) -> ChannelRecord? in
            guard case .proceed(let record) = channel.judge(event, host: "mx.example.test").action else { return nil }
            return record
        }
        let tls = ChannelEvent.secured(SecuredChannel())
        #expect(record(try channel { _ in }, tls)?.isEncrypted == true)
        #expect(record(try channel { _ in }, .startTLSNotOffered)?.isEncrypted == false)
        #expect(record(try channel { $0.onion = Facts.onion }, tls)?.isEncrypted == false)
        let learn = { (entry: RatchetEntry?) in
            RatchetEntry.learned(entry, domain: "example.test", host: "mx.example.test", now: Facts.now)
        }
        let new = RatchetEntry(domain: "example.test", host: "mx.example.test", lastEncrypted: Facts.now)
        #expect(learn(nil) == new && learn(Facts.ratchet) == new && learn(Facts.oldRatchet) == new)
        #expect(learn(new) == nil)
        #expect(new.holds(at: Facts.now + RatchetEntry.lasts - 1) && !new.holds(at: new.expiresAt))
        #expect(new.holds(at: 0), "a clock that was set back loosens nothing")
    }

    @Test("what the domain's report counts")
    func reports() throws {
        let report = { (channel: RequiredChannel, event: ChannelEvent) -> String in
            let events = channel.judge(event, host: "mx.example.test").reports
            return events.map { event in
                switch event.result {
                case .succeeded: "\(event.policy.kind.rawValue) ok"
                case .failed(let result, let reason): "\(event.policy.kind.rawValue) \(result.rawValue) \(reason)"
                }
            }.joined(separator: "; ")
        }
        let tls = ChannelEvent.secured(SecuredChannel())
        let dane = try channel { $0.dane = Facts.match }
        #expect(
            report(dane, .secured(SecuredChannel(proof: .failure(.noTLSAMatches)))) == "tlsa tlsa-invalid no-tlsa-match"
        )
        #expect(report(dane, .startTLSNotOffered) == "tlsa starttls-not-supported starttls-not-offered")
        let enforce = try channel { $0.sts = Facts.sts(.enforce) }
        #expect(
            report(enforce, .secured(SecuredChannel(proof: .failure(.expired(depth: 0)))))
                == "sts certificate-expired certificate-expired"
        )
        let testing = try channel { $0.sts = Facts.sts(.testing) }
        #expect(report(testing, tls) == "sts ok")
        #expect(
            report(testing, .secured(SecuredChannel(observation: .failure(.wrongName))))
                == "sts certificate-host-mismatch wrong-name"
        )
        #expect(report(testing, .startTLSNotOffered) == "sts starttls-not-supported starttls-not-offered")
        let unlisted = try channel { $0.sts = Facts.sts(.testing, ["mx.other.test"]) }
        #expect(report(unlisted, tls) == "sts validation-failure host-not-in-policy")
        let plain = try channel { _ in }
        #expect(report(plain, tls) == "no-policy-found ok")
        #expect(report(plain, .inClear) == "", "the failed handshake before it was counted")
        #expect(report(try channel { $0.pins = try Facts.pins }, tls) == "")
        let skipped = Facts.make { $0.sts = Facts.sts(.enforce, ["mx.other.test"]) }.decide().report
        #expect(skipped?.result == .failed(.validationFailure, reason: "host-not-in-policy"))
        let blocked = Facts.make { $0.dane = Facts.blocked }.decide().report
        #expect(blocked?.policy.kind == .tlsa && blocked?.result == .failed(.dnssecInvalid, reason: "bogus-dns"))
    }
}
