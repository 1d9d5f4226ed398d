// SPDX-License-Identifier: Apache-2.0

import Commitment
import Mail
import Pipeline
import Privacy
import Settings
import Synchronization
import Testing

@testable import Gateway

@Suite("Who of this machine may send as whom")
struct LocalCallersTests {
    /// A clock that a test moves.
    private final class Hand: Sendable {
        let seconds = Mutex<Int64>(0)

        var time: Time {
            Time(
                wall: { WallTime(seconds: 1_800_000_000) },
                boot: { BootTime(milliseconds: self.seconds.withLock { $0 } * 1000) }
            )
        }
    }

    private static func callers(
        _ tables: [Caller],
        unlisted: SendmailSettings.Unlisted = .ownAddress,
        _ hand: Hand = Hand()
    )
        throws -> LocalCallers
    {
        var settings = PosternSettings(level: .one, hostname: try #require(Domain("mail.example.org")))
        settings.callers = tables
        settings.sendmail.domain = Domain("example.org")
        settings.sendmail.unlisted = unlisted
        return LocalCallers(settings: settings, tallies: CallerTallies(), time: hand.time)
    }

    private static func patterns(_ texts: String...) -> [AddressPattern] { texts.compactMap { AddressPattern($0) } }

    private static func maySend(_ caller: LocalCaller, _ text: String) throws -> Bool {
        caller.maySend(as: try #require(EmailAddress(text)), tagSeparator: "+")
    }

    @Test("a user that no table lists sends as its login name, or not at all")
    func unlisted() async throws {
        let nobody = try Self.callers([])
        let root = try #require(await nobody.caller(userID: 0))
        #expect(root.address == EmailAddress("root@example.org"))
        #expect(try Self.maySend(root, "root+cron@example.org"))
        #expect(try !Self.maySend(root, "root@mail.example.org"))
        let stranger = await nobody.caller(userID: 61_234)
        #expect(stranger?.address == nil)
        let refused = try await Self.callers([], unlisted: .refuse).caller(userID: 0)
        #expect(refused?.address == nil)
    }

    @Test("all tables that match hold together, by name, number and group")
    func tables() async throws {
        let callers = try Self.callers([
            Caller(users: [.name("root")], sendAs: Self.patterns("*@forum.test"), messagesPerHour: 5),
            Caller(groups: [.name("root")], sendAs: Self.patterns("web@example.org"), messagesPerHour: 7),
            Caller(groups: [.number(0)], sendAs: Self.patterns("by@number.test"), messagesPerHour: 3),
            Caller(users: [.number(61_234)], sendAs: Self.patterns("*@nameless.test")),
        ])
        let root = try #require(await callers.caller(userID: 0))
        #expect(root.address == EmailAddress("web@example.org") && root.messagesPerHour == 7)
        for address in ["a@forum.test", "web@example.org", "by@number.test"] {
            #expect(try Self.maySend(root, address))
        }
        for address in ["root@example.org", "a@nameless.test"] { #expect(try !Self.maySend(root, address)) }
        let nameless = try #require(await callers.caller(userID: 61_234))
        #expect(nameless.address == EmailAddress("user61234@nameless.test") && nameless.messagesPerHour == 500)
    }

    @Test("the messages of an hour are counted by user")
    func rate() async throws {
        let hand = Hand()
        let tables = [Caller(users: [.number(0), .number(1)], sendAs: Self.patterns("a@x.test"), messagesPerHour: 2)]
        let callers = try Self.callers(tables, hand)
        let root = try #require(await callers.caller(userID: 0))
        let other = try #require(await callers.caller(userID: 1))
        #expect(callers.mayStart(root) && callers.mayStart(root) && !callers.mayStart(root) && callers.mayStart(other))
        hand.seconds.withLock { $0 = 3599 }
        #expect(!callers.mayStart(root))
        hand.seconds.withLock { $0 = 3600 }
        #expect(callers.mayStart(root))
    }

    @Test("connections are counted by user")
    func connections() throws {
        let callers = try Self.callers([])
        let most = Limits().connectionsPerAddress
        for _ in 0..<most { #expect(callers.enter(7)) }
        #expect(!callers.enter(7) && callers.enter(8))
        callers.leave(7)
        #expect(callers.enter(7))
    }
}
