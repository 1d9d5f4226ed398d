// SPDX-License-Identifier: Apache-2.0

import Testing

@testable import Gateway

@Suite("SASL exchanges")
struct SASLExchangeTests {
    private func verified(_ step: SASLExchange.Step) -> String? {
        guard case .verify(let login, let password) = step else { return nil }
        return login + "/" + String(decoding: password, as: UTF8.self)
    }

    private func isRefused(_ step: SASLExchange.Step) -> Bool {
        if case .refuse = step { true } else { false }
    }

    @Test("PLAIN with an initial response, and with one asked for")
    func plain() throws {
        var exchange = try #require(SASLExchange(mechanism: "plain"))
        #expect(verified(exchange.begin(Array("\0alice\0secret".utf8))) == "alice/secret")
        var asked = try #require(SASLExchange(mechanism: "PLAIN"))
        guard case .challenge(let empty) = asked.begin(nil) else {
            Issue.record("no challenge")
            return
        }
        #expect(empty.isEmpty)
        #expect(verified(asked.answer(Array("alice\0alice\0s".utf8))) == "alice/s")
    }

    @Test(
        "to act as somebody else is refused, and so is anything malformed",
        arguments: ["bob\0alice\0s", "alice", "\0\0s", "a\0b\0c\0d", ""]
    )
    func refused(text: String) throws {
        var exchange = try #require(SASLExchange(mechanism: "PLAIN"))
        #expect(isRefused(exchange.begin(Array(text.utf8))))
    }

    @Test("LOGIN asks for name and password")
    func login() throws {
        var exchange = try #require(SASLExchange(mechanism: "LOGIN"))
        guard case .challenge(let first) = exchange.begin(nil),
            case .challenge(let second) = exchange.answer(Array("alice".utf8))
        else {
            Issue.record("no challenge")
            return
        }
        #expect(first.elementsEqual("Username:".utf8) && second.elementsEqual("Password:".utf8))
        #expect(verified(exchange.answer(Array("s".utf8))) == "alice/s")
    }

    @Test("other mechanisms are not offered")
    func unknown() {
        #expect(SASLExchange(mechanism: "CRAM-MD5") == nil)
    }
}
