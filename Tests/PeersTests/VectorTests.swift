// SPDX-License-Identifier: Apache-2.0

import ChannelPolicy
import Foundation
import OpenPGP
import Peers
import Privacy
import TestSupport
import Testing

@Suite("Test vectors of commitment statements")
struct VectorTests {
    @Test("each is accepted, or refused for its reason", arguments: Vectors.all.vectors)
    func judged(vector: Vectors.Vector) async throws {
        let key = try #require(KeyFingerprint(vector.key))
        let reading = await Vectors.reader.read(vector.served, at: Vectors.now)
        do throws(StatementFault) {
            _ = try PeerLife(
                try reading.statement.get(),
                of: Vectors.all.domain,
                compared: key,
                signedBy: reading.signer ?? key,
                now: Vectors.all.now
            )
            #expect(vector.reason == nil)
        } catch {
            let reason = vector.reason ?? "(accepted)"
            #expect(error.sentence.contains(reason), "\(error.sentence)")
        }
    }

    @Test(
        "another implementation, contrib/verify-statement with gpg, judges them alike",
        arguments: Vectors.all.vectors
    )
    func script(vector: Vectors.Vector) throws {
        let root = Vectors.folder.deletingLastPathComponent().deletingLastPathComponent().deletingLastPathComponent()
        let done = try ChildProcess.run([
            root.appending(path: "contrib/verify-statement").path,
            Vectors.folder.appending(path: "\(vector.name).json").path, Vectors.all.domain, vector.key,
            String(Vectors.all.now),
        ])
        #expect((done.status == 0) == (vector.reason == nil), "\(String(decoding: done.errors, as: UTF8.self))")
        if vector.reason != nil { #expect(String(decoding: done.errors, as: UTF8.self).hasPrefix("not accepted: ")) }
    }

    @Test("the document shows the vector `good` as it is, with its key and payload")
    func documented() throws {
        let root = Vectors.folder.deletingLastPathComponent().deletingLastPathComponent().deletingLastPathComponent()
        let text = try String(contentsOf: root.appending(path: "docs/commitment-statement.md"), encoding: .utf8)
        let served = Vectors.bytes("good.json")
        let payload = try StatementEnvelope(served: served).payload
        for part in [served, payload, Array(try Vectors.key("good").text.utf8)] {
            let lines = String(decoding: part, as: UTF8.self).split(separator: "\n").map { "    " + $0 }
            #expect(text.contains(lines.joined(separator: "\n")))
        }
    }

    @Test("a valid statement says who signed: the primary key, and the subkey that did it")
    func signers() async throws {
        let bySubkey = await Vectors.reader.read(Vectors.bytes("good.json"), at: Vectors.now)
        #expect(bySubkey.signer == (try Vectors.key("good")))
        #expect(bySubkey.signingKey != nil && bySubkey.signingKey != bySubkey.signer)
        let byPrimary = await Vectors.reader.read(Vectors.bytes("good-by-next-key.json"), at: Vectors.now)
        #expect(byPrimary.signingKey == byPrimary.signer)
        #expect(byPrimary.signer?.text == Vectors.all.next_key)
    }

    @Test("only a key that was withdrawn for good is compromised; a subkey is no matter of the whole key")
    func compromised() async {
        for (name, isCompromised) in [("good", false), ("bad-subkey-revoked", false), ("bad-key-revoked", true)] {
            let reading = await Vectors.reader.read(Vectors.bytes("\(name).json"), at: Vectors.now)
            #expect(reading.isCompromised == isCompromised, "\(name)")
        }
    }

    @Test("a revocation that is known stays known, even when an older certificate is served")
    func mergedRevocation() async throws {
        let fresh = await Vectors.reader.read(Vectors.bytes("bad-subkey-revoked.json"), at: Vectors.now)
        let known = fresh.certificate
        let reading = await Vectors.reader.read(Vectors.bytes("good.json"), at: Vectors.now) { _ in known }
        guard case .failure(let fault) = reading.statement else { return #expect(Bool(false), "it was accepted") }
        #expect(fault.sentence.contains("subkey that signed was revoked"))
    }

    @Test("a signing subkey without its own signature on the primary key does not count")
    func withoutBackSignature() async throws {
        let envelope = try StatementEnvelope(served: Vectors.bytes("good.json"))
        let stripped = try Self.withoutEmbeddedSignatures(envelope.certificate)
        let forged = try StatementEnvelope(
            payload: envelope.payload,
            certificate: stripped,
            signature: envelope.signature
        )
        let reading = await Vectors.reader.read(forged.served, at: Vectors.now)
        guard case .failure(let fault) = reading.statement else { return #expect(Bool(false), "it was accepted") }
        #expect(fault.sentence.contains("not a validly bound signing key"))
    }

    @Test("broken certificates and signatures are refused with a sentence, never more")
    func broken() async throws {
        let good = try StatementEnvelope(served: Vectors.bytes("good.json"))
        var random = SystemRandomNumberGenerator()
        for round in 0..<40 {
            var certificate = good.certificate
            var signature = good.signature
            if round % 2 == 0 {
                certificate[.random(in: 0..<certificate.count, using: &random)] ^= .random(in: 1...255, using: &random)
            } else {
                signature[.random(in: 0..<signature.count, using: &random)] ^= .random(in: 1...255, using: &random)
            }
            let forged = try StatementEnvelope(payload: good.payload, certificate: certificate, signature: signature)
            let reading = await Vectors.reader.read(forged.served, at: Vectors.now)
            if case .failure(let fault) = reading.statement {
                #expect(fault.sentence.hasSuffix("."))
            } else {
                // What was changed did not matter: in an unhashed part, or in another subkey.
                #expect(reading.signer == (try Vectors.key("good")))
            }
        }
    }

    /// Takes the subpacket 32 out of the unhashed area of every subkey binding.
    private static func withoutEmbeddedSignatures(_ certificate: [UInt8]) throws -> [UInt8] {
        var walker = PacketWalker(certificate)
        var output: [UInt8] = []
        var removed = 0
        while let packet = try walker.next() {
            var body = Array(certificate[packet.body])
            if packet.tag == 2, body.count > 6, body[1] == 0x18 {
                let hashedEnd = 6 + Int(body[4]) << 8 + Int(body[5])
                let unhashedEnd = hashedEnd + 2 + Int(body[hashedEnd]) << 8 + Int(body[hashedEnd + 1])
                var kept: [UInt8] = []
                var at = hashedEnd + 2
                while at < unhashedEnd {
                    let isLong = body[at] >= 192
                    let count = isLong ? (Int(body[at]) - 192) << 8 + Int(body[at + 1]) + 192 : Int(body[at])
                    let start = at + (isLong ? 2 : 1)
                    if body[start] & 0x7F == 32 { removed += 1 } else { kept += body[at..<(start + count)] }
                    at = start + count
                }
                body =
                    body[..<hashedEnd] + [UInt8(kept.count >> 8), UInt8(kept.count & 255)] + kept + body[unhashedEnd...]
            }
            output += PacketWalker.header(tag: packet.tag, count: body.count) + body
        }
        try #require(removed > 0)
        return output
    }
}
