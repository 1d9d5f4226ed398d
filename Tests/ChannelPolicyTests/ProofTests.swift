// SPDX-License-Identifier: Apache-2.0

import Crypto
import SwiftASN1
import Testing
import X509

@testable import ChannelPolicy
@testable import ChannelProof

@Suite("Matching a chain with TLSA records")
struct DANEProofTests {
    /// A root, an authority under it, a server under that.
    private struct Tree {
        let root: Mint.Issued
        let middle: Mint.Issued
        let server: Mint.Issued

        init(
            root: (inout Mint.Order) -> Void = { _ in },
            middle: (inout Mint.Order) -> Void = { _ in },
            server: (inout Mint.Order) -> Void = { _ in }
        ) throws {
            self.root = try Mint.authority("Root", root)
            self.middle = try Mint.authority("Middle", by: self.root, middle)
            self.server = try Mint.issue(by: self.middle, server)
        }

        var whole: [[UInt8]] { [server.der, middle.der, root.der] }
    }

    private func prove(
        _ chain: [[UInt8]],
        _ records: [TLSARecord],
        references: [String] = ["mx.example.test", "example.test"],
        now: Int64 = Mint.now
    ) async throws -> Result<Proof, ProofFault> {
        try await PresentedChain(chain).prove(DANERequirement(records, references: references), at: now)
    }

    /// The word of the outcome.
    private func word(_ result: Result<Proof, ProofFault>) -> String {
        switch result {
        case .success(let proof): proof.fixedWord.description
        case .failure(let fault): fault.fixedWord.description
        }
    }

    @Test("usage 3: each selector and matching type, right, wrong and rolled over", arguments: [0, 1] as [UInt8])
    func endEntity(selector: UInt8) async throws {
        let server = try Mint.issue()
        let other = try Mint.issue()
        for matching in 0...2 as ClosedRange<UInt8> {
            let right = try server.record(3, selector, matching)
            let wrong = try other.record(3, selector, matching)
            #expect(word(try await prove([server.der], [right])) == "dane-ee")
            #expect(word(try await prove([server.der], [wrong])) == "no-tlsa-match")
            #expect(word(try await prove([server.der], [wrong, right])) == "dane-ee")
            #expect(word(try await prove([other.der, server.der], [right])) == "no-tlsa-match", "only its own counts")
        }
    }

    @Test("usage 3 asks for no name, no date, no authority, and no key that is known")
    func endEntityIgnores() async throws {
        let server = try Mint.issue {
            $0.dnsNames = ["elsewhere.test"]
            $0.notBefore = Mint.now - 2000
            $0.notAfter = Mint.now - 1000
            $0.criticalExtension = [1, 2, 3, 4]
            $0.usages = [.clientAuth]
        }
        #expect(word(try await prove([server.der], [server.record(3, 0, 1)])) == "dane-ee")
        #expect(word(try await prove([server.der], [server.record(3, 1, 1)])) == "dane-ee")
        // The curve's object identifier, made one that nobody knows.
        let curve: [UInt8] = [0x2a, 0x86, 0x48, 0xce, 0x3d, 0x03, 0x01, 0x07]
        let unknown = server.der.replacing(curve, with: curve.dropLast() + [0x77])
        #expect(unknown != server.der)
        let outline = try #require(CertificateOutline(der: unknown))
        let record = TLSARecord(
            usage: 3,
            selector: 1,
            matching: 1,
            data: Array(SHA256.hash(data: outline.publicKey))
        )
        #expect(word(try await prove([unknown], [record])) == "dane-ee")
        #expect(word(try await prove([unknown], [server.record(2, 1, 0)])) == "unreadable-certificate")
    }

    @Test("usage 2: the authority in the chain, near or far, in any order", arguments: [0, 1] as [UInt8])
    func trustAnchor(selector: UInt8) async throws {
        let tree = try Tree()
        let other = try Mint.authority("Root")
        for matching in 0...2 as ClosedRange<UInt8> {
            for (anchor, depth) in [(tree.root, 2), (tree.middle, 1)] {
                let record = try anchor.record(2, selector, matching)
                for chain in [tree.whole, [tree.server.der, tree.root.der, other.der, tree.middle.der]] {
                    let result = try await prove(chain, [record])
                    let expected = try Proof.trustAnchor(UsableTLSA(record), depth: depth, name: "mx.example.test")
                    #expect(result == .success(expected))
                }
            }
            let wrong = try other.record(2, selector, matching)
            let expected = matching == 0 ? "untrusted-chain" : "no-tlsa-match"
            #expect(word(try await prove(tree.whole, [wrong])) == expected)
            #expect(word(try await prove(tree.whole, [wrong, tree.root.record(2, selector, matching)])) == "dane-ta")
        }
    }

