// SPDX-License-Identifier: Apache-2.0

import Foundation
import Testing

@testable import Accounts

@Suite("SCRAM-SHA-256")
struct SCRAMTests {
    private let clientNonce = "rOprNGfwEbeRWgbNEkqO"
    private let ownNonce = "%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0"

    private func pencil() throws -> SCRAMVerifier {
        let salt = try #require(Data(base64Encoded: "W22ZaJ0SNY7soEsUEjb6gQ=="))
        return try #require(SCRAMVerifier(password: Array("pencil".utf8), salt: [UInt8](salt), iterations: 4096))
    }

    private func exchange(_ usesBinding: Bool = false, _ endPoint: [UInt8]? = nil) -> SCRAMExchange {
        SCRAMExchange(usesBinding: usesBinding, endPoints: endPoint.map { [[9], $0] } ?? [], nonce: ownNonce)
    }

    private func text(_ bytes: [UInt8]) -> String { String(decoding: bytes, as: UTF8.self) }

    @Test("the example of RFC 7677 section 3")
    func vector() throws {
        var server = exchange()
        #expect(try server.readFirst(Array("n,,n=user,r=\(clientNonce)".utf8)) == "user")
        let first = text(server.challenge(try pencil()))
        #expect(first == "r=\(clientNonce)\(ownNonce),s=W22ZaJ0SNY7soEsUEjb6gQ==,i=4096")
        let proof = "dHzbZapWIk4jUhN+Ute9ytag9zjfMHgsqmmiz7AndVQ="
        let last = try server.finish(Array("c=biws,r=\(clientNonce)\(ownNonce),p=\(proof)".utf8))
        #expect(text(last) == "v=6rriTRBi23WpRR/wtup+mMhUZUn/dB5nLTJRsjl95G4=")
    }

    @Test(
        "a proof, a nonce or a binding that differs is refused",
        arguments: [
            ("biws", "", "AHzbZapWIk4jUhN+Ute9ytag9zjfMHgsqmmiz7AndVQ=", SCRAMFailure.wrongProof),
            ("biws", "x", "dHzbZapWIk4jUhN+Ute9ytag9zjfMHgsqmmiz7AndVQ=", .wrongProof),
            ("biws", "", "", .wrongProof),
            ("eSws", "", "dHzbZapWIk4jUhN+Ute9ytag9zjfMHgsqmmiz7AndVQ=", .channelBinding),
        ]
    )
    func wrong(binding: String, added: String, proof: String, failure: SCRAMFailure) throws {
        var server = exchange()
        _ = try server.readFirst(Array("n,,n=user,r=\(clientNonce)".utf8))
        _ = server.challenge(try pencil())
        let last = Array("c=\(binding),r=\(clientNonce)\(ownNonce)\(added),p=\(proof)".utf8)
        #expect(throws: failure) { try server.finish(last) }
    }

    @Test("a client that could bind and was not offered it, though it was, is refused")
    func downgrade() throws {
        let first = Array("y,,n=user,r=abc".utf8)
        var offering = exchange(false, [1, 2, 3])
        #expect(throws: SCRAMFailure.channelBinding) { try offering.readFirst(first) }
        var plain = exchange()
        #expect(try plain.readFirst(first) == "user")
    }

    @Test(
        "the binding that the client names must be that of the mechanism",
        arguments: [
            (true, "n,,n=user,r=abc"), (true, "p=tls-unique,,n=user,r=abc"), (true, "p=tls-exporter,,n=user,r=abc"),
            (false, "p=tls-server-end-point,,n=user,r=abc"),
        ]
    )
    func bindings(usesBinding: Bool, first: String) throws {
        var server = exchange(usesBinding, [1, 2, 3])
        #expect(throws: SCRAMFailure.channelBinding) { try server.readFirst(Array(first.utf8)) }
    }

    @Test("escaped names are read, and what breaks the grammar is refused")
    func names() throws {
        var server = exchange()
        #expect(try server.readFirst(Array("n,a=a=2Cb=3Dc,n=a=2Cb=3Dc,r=abc,x=y".utf8)) == "a,b=c")
        let bad = [
            "", "n", "n,,n=user", "n,,n=user,r=", "n,,n=,r=abc", "n,,n=a=2Db,r=abc", "n,,n=us\u{e9}r,r=abc",
            "x,,n=u,r=abc",
            "n,a=other,n=user,r=abc", "n,,m=ext,n=user,r=abc", "n,,n=user,r=a b", ",,,", "p=,,n=u,r=abc",
        ]
        for text in bad { #expect(throws: SCRAMFailure.self, "\(text)") { try server.readFirst(Array(text.utf8)) } }
    }

    @Test("any bytes are read without a trap")
    func randomBytes() throws {
        var generator = SystemRandomNumberGenerator()
        let verifier = SCRAMVerifier(nobody: Array(repeating: 7, count: 32))
        let alphabet = Array("nyp=,acrx2CD+/AB \u{0}\u{ff}".utf8)
        for _ in 0..<3000 {
            let bytes = (0..<Int.random(in: 0...60)).map { _ in alphabet.randomElement(using: &generator) ?? 0 }
            var server = exchange(Bool.random(), Bool.random() ? [1] : nil)
            _ = try? server.readFirst(bytes)
            _ = server.challenge(verifier)
            #expect(throws: SCRAMFailure.self) { try server.finish(bytes) }
        }
    }

    @Test("only printable ASCII makes a record; nobody's has a steady salt and meets no proof")
    func records() throws {
        #expect(SCRAMVerifier(password: Array("gr\u{fc}n".utf8)) == nil)
        #expect(SCRAMVerifier(password: Array("tab\tbed".utf8)) == nil)
        let secret = Array(repeating: UInt8(5), count: 32)
        #expect(SCRAMVerifier(nobody: secret).salt == SCRAMVerifier(nobody: secret).salt)
        #expect(SCRAMVerifier(nobody: secret).iterations == SCRAMVerifier.iterations)
        #expect(!SCRAMVerifier(nobody: secret).accepts(proof: Array(repeating: 0, count: 32), of: []))
    }
}
