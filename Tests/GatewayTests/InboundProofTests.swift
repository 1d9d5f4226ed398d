// SPDX-License-Identifier: Apache-2.0

import ChannelPolicy
import Mail
import Settings
import Testing

@testable import Gateway

@Suite("The server of a domain that brings its mail")
struct InboundProofTests {
    private static let shown = CertificateFingerprints(
        certificate: [UInt8](repeating: 1, count: 32),
        publicKey: [UInt8](repeating: 2, count: 32)
    )

    private static func proof(
        pins: [Pin] = [],
        isRequired: Bool = false,
        peers: [PinSet] = []
    ) throws -> InboundProof {
        var settings = ChannelSettings()
        var rule = ChannelSettings.Rule(for: .domain(try #require(Domain("example.org"))))
        rule.clientPins = pins
        rule.requireInbound = isRequired
        settings.rules = [rule]
        return InboundProof(settings: settings, peers: { peers })
    }

    private static func pin(_ kind: Pin.Kind, _ byte: UInt8) throws -> Pin {
        try #require(Pin(kind, sha256: [UInt8](repeating: byte, count: 32)))
    }

    @Test("is proven by its certificate or its key, and by nothing else")
    func pins() throws {
        let domain = try #require(Domain("Example.ORG"))
        for (kind, byte, verdict) in [
            (Pin.Kind.certificate, 1, InboundProof.Verdict.proven), (.publicKey, 2, .proven),
            (.certificate, 2, .refused),
            (.publicKey, 1, .refused),
        ] as [(Pin.Kind, UInt8, InboundProof.Verdict)] {
            let proof = try Self.proof(pins: [try Self.pin(kind, byte)], isRequired: true)
            #expect(proof.verdict(on: domain, shown: Self.shown) == verdict)
            #expect(proof.verdict(on: domain, shown: nil) == .refused)
        }
    }

    @Test("has nothing to prove where nothing asks for it")
    func free() throws {
        let proof = try Self.proof(pins: [try Self.pin(.certificate, 9)])
        #expect(proof.verdict(on: try #require(Domain("example.org")), shown: Self.shown) == .free)
        #expect(proof.verdict(on: try #require(Domain("sub.example.org")), shown: nil) == .free)
    }

    @Test("is proven by what a peer states, now or next")
    func peers() throws {
        let domain = try #require(Domain("example.org"))
        let known = try Self.pin(.publicKey, 2)
        for (current, next) in [([known], []), ([], [known])] {
            let set = PinSet(.domain("example.org"), source: .statement(isExpired: false), current: current, next: next)
            let proof = try Self.proof(isRequired: true, peers: [set])
            #expect(proof.verdict(on: domain, shown: Self.shown) == .proven)
        }
        let other = PinSet(.domain("other.org"), current: [known])
        #expect(try Self.proof(isRequired: true, peers: [other]).verdict(on: domain, shown: Self.shown) == .refused)
    }
}