    @Test("an authority that stands only in the DNS must stand there whole")
    func anchorFromDNS() async throws {
        let tree = try Tree()
        let short = [tree.server.der, tree.middle.der]
        #expect(word(try await prove(short, [tree.root.record(2, 0, 0)])) == "dane-ta")
        #expect(word(try await prove(short, [tree.root.record(2, 1, 0)])) == "dane-ta", "a bare key")
        #expect(word(try await prove(short, [tree.root.record(2, 0, 1)])) == "no-tlsa-match")
        #expect(word(try await prove(short, [tree.root.record(2, 1, 2)])) == "no-tlsa-match")
        let direct = try Mint.issue(by: tree.root)
        #expect(word(try await prove([direct.der], [tree.root.record(2, 0, 0)])) == "dane-ta")
        #expect(word(try await prove([direct.der], [tree.root.record(2, 1, 0)])) == "dane-ta")
        #expect(word(try await prove([tree.server.der], [tree.root.record(2, 1, 0)])) == "untrusted-chain")
        let expired = try Mint.issue(by: tree.root) { $0.notAfter = Mint.now - 1 }
        #expect(word(try await prove([expired.der], [tree.root.record(2, 1, 0)])) == "certificate-expired")
        let elsewhere = try Mint.issue(by: tree.root) { $0.dnsNames = ["elsewhere.test"] }
        #expect(word(try await prove([elsewhere.der], [tree.root.record(2, 1, 0)])) == "wrong-name")
    }

    @Test("the server's own certificate is not its own authority")
    func ownAuthority() async throws {
        let server = try Mint.issue { $0.isAuthority = true }
        for matching in 0...2 as ClosedRange<UInt8> {
            let result = try await prove([server.der, server.der], [server.record(2, 0, matching)])
            #expect(word(result) == (matching == 0 ? "untrusted-chain" : "no-tlsa-match"))
        }
    }

    @Test("where both usages are there, either will do")
    func bothUsages() async throws {
        let tree = try Tree()
        let other = try Mint.issue()
        #expect(word(try await prove(tree.whole, [other.record(3, 1, 1), tree.root.record(2, 0, 1)])) == "dane-ta")
        #expect(word(try await prove(tree.whole, [tree.server.record(3, 1, 1), other.record(2, 0, 1)])) == "dane-ee")
    }

    @Test(
        "names: the base, the domain, a wildcard, a common name only alone",
        arguments: [
            (["mx.example.test"], "x", "dane-ta"), (["example.test"], "x", "dane-ta"),
            (["other.test", "*.example.test"], "x", "dane-ta"), ([], "mx.example.test", "dane-ta"),
            ([], "*.example.test", "dane-ta"), (["other.test"], "mx.example.test", "wrong-name"),
            (["*.test"], "x", "wrong-name"), (["*.mx.example.test"], "x", "wrong-name"),
            (["mx*.example.test"], "x", "wrong-name"), (["mx.example.test.evil.test"], "x", "wrong-name"),
            (["mx.example.test\0.evil.test"], "x", "wrong-name"), ([], "x", "wrong-name"),
            ([String(repeating: "a.", count: 4000) + "example.test"], "x", "wrong-name"),
        ] as [([String], String, String)]
    )
    func names(dnsNames: [String], commonName: String, expected: String) async throws {
        let tree = try Tree(server: {
            $0.dnsNames = dnsNames
            $0.commonName = commonName
        })
        #expect(word(try await prove(tree.whole, [tree.root.record(2, 0, 1)])) == expected)
    }

