// SPDX-License-Identifier: Apache-2.0

import Mail
import SMTPTransport
import SMTPWire
import Settings
import Testing

@testable import Delivery

@Suite("What becomes of copies at a next hop")
struct RelayOutcomeTests {
    @Test("a message is handed on whole, dots and all, and DSN wishes go with it")
    func delivered() async throws {
        let (outcomes, peer) = try await Fixture.relayed(Script())
        #expect(outcomes == ["delivered dsn"])
        #expect(peer.taken.count == 1)
        #expect(peer.taken.first?.content == Fixture.text)
        #expect(peer.taken.first?.mail.hasPrefix("MAIL FROM:<alice@ours.test>") == true)
        #expect(peer.lines.first == "EHLO gate.test")
    }

    @Test("the null sender stays the null sender, and without DSN on the other side the wish stays ours")
    func nullSender() async throws {
        var script = Script()
        script.extensions = []
        let (outcomes, peer) = try await Fixture.relayed(script, from: nil)
        #expect(outcomes == ["delivered"])
        #expect(peer.taken.first?.mail == "MAIL FROM:<>")
    }

    @Test("CHUNKING is used when offered, and the content is the same")
    func chunking() async throws {
        var script = Script()
        script.extensions.append("CHUNKING")
        let (outcomes, peer) = try await Fixture.relayed(script)
        #expect(outcomes == ["delivered dsn"])
        #expect(peer.taken.first?.content == Fixture.text)
        #expect(peer.lines.contains { $0.hasPrefix("BDAT ") })
        #expect(!peer.lines.contains("DATA"))
    }

    static let single: [(String, Script.Move, String)] = [
        ("MAIL", .say("451 4.7.1 greylisted"), "deferred 4.7.1 refusedByHost"),
        ("MAIL", .say("550 5.7.1 no"), "failed 5.7.1 refusedByHost"),
        ("MAIL", .sayAndHangUp("421 4.3.2 closing"), "deferred 4.3.2 hostUnavailable"),
        ("RCPT", .say("550 5.1.1 unknown"), "failed 5.1.1 refusedByHost"),
        ("RCPT", .say("450 4.2.1 later"), "deferred 4.2.1 refusedByHost"),
        ("RCPT", .say("452 4.5.3 too many"), "deferred 4.5.3 refusedByHost"),
        ("RCPT", .say("552 5.2.2 full"), "failed 5.2.2 refusedByHost"),
        ("RCPT", .say("552 5.5.3 too many"), "deferred 4.5.3 refusedByHost"),
        ("DATA", .say("451 4.3.0 not now"), "deferred 4.3.0 refusedByHost"),
        ("DATA", .say("554 5.6.0 never"), "failed 5.6.0 refusedByHost"),
        ("EHLO", .say("421 4.3.2 busy"), "deferred 4.3.2 hostUnavailable"),
        ("MAIL", .hangUp, "deferred 4.4.2 connectionLost"),
        ("DATA", .hangUp, "deferred 4.4.2 connectionLost"),
        ("RCPT", .say("hello?"), "deferred 4.5.0 protocolError"),
    ]

    @Test("each refusal and each break has its outcome", arguments: single.indices)
    func outcome(_ index: Int) async throws {
        let (verb, move, expected) = Self.single[index]
        var script = Script()
        script.answers = [verb: move]
        let (outcomes, peer) = try await Fixture.relayed(script)
        #expect(outcomes == [expected])
        #expect(peer.taken.isEmpty)
    }

    @Test("the answer to the end of content decides: refused, put off, or lost on the way")
    func endOfContent() async throws {
        let rows: [(Script.Move, String)] = [
            (.say("554 5.7.1 spam"), "failed 5.7.1 refusedByHost"),
            (.say("452 4.3.1 full"), "deferred 4.3.1 refusedByHost"),
            (.hangUp, "deferred 4.4.2 connectionLost"), (.silence, "deferred 4.4.2 timedOut"),
            (.sayAndHangUp("421 4.3.2 closing"), "deferred 4.3.2 hostUnavailable"),
        ]
        for (move, expected) in rows {
            var script = Script()
            script.contentAnswers = [move]
            let (outcomes, peer) = try await Fixture.relayed(script) {
                if case .silence = move { $0.timeouts.end = .seconds(1) }
            }
            #expect(outcomes == [expected])
            #expect(peer.connections == 1)
        }
    }

    @Test("a host that does not want mail for good (521) fails it; one that is busy or silent defers it")
    func greeting() async throws {
        for (move, expected) in [
            (Script.Move.say("521 no mail here"), "failed 5.3.2 hostUnavailable"),
            (.say("554 not you"), "deferred 4.3.2 hostUnavailable"),
            (.say("421 busy"), "deferred 4.3.2 hostUnavailable"),
            (.hangUp, "deferred 4.4.2 connectionLost"), (.silence, "deferred 4.4.2 timedOut"),
        ] {
            var script = Script()
            script.greeting = move
            let outcomes = try await Fixture.relayed(script) {
                if case .silence = move { $0.timeouts.greeting = .seconds(1) }
            }.outcomes
            #expect(outcomes == [expected])
        }
    }

