// SPDX-License-Identifier: Apache-2.0

import LocalMail
import Mail
import SMTPWire
import Testing

@Suite("The arguments of sendmail")
struct SendmailArgumentsTests {
    private static func parse(_ line: String) throws -> SendmailArguments {
        try SendmailArguments(line.split(separator: " ").map { String($0) })
    }

    @Test("what real programs pass")
    func realPrograms() throws {
        let cron = try Self.parse("-FCronDaemon -i -B8BITMIME -oem root")
        #expect(
            cron.fullName == "CronDaemon" && cron.ignoresDots && cron.recipients == ["root"] && !cron.readsRecipients
        )
        let phpMailer = try Self.parse("-oi -fweb@example.org -t")
        #expect(phpMailer.ignoresDots && phpMailer.sender == "web@example.org" && phpMailer.readsRecipients)
        let php = try Self.parse("-t -i -fbounces@example.org")
        #expect(php.readsRecipients && php.sender == "bounces@example.org")
        let git = try Self.parse("-i a@x.test b@x.test")
        #expect(git.recipients == ["a@x.test", "b@x.test"])
        let mailx = try Self.parse("-i -- -odd@x.test")
        #expect(mailx.recipients == ["-odd@x.test"])
    }

    @Test(
        "values stand attached or apart",
        arguments: ["-fa@x.test -Fme -Rfull -Vid", "-f a@x.test -F me -R full -V id"]
    )
    func values(_ line: String) throws {
        let parsed = try Self.parse(line)
        #expect(
            parsed.sender == "a@x.test" && parsed.fullName == "me" && parsed.ret == .full && parsed.envelopeID == "id"
        )
    }

    @Test("modes", arguments: [("-bm", 0), ("-bs", 1), ("-bi", 2), ("-I", 2), ("-bp", 3), ("-q", 4), ("-q30m", 4)])
    func modes(_ line: String, _ expected: Int) throws {
        let modes: [SendmailArguments.Mode] = [.message, .smtp, .aliases, .queue, .queueRun]
        #expect(try Self.parse(line).mode == modes[expected])
    }

    @Test("delivery reports")
    func reports() throws {
        #expect(try Self.parse("-Nnever").notify == Notify.never)
        #expect(try Self.parse("-N success,Delay").notify == [.success, .delay])
        #expect(try Self.parse("-t").notify == nil)
    }

    @Test("an empty sender is the null sender")
    func nullSender() throws {
        #expect(try SendmailArguments(["-f", ""]).sender == "")
        #expect(try SendmailArguments(["-f<>"]).sender == "")
        #expect(try SendmailArguments(["-r", "<a@x.test>"]).sender == "a@x.test")
    }

    @Test("places of the gateway")
    func places() throws {
        let parsed = try Self.parse("--config /etc/p.toml --socket=/run/s -t")
        #expect(parsed.place == ["config": "/etc/p.toml", "socket": "/run/s"] && parsed.readsRecipients)
    }

    @Test(
        "what makes no sense is wrong usage, with a sentence",
        arguments: [
            "-Z", "-bd", "-bv", "-N sometimes", "-N never,success", "-Rsome", "-BASCII", "-f", "--unknown", "--config",
        ]
    )
    func wrongUsage(_ line: String) throws {
        let failure = try #require(throws: SendmailFailure.self) { try Self.parse(line) }
        #expect(failure.exit == .usage && failure.sentence.hasSuffix("."))
    }

    @Test(
        "what a refusal means to the program",
        arguments: [
            ("550 5.1.1 no", SendmailExit.noUser), ("550 5.7.1 no", .notAllowed), ("553 5.7.1 no", .notAllowed),
            ("552 5.3.4 no", .badData), ("554 5.6.0 no", .badData), ("550 no", .unavailable),
            ("450 4.7.0 no", .tryAgain),
            ("421 4.3.2 no", .tryAgain),
        ]
    )
    func exits(_ line: String, _ expected: SendmailExit) throws {
        var parser = ReplyParser()
        parser.append((line + "\r\n").utf8)
        let reply = try parser.next()
        #expect(SendmailExit(refusal: try #require(reply)) == expected)
    }

    @Test("what EHLO tells")
    func greeting() throws {
        var parser = ReplyParser()
        parser.append("250-gateway\r\n250-SIZE 1\r\n250 XPOSTERN example.org web@example.org\r\n".utf8)
        let reply = try parser.next()
        let told = try #require(reply)
        let greeting = try #require(LocalSession.Greeting(told))
        #expect(greeting.domain == Domain("example.org") && greeting.address == EmailAddress("web@example.org"))
    }
}