    @Test("dates count all the way up", arguments: [0, 1, 2])
    func dates(depth: Int) async throws {
        for (change, expected) in [
            ({ $0.notAfter = Mint.now - 1 }, "certificate-expired"),
            ({ $0.notBefore = Mint.now + 10 }, "certificate-not-yet-valid"),
        ] as [((inout Mint.Order) -> Void, String)] {
            let none: (inout Mint.Order) -> Void = { _ in }
            let tree = try Tree(
                root: depth == 2 ? change : none,
                middle: depth == 1 ? change : none,
                server: depth == 0 ? change : none
            )
            #expect(word(try await prove(tree.whole, [tree.root.record(2, 0, 1)])) == expected)
        }
        let tree = try Tree()
        let record = try tree.root.record(2, 0, 1)
        #expect(word(try await prove(tree.whole, [record], now: Mint.now + 86_400)) == "dane-ta", "the last second")
        #expect(word(try await prove(tree.whole, [record], now: Mint.now + 86_401)) == "certificate-expired")
    }

    @Test("a renewed authority stands in for the expired one beside it")
    func renewedAuthority() async throws {
        let tree = try Tree()
        let expired = try Mint.authority("Middle", by: tree.root) {
            $0.key = tree.middle.key
            $0.notAfter = Mint.now - 1
        }
        for chain in [
            [tree.server.der, expired.der, tree.middle.der, tree.root.der],
            [tree.server.der, tree.middle.der, expired.der, tree.root.der],
        ] {
            #expect(word(try await prove(chain, [tree.root.record(2, 0, 1)])) == "dane-ta")
        }
    }

    @Test("what an authority may not do breaks the chain")
    func constraints() async throws {
        let breaks: [(String, Tree)] = try [
            ("constraint-broken", Tree(middle: { $0.isAuthority = false })),
            ("constraint-broken", Tree(root: { $0.isAuthority = false })),
            ("constraint-broken", Tree(root: { $0.pathLength = 0 })),
            ("constraint-broken", Tree(middle: { $0.permittedNames = ["elsewhere.test"] })),
            ("constraint-broken", Tree(root: { $0.permittedNames = ["elsewhere.test"] })),
            ("constraint-broken", Tree(middle: { $0.keyUsage = KeyUsage(digitalSignature: true) })),
            ("constraint-broken", Tree(middle: { $0.version = .v1 })),
            ("constraint-broken", Tree(middle: { $0.usages = [.clientAuth] })),
            ("constraint-broken", Tree(root: { $0.usages = [.clientAuth] })),
            ("constraint-broken", Tree(server: { $0.usages = [.clientAuth] })),
            ("dane-ta", Tree(root: { $0.version = .v1 })),
            ("unknown-critical-extension", Tree(server: { $0.criticalExtension = [1, 2, 3, 4] })),
            ("unknown-critical-extension", Tree(middle: { $0.criticalExtension = [1, 2, 3, 4] })),
            ("dane-ta", Tree(root: { $0.pathLength = 1 })),
            ("dane-ta", Tree(middle: { $0.permittedNames = ["example.test"] })),
            ("dane-ta", Tree(middle: { $0.keyUsage = KeyUsage(keyCertSign: true) })),
            ("dane-ta", Tree(server: { $0.usages = [.clientAuth, .serverAuth] })),
        ]
        for (index, (expected, tree)) in breaks.enumerated() {
            let result = try await prove(tree.whole, [tree.root.record(2, 0, 1)])
            #expect(word(result) == expected, "row \(index)")
        }
        for tree in try [Tree(middle: { $0.version = .v1 }), Tree(middle: { $0.usages = [.clientAuth] })] {
            let result = try await prove(tree.whole, [tree.middle.record(2, 0, 1)])
            #expect(word(result) == "constraint-broken", "an anchor keeps its own rules too")
        }
    }

    @Test("a chain that only looks right is none")
    func forged() async throws {
        let tree = try Tree()
        let forged = try Mint.authority("Middle", by: Mint.authority("Root"))
        let server = try Mint.issue(by: forged)
        let record = try tree.root.record(2, 0, 1)
        #expect(word(try await prove([server.der, forged.der, tree.root.der], [record])) == "untrusted-chain")
        #expect(word(try await prove([server.der, tree.middle.der, tree.root.der], [record])) == "untrusted-chain")
    }

