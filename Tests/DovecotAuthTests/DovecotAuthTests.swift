// SPDX-License-Identifier: Apache-2.0

import Testing

@testable import DovecotAuth

@Suite("Dovecot's auth protocol")
struct DovecotAuthTests {
    private let handshake =
        "VERSION\t1\t2\nMECH\tPLAIN\tplaintext\nMECH\tLOGIN\tplaintext\nSPID\t7\nCUID\t3\nCOOKIE\tabcdef\nDONE\n"
    private let request = "AUTH\t1\tPLAIN\tservice=smtp\tnologin\tsecured\tresp=AGNhcm9sAHNlY3JldA==\n"

    private func dialogue() -> DovecotAuthDialogue {
        DovecotAuthDialogue(login: "carol", password: Array("secret".utf8), clientID: 77)
    }

    private func parse(_ text: String) -> DovecotAuthMessage? { DovecotAuthMessage.parse(Array(text.utf8)[...]) }

    @Test("the client says its version and a number of its own, and asks once the handshake is done")
    func asks() {
        var dialogue = dialogue()
        #expect(dialogue.opening.elementsEqual("VERSION\t1\t2\nCPID\t77\n".utf8))
        #expect(dialogue.take(Array(handshake.utf8)) == .send(Array(request.utf8)))
        #expect(
            dialogue.take(Array("OK\t1\tuser=carol@example.org\tx\n".utf8))
                == .ended(.accepted(login: "carol@example.org"))
        )
    }

    @Test("bytes may come one by one")
    func piecewise() {
        var dialogue = dialogue()
        var sent: [UInt8] = []
        for byte in handshake.utf8 {
            if case .send(let bytes) = dialogue.take([byte]) { sent += bytes }
        }
        #expect(sent.elementsEqual(request.utf8))
    }

    @Test(
        "what Dovecot says after the question",
        arguments: [
            ("OK\t1\n", DovecotVerdict.accepted(login: "carol")), ("OK\t1\tuser=\n", .accepted(login: "carol")),
            ("FAIL\t1\tuser=carol\n", .rejected), ("FAIL\t1\tuser=carol\tcode=user_disabled\n", .rejected),
            ("FAIL\t1\tuser=carol\ttemp\n", .unavailable), ("FAIL\t1\tcode=temp_fail\n", .unavailable),
            ("OK\t2\tuser=mallory\n", .unavailable), ("OK\tx\n", .unavailable), ("CONT\t1\t!!\n", .unavailable),
        ]
    )
    func verdicts(answer: String, verdict: DovecotVerdict) {
        var dialogue = dialogue()
        _ = dialogue.take(Array(handshake.utf8))
        #expect(dialogue.take(Array(answer.utf8)) == .ended(verdict))
    }

    @Test(
        "an answer before the question, another version, or no PLAIN is no answer",
        arguments: [
            "OK\t1\tuser=carol\n", "VERSION\t2\t0\n", "VERSION\t1\t2\nMECH\tGSSAPI\nDONE\n", "DONE\n", "VERSION\tx\n",
            "MECH\n",
        ]
    )
    func refused(text: String) {
        var dialogue = dialogue()
        #expect(dialogue.take(Array(text.utf8)) == .ended(.unavailable))
    }

    @Test("a challenge is answered with the response")
    func challenge() {
        var dialogue = dialogue()
        _ = dialogue.take(Array(handshake.utf8))
        #expect(dialogue.take(Array("CONT\t1\t\n".utf8)) == .send(Array("CONT\t1\tAGNhcm9sAHNlY3JldA==\n".utf8)))
    }

    @Test("escapes are undone")
    func escapes() {
        #expect(parse("OK\t1\tuser=a\u{1}tb\u{1}1c\u{1}") == .accepted(id: 1, user: "a\tb\u{1}c"))
        #expect(parse("OK\t99999999999999999999\tuser=a") == nil)
        #expect(parse("") == .other && parse("\t\t") == .other)
    }

    @Test("endless lines and endless talk end the dialogue")
    func bounded() {
        var long = dialogue()
        #expect(long.take(Array(repeating: UInt8(ascii: "x"), count: 9000)) == .ended(.unavailable))
        var talk = dialogue()
        var ended = false
        for _ in 0..<20 where !ended {
            let lines = Array(String(repeating: "SPID\t1\n", count: 1000).utf8)
            if case .ended(.unavailable) = talk.take(lines) { ended = true }
        }
        #expect(ended)
    }

    @Test("any bytes give a step and never an acceptance without a question")
    func randomBytes() {
        let words = [
            "VERSION", "MECH", "DONE", "OK", "FAIL", "CONT", "1", "user=x", "PLAIN", "\t", "\n", "\t1\t2\n", "\u{1}",
            "\u{fffd}",
        ]
        for _ in 0..<5000 {
            var dialogue = dialogue()
            var bytes: [UInt8] = []
            for _ in 0..<Int.random(in: 0...30) {
                bytes += Bool.random() ? Array((words.randomElement() ?? "").utf8) : [UInt8.random(in: 0...255)]
            }
            if case .ended(.accepted) = dialogue.take(bytes) {
                #expect(String(decoding: bytes, as: UTF8.self).contains("DONE"))
            }
        }
    }
}