    @Test("nobody at the port: deferred")
    func nobody() async throws {
        // A port below the ones that systems hand out: no other test can have it.
        let delivery = Fixture.delivery(try Fixture.options())
        let results = await delivery.deliver(try Fixture.group(Fixture.relay(1)))
        #expect(results.map(\.outcome.short) == ["deferred 4.4.1 unreachable"])
    }

    @Test("recipients have their own outcomes")
    func mixed() async throws {
        var script = Script()
        script.answers = ["RCPT TO:<no@": .say("550 5.1.1 unknown"), "RCPT TO:<later@": .say("450 4.2.1 later")]
        let (outcomes, peer) = try await Fixture.relayed(
            script,
            to: ["no@dest.test", "bob@dest.test", "later@dest.test"]
        )
        #expect(outcomes == ["failed 5.1.1 refusedByHost", "delivered dsn", "deferred 4.2.1 refusedByHost"])
        #expect(peer.taken.first?.rcpts.count == 1)
    }

    @Test("more recipients than a transaction takes go in several, on one connection", arguments: [Int.max, 40])
    func manyRecipients(_ limit: Int) async throws {
        var script = Script()
        script.maxRecipients = limit
        let (outcomes, peer) = try await Fixture.relayed(script, to: (0..<250).map { "r\($0)@dest.test" })
        #expect(outcomes == Array(repeating: "delivered dsn", count: 250))
        #expect(peer.taken.count == (limit == 40 ? 7 : 3))
        #expect(Set(peer.taken.flatMap(\.rcpts)).count == 250)
        #expect(peer.connections == 1)
    }

    @Test("what the other side cannot take is refused with its code, and nothing is sent")
    func unfit() async throws {
        let rows: [(String, [String], ContentNeeds, String)] = [
            ("SMTPUTF8", ["bob@dest.test"], ContentNeeds(has8BitBody: true), "failed 5.6.3 eightBitBody"),
            ("8BITMIME", ["jürgen@dest.test"], ContentNeeds(), "failed 5.6.7 nonASCIIAddress"),
            ("8BITMIME", ["bob@dest.test"], ContentNeeds(hasUTF8Header: true), "failed 5.6.9 nonASCIIHeader"),
            ("SIZE 20", ["bob@dest.test"], ContentNeeds(), "failed 5.3.4 tooLarge"),
        ]
        for (offered, recipients, needs, expected) in rows {
            var script = Script()
            script.extensions = [offered, "PIPELINING"]
            let (outcomes, peer) = try await Fixture.relayed(script, to: recipients, needs: needs)
            #expect(outcomes == [expected])
            #expect(!peer.lines.contains { $0.hasPrefix("MAIL") })
        }
    }

    @Test("a domain in its own script is named in ASCII where that is enough, and UTF-8 goes as such where it is taken")
    func international() async throws {
        var script = Script()
        script.extensions = ["PIPELINING"]
        let ascii = try await Fixture.relayed(script, to: ["bob@bücher.test"])
        #expect(ascii.outcomes == ["delivered"])
        #expect(ascii.peer.taken.first?.rcpts.first?.hasPrefix("RCPT TO:<bob@xn--bcher-kva.test>") == true)
        let utf8 = try await Fixture.relayed(Script(), to: ["jürgen@dest.test"])
        #expect(utf8.outcomes == ["delivered dsn"])
        #expect(utf8.peer.taken.first?.mail.contains("SMTPUTF8") == true)
    }

    @Test("content with a bare line feed is never sent")
    func bareLineFeed() async throws {
        let (outcomes, peer) = try await Fixture.relayed(Script(), text: "Subject: x\r\n\r\nbare\nfeed\r\n")
        #expect(outcomes == ["failed 5.6.0 flawedContent"])
        #expect(peer.taken.isEmpty)
    }

    @Test("TLS that was to be verified and is not offered defers, and credentials stay here")
    func verifiedTLS() async throws {
        let peer = try await ScriptedPeer()
        let delivery = Fixture.delivery(try Fixture.options())
        let credentials = NextHop.Credentials(username: "u", passwordFile: "/nowhere")
        let place = Endpoint.tcp(host: "127.0.0.1", port: peer.port)
        let hop = NextHop(endpoint: place, tls: .verify)
        let verified = await delivery.deliver(try Fixture.group(.relay(hop)))
        #expect(verified.map(\.outcome.short) == ["deferred 4.7.11 tlsRequired"])
        let clear = NextHop(endpoint: place, tls: .off, credentials: credentials)
        let withCredentials = await delivery.deliver(try Fixture.group(.relay(clear)))
        #expect(withCredentials.map(\.outcome.short) == ["deferred 4.7.11 tlsRequired"])
        #expect(!peer.record.lines.contains { $0.hasPrefix("AUTH") })
        await peer.stop()
    }
}