    @Test("a chain made of branches ends in a refusal, not in a search")
    func branches() async throws {
        let keys = (0..<4).map { _ in P256.Signing.PrivateKey() }
        let selves = try keys.map { key in try Mint.authority("Loop") { $0.key = key } }
        var certificates = try [Mint.issue(by: selves[0]).der]
        for (index, key) in keys.enumerated() {
            for (other, issuer) in selves.enumerated() where other != index {
                certificates.append(try Mint.authority("Loop", by: issuer) { $0.key = key }.der)
            }
        }
        let record = try Mint.authority("Loop").record(2, 0, 0)
        let result = try await prove(certificates, [record])
        #expect(["too-many-paths", "untrusted-chain"].contains(word(result)))
    }

    @Test("no certificate, too many, too large")
    func sizes() async throws {
        let server = try Mint.issue()
        #expect(throws: ProofFault.noCertificate) { try PresentedChain([]) }
        #expect(throws: ProofFault.unreadable(depth: 0)) { try PresentedChain([[0x30, 0]]) }
        #expect(throws: ProofFault.tooLarge) {
            try PresentedChain([server.der, [UInt8](repeating: 0, count: PresentedChain.maxBytes)])
        }
        let many = try PresentedChain([server.der] + (0..<500).map { _ in try Mint.issue().der })
        #expect(many.others.count == PresentedChain.maxCertificates - 1)
        let large = try Mint.issue { $0.dnsNames = (0..<5000).map { "host\($0).example.test" } }
        #expect(large.der.count > CertificateOutline.maxBytes)
        #expect(throws: ProofFault.unreadable(depth: 0)) { try PresentedChain([large.der]) }
        let wide = try Mint.issue { $0.dnsNames = (0..<2000).map { "host\($0).example.test" } + ["mx.example.test"] }
        #expect(word(try await prove([wide.der], [wide.record(3, 1, 1)])) == "dane-ee")
    }

    @Test("no flipped or missing byte makes it trap, or match")
    func damaged() async throws {
        let tree = try Tree()
        let record = try tree.root.record(2, 0, 1)
        let middle = tree.middle.der
        for index in middle.indices {
            var damaged = middle
            damaged[index] ^= UInt8.random(in: 1...255)
            let result = try await prove([tree.server.der, damaged, tree.root.der], [record])
            #expect(word(result) != "dane-ta")
        }
        let server = tree.server.der
        for index in server.indices {
            var damaged = server
            damaged[index] ^= UInt8.random(in: 1...255)
            for chain in [[damaged, middle, tree.root.der], [Array(server[..<index]), middle, tree.root.der]] {
                guard let presented = try? PresentedChain(chain) else { continue }
                let result = await presented.prove(DANERequirement([record]), at: Mint.now)
                #expect(word(result) != "dane-ta")
            }
        }
    }

    @Test(
        "dates that don't exist can't be read, and are no reason to refuse a fingerprint",
        arguments: [
            "991399000000Z", "000000000000Z", "26022924000 Z", "260101000000+", "2601010000000",
            "\0\0\0\0\0\0\0\0\0\0\0\0\0",
        ]
    )
    func hostileDates(date: String) async throws {
        let server = try Mint.issue()
        // The first UTCTime with its tag and length.
        let start = try #require(server.der.indices.first { server.der[$0...].starts(with: [0x17, 13]) })
        var der = server.der
        der.replaceSubrange((start + 2)..<(start + 15), with: Array(date.utf8))
        let outline = try #require(CertificateOutline(der: der))
        #expect(outline.validity == nil)
        let record = TLSARecord(usage: 3, selector: 0, matching: 1, data: Array(SHA256.hash(data: der)))
        #expect(word(try await prove([der], [record])) == "dane-ee")
    }

    @Test("the outline has the dates of the certificate")
    func outlineDates() throws {
        for (first, last) in [
            (Mint.now, Mint.now + 1), (-631_152_000, 2_524_607_999), (2_524_608_000, 253_402_300_799),
        ] as [(Int64, Int64)] {
            let outline = try Mint.issue {
                $0.notBefore = first
                $0.notAfter = last
            }.outline
            #expect(outline.validity == .init(notBefore: first, notAfter: last))
            #expect(outline.version == 3)
        }
    }
}

