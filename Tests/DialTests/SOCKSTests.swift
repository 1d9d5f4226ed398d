// SPDX-License-Identifier: Apache-2.0

import NIOCore
import NIOPosix
import SMTPTransport
import TestSupport
import Testing

@testable import Dial

@Suite("SOCKS5", .serialized, .timeLimit(.minutes(2)))
struct SOCKSTests {
    private let dialer = Dialer(group: MultiThreadedEventLoopGroup.singleton)

    /// Connects through `proxy`; nil when that went well.
    private func dial(
        _ proxy: SOCKSProxy,
        _ host: String = "mx.example.org",
        _ port: Int = 25,
        patience: Duration = .seconds(20)
    ) async throws -> DialError? {
        var options = DialOptions(timeouts: ClientTimeouts().capped(at: patience))
        options.proxyTimeout = patience
        do throws(DialError) {
            let connection = try await dialer.connect(to: .proxied(proxy, host: host, port: port), options: options)
            connection.close()
            return nil
        } catch {
            return error
        }
    }

    /// Connects through `proxy` and compares what went wrong; nil: nothing did.
    private func expect(
        _ expected: DialError?,
        _ proxy: SOCKSProxy,
        _ host: String = "mx.example.org",
        _ port: Int = 25,
        patience: Duration = .seconds(20),
        sourceLocation: SourceLocation = #_sourceLocation
    ) async throws {
        let found = try await dial(proxy, host, port, patience: patience)
        #expect(found == expected, sourceLocation: sourceLocation)
    }

    @Test("different destinations have different credentials, the same one keeps its own, and names go unresolved")
    func isolation() async throws {
        let proxy = RecordingProxy()
        let onion = String(repeating: "a", count: 56) + ".onion"
        try await proxy.run { address in
            var isolation = SOCKSIsolation()
            for host in [onion, "mx.example.org", onion, "MX.example.org."] {
                let key = host.lowercased()
                let signIn = SOCKSProxy.SignIn.always(isolation.credentials(for: key))
                try await expect(nil, SOCKSProxy(address, signIn: signIn), host)
            }
            var other = SOCKSIsolation()
            #expect(other.credentials(for: onion) != isolation.credentials(for: onion))
        }
        let requests = proxy.all
        #expect(requests.map(\.name) == [onion, "mx.example.org", onion, "MX.example.org"])
        #expect(requests.allSatisfy { $0.kind == 3 && $0.port == 25 && $0.methods == [2] })
        #expect(requests[0].user == requests[2].user && requests[0].password == requests[2].password)
        #expect(Set(requests.map(\.user)).count == 3)
        #expect(Set(requests.map(\.password)).count == 3)
        #expect(requests.allSatisfy { $0.user.count == 32 && $0.password.count == 32 && $0.user != $0.password })
    }

    @Test("addresses go as addresses")
    func addresses() async throws {
        let proxy = RecordingProxy()
        try await proxy.run { address in
            var isolation = SOCKSIsolation()
            let proxy = SOCKSProxy(address, signIn: .always(isolation.credentials(for: "x")))
            try await expect(nil, proxy, "192.0.2.1", 587)
            try await expect(nil, proxy, "2001:db8::1", 465)
        }
        #expect(proxy.all.map(\.kind) == [1, 4])
        #expect(proxy.all.map(\.host.count) == [4, 16])
        #expect(proxy.all.map(\.port) == [587, 465])
    }

    @Test("every refusal has its words", arguments: Array(1...9) + Array(0xF0...0xF8) as [UInt8])
    func refusals(code: UInt8) async throws {
        var answers = RecordingProxy.Answers()
        answers.reply = [5, code, 0, 1, 0, 0, 0, 0, 0, 0]
        try await RecordingProxy(answers).run { address in
            var isolation = SOCKSIsolation()
            let proxy = SOCKSProxy(address, signIn: .always(isolation.credentials(for: "x")))
            try await expect(.proxy(.refused(code)), proxy)
        }
        let text = SOCKSFailure.refused(code).text
        #expect((text == "the proxy refuses with code \(code)") == (code == 9 || code == 0xF8))
    }