@Suite("Other proofs")
struct OtherProofTests {
    @Test("a pin is about the server's own certificate, now or next")
    func pins() throws {
        let server = try Mint.issue()
        let other = try Mint.issue()
        let chain = try PresentedChain([server.der, other.der])
        let key = try #require(Pin(.publicKey, sha256: Array(SHA256.hash(data: server.outline.publicKey))))
        let whole = try #require(Pin(.certificate, sha256: Array(SHA256.hash(data: server.der))))
        let stranger = try #require(Pin(.publicKey, sha256: Array(SHA256.hash(data: other.outline.publicKey))))
        let prove = { (current: [Pin], next: [Pin]) in
            chain.prove(PinSet(.domain("example.test"), current: current, next: next))
        }
        #expect(prove([key], []) == .success(.pin(.init(pin: key, slot: .current))))
        #expect(prove([whole], []) == .success(.pin(.init(pin: whole, slot: .current))))
        #expect(prove([stranger], [key]) == .success(.pin(.init(pin: key, slot: .next))))
        #expect(prove([stranger], []) == .failure(.noPinMatches))
        #expect(prove([], []) == .failure(.noPinMatches))
        let swapped = try #require(Pin(.certificate, sha256: key.sha256))
        #expect(prove([swapped], []) == .failure(.noPinMatches), "a key's digest is not a certificate's")
    }

    @Test("a public authority vouches for a DNS name, never for a common name")
    func publicAuthority() async throws {
        let root = try Mint.authority("Root")
        let middle = try Mint.authority("Middle", by: root)
        let roots = TrustRoots([root.der, [1, 2, 3]])
        #expect(roots.count == 1)
        let prove = { (server: Mint.Issued, chain: [[UInt8]]) in
            try await PresentedChain([server.der] + chain)
                .prove(names: ["mx.example.test"], roots: roots, at: Mint.now)
        }
        let good = try Mint.issue(by: middle)
        #expect(try await prove(good, [middle.der]) == .success(.publicAuthority(depth: 2, name: "mx.example.test")))
        #expect(
            try await prove(good, [root.der, middle.der])
                == .success(.publicAuthority(depth: 2, name: "mx.example.test"))
        )
        #expect(try await prove(good, []) == .failure(.untrusted))
        let direct = try Mint.issue(by: root)
        #expect(try await prove(direct, []) == .success(.publicAuthority(depth: 1, name: "mx.example.test")))
        let common = try Mint.issue(by: middle) { $0.dnsNames = [] }
        #expect(try await prove(common, [middle.der]) == .failure(.wrongName))
        let wrong = try Mint.issue(by: middle) { $0.dnsNames = ["mx.elsewhere.test"] }
        #expect(try await prove(wrong, [middle.der]) == .failure(.wrongName))
        let expired = try Mint.issue(by: middle) { $0.notAfter = Mint.now - 1 }
        #expect(try await prove(expired, [middle.der]) == .failure(.expired(depth: 0)))
        let selfSigned = try Mint.issue()
        #expect(try await prove(selfSigned, []) == .failure(.untrusted))
        let pem = try root.certificate.serializeAsPEM().pemString
        #expect(TrustRoots(pem: pem + "\nrubbish\n" + pem).count <= 1)
        #expect(TrustRoots(pem: pem).count == 1 && TrustRoots(pem: "").count == 0)
    }

    @Test("pins are read from text and found by host, then by domain")
    func table() throws {
        let digits = String(repeating: "ab", count: 32)
        let pin = try #require(Pin("spki:\(digits)"))
        #expect(pin.text == "spki:\(digits)")
        let colons = Array(repeating: "AB", count: 32).joined(separator: ":")
        #expect(Pin("SPKI:\(colons)") == pin)
        #expect(Pin("cert:\(digits)")?.kind == .certificate)
        for wrong in ["", "spki:", digits, "spki:\(digits)ab", "md5:\(digits)", "spki:zz", "spki:\(digits):", "spki:a"]
        {
            #expect(Pin(wrong) == nil, "\(wrong)")
        }
        let domain = PinSet(.domain("example.test"), current: [pin])
        let host = PinSet(.host("mx.example.test"), current: [pin])
        let peer = PinSet(.domain("example.test"), source: .statement(isExpired: false), current: [])
        let table = PinTable([peer, domain, host, peer])
        #expect(table.pins(domain: "example.test", host: "mx.example.test") == host)
        #expect(table.pins(domain: "example.test", host: "mx2.example.test") == domain, "the settings' own go first")
        #expect(table.pins(domain: "other.test", host: "mx.example.test") == host)
        #expect(table.pins(domain: "other.test", host: "mx.other.test") == nil)
    }
}