    @Test("a proxy that takes no sign-in is used only where that is allowed")
    func withoutSignIn() async throws {
        var answers = RecordingProxy.Answers()
        answers.method = [5, 0]
        let proxy = RecordingProxy(answers)
        try await proxy.run { address in
            var isolation = SOCKSIsolation()
            let credentials = isolation.credentials(for: "x")
            try await expect(.proxy(.malformed), SOCKSProxy(address, signIn: .always(credentials)))
            try await expect(nil, SOCKSProxy(address, signIn: .whereTaken(credentials)))
        }
        #expect(proxy.all.map(\.methods) == [[0, 2]])
        #expect(proxy.all.map(\.user) == [""])
    }

    static let faults: [(RecordingProxy.Answers, SOCKSFailure)] = {
        func answers(_ change: (inout RecordingProxy.Answers) -> Void) -> RecordingProxy.Answers {
            var answers = RecordingProxy.Answers()
            change(&answers)
            return answers
        }
        return [
            (answers { $0.method = [5, 0xFF] }, .noCommonMethod), (answers { $0.method = [4, 0] }, .malformed),
            (answers { $0.method = [5, 2, 1, 0] }, .malformed), (answers { $0.signIn = [1, 1] }, .signInRefused),
            (answers { $0.signIn = [5, 0] }, .malformed), (answers { $0.reply = [5, 0, 0, 9, 0, 0] }, .malformed),
            (answers { $0.reply = Array("HTTP/1.1 400\r\n".utf8) }, .malformed),
            (answers { $0.hangsUpInstead = true }, .lost),
        ]
    }()

    @Test("each fault of a proxy has its name", arguments: faults.indices)
    func fault(_ index: Int) async throws {
        let (answers, expected) = Self.faults[index]
        try await RecordingProxy(answers).run { address in
            var isolation = SOCKSIsolation()
            let proxy = SOCKSProxy(address, signIn: .always(isolation.credentials(for: "x")))
            try await expect(.proxy(expected), proxy)
        }
    }

    @Test("a proxy that stays silent is given up, and names that can't be asked for are never sent")
    func silence() async throws {
        var answers = RecordingProxy.Answers()
        answers.reply = [5]
        let proxy = RecordingProxy(answers)
        try await proxy.run { address in
            var isolation = SOCKSIsolation()
            let target = SOCKSProxy(address, signIn: .always(isolation.credentials(for: "x")))
            try await expect(.proxy(.timedOut), target, patience: .milliseconds(300))
            for name in ["", "a b", "bücher.example", String(repeating: "a", count: 256)] {
                try await expect(.proxy(.unusableName), target, name)
            }
        }
        #expect(proxy.all.count == 1)
    }

    @Test("cancelling ends the talk with the proxy")
    func cancelling() async throws {
        var answers = RecordingProxy.Answers()
        answers.reply = [5]
        let proxy = RecordingProxy(answers)
        try await proxy.run { address in
            var isolation = SOCKSIsolation()
            let target = SOCKSProxy(address, signIn: .always(isolation.credentials(for: "x")))
            let dialing = Task { try await dial(target, patience: .seconds(60)) }
            for _ in 0..<1000 where proxy.all.isEmpty { try await Task.sleep(for: .milliseconds(10)) }
            dialing.cancel()
            #expect(try await dialing.value == .cancelled)
        }
    }

    @Test("any bytes of a proxy are read without harm, and how they were cut makes no difference")
    func fuzz() throws {
        var generator = SeededGenerator(seed: 17)
        let credentials = try #require(SOCKSCredentials(user: "u", password: "p"))
        let honest: [[UInt8]] = [[5, 2], [1, 0], [5, 0, 0, 3, 2, 97, 98, 0, 25, 50, 50, 48]]
        func outcome(_ pieces: [[UInt8]]) -> String {
            guard var dialogue = try? SOCKSDialogue(host: "x", port: 25, signIn: .whereTaken(credentials)) else {
                return ""
            }
            var last = "wait"
            for piece in pieces {
                do throws(SOCKSFailure) {
                    let step = try dialogue.take(piece)
                    if case .connected(let rest) = step { return "connected \(rest)" }
                    if case .send = step { last = "sent" }
                } catch {
                    return "\(error)"
                }
            }
            return last
        }
        #expect(outcome(honest) == "connected [50, 50, 48]")
        for _ in Rounds(4000) {
            var pieces = honest
            let row = Int(generator.next() % 3)
            let place = Int(generator.next() % UInt64(pieces[row].count))
            pieces[row][place] = UInt8(truncatingIfNeeded: generator.next())
            let cut = pieces.dropLast().flatMap { $0.map { [$0] } } + [pieces[2]]
            #expect(outcome(pieces) == outcome(cut))
        }
    }
}
