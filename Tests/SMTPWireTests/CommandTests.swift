// SPDX-License-Identifier: Apache-2.0

import Mail
import SMTPWire
import TestSupport
import Testing

@Suite("Command parser")
struct CommandTests {
    private func parse(_ text: String, smtpUTF8Allowed: Bool = true) -> Result<SMTPCommand, CommandError> {
        Result { () throws(CommandError) in
            try SMTPCommandParser.parse(Array(text.utf8)[...], smtpUTF8Allowed: smtpUTF8Allowed)
        }
    }

    private func code(_ text: String, smtpUTF8Allowed: Bool = true) -> Int? {
        if case .failure(let error) = parse(text, smtpUTF8Allowed: smtpUTF8Allowed) { error.reply.code } else { nil }
    }

    private func mail(_ text: String) -> MailParameters? {
        if case .success(.mail(let parameters)) = parse(text) { parameters } else { nil }
    }

    private func rcpt(_ text: String) -> RcptParameters? {
        if case .success(.rcpt(let parameters)) = parse(text) { parameters } else { nil }
    }

    @Test(
        "plain commands, in any case, with blanks behind",
        arguments: [
            ("DATA", SMTPCommand.data), ("data  ", .data), ("RSET", .rset), ("NOOP", .noop), ("noop what ever", .noop),
            ("QUIT\t", .quit),
            ("STARTTLS", .startTLS), ("StartTLS ", .startTLS), ("EHLO mail.example.org", .ehlo("mail.example.org")),
            ("HELO [127.0.0.1]", .helo("[127.0.0.1]")), ("LHLO x", .lhlo("x")), ("VRFY someone", .vrfy),
            ("EXPN list", .expn), ("HELP", .help),
            ("BDAT 0", .bdat(size: 0, last: false)), ("bdat 123 last", .bdat(size: 123, last: true)),
            ("AUTH PLAIN", .auth(mechanism: "PLAIN", initial: nil)),
            ("AUTH plain =", .auth(mechanism: "PLAIN", initial: [])),
            ("AUTH PLAIN AGEAYg==", .auth(mechanism: "PLAIN", initial: [0, 97, 0, 98])),
        ]
    )
    func plain(text: String, expected: SMTPCommand) {
        #expect(parse(text) == .success(expected))
    }

    @Test("XFORWARD says what it is told, for those who offer to take it, and prints as nothing")
    func xforward() throws {
        guard case .success(.xforward(var client)) = parse("XFORWARD NAME=host.example addr=192.0.2.1") else {
            Issue.record("no XFORWARD")
            return
        }
        guard case .success(.xforward(let more)) = parse("xforward ADDR=IPV6:2001:db8::1 PROTO=ESMTP") else {
            Issue.record("no XFORWARD")
            return
        }
        client.merge(more)
        #expect(
            client.commands(for: ["ADDR", "NAME"]) == [
                "XFORWARD NAME=host.example\r\n", "XFORWARD ADDR=IPV6:2001:db8::1\r\n",
            ]
        )
        #expect(client.commands(for: []).isEmpty)
        #expect("\(client)" == "ForwardedClient" && "\(SMTPCommand.xforward(client))" == "XFORWARD")
        for bad in [
            "XFORWARD", "XFORWARD NAME", "XFORWARD NAME=", "XFORWARD NAME=a NAME=b", "XFORWARD LOGIN=x",
            "XFORWARD NAME=a=b",
        ] {
            #expect(code(bad) == 501, "\(bad)")
        }
        #expect(code("XCLIENT NAME=x") == 502)
    }

    @Test(
        "what is no command has a code",
        arguments: [
            ("", 500), ("FOO", 500), ("DATA\0", 500), ("RS ET", 500), ("NOOP\u{1B}", 500), ("EHLO", 501),
            ("EHLO a b", 501), ("HELO ", 501),
            ("DATA now", 501), ("RSET x", 501), ("QUIT x", 501), ("STARTTLS x", 501), ("VRFY", 501), ("ETRN x", 502),
            ("TURN", 502), ("BDAT", 501),
            ("BDAT -1", 501), ("BDAT 9223372036854775808", 501), ("BDAT 1 2", 501), ("AUTH", 501),
            ("AUTH PLAIN a", 501), ("AUTH PL*IN", 501),
            ("AUTH PLAIN AAAA BBBB", 501), ("MAIL", 501), ("MAIL a@b.org", 501), ("MAIL FROM", 501),
            ("MAIL FROM:", 501),
            ("MAIL FROM:a@b.org", 501), ("MAIL FROM:  <a@b.org>", 501), ("MAIL FROM :<a@b.org>", 501),
            ("MAIL FROM:<a@b.org", 501),
            ("MAIL FROM:<a@b.org>SIZE=1", 501), ("MAIL FROM:<a b@c.org>", 501), ("MAIL FROM:<<a@b.org>>", 501),
            ("MAIL FROM:<a@b@c.org>", 501),
            ("MAIL FROM:<a@b.org> SIZE", 501), ("MAIL FROM:<a@b.org> SIZE=-1", 501),
            ("MAIL FROM:<a@b.org> SIZE=1 SIZE=1", 501),
            ("MAIL FROM:<a@b.org> BODY=9BIT", 501), ("MAIL FROM:<a@b.org> BODY=BINARYMIME", 555),
            ("MAIL FROM:<a@b.org> FOO=1", 555),
            ("MAIL FROM:<a@b.org> RET=ALL", 501), ("MAIL FROM:<a@b.org> ENVID=", 501),
            ("MAIL FROM:<a@b.org> ENVID=a+0Ab", 501),
            ("MAIL FROM:<a@b.org> SMTPUTF8=1", 501), ("MAIL FROM:<ä@b.org>", 553), ("MAIL FROM:<a@[192.0.2.1]>", 553),
            ("RCPT", 501),
            ("RCPT TO:<>", 501), ("RCPT TO:<a>", 501), ("RCPT TO:<a@[IPv6:::1]>", 553), ("RCPT TO:<@x.org:>", 501),
            ("RCPT TO:<@:a@b.org>", 501),
            ("RCPT TO:<a@b.org> NOTIFY=NEVER,FAILURE", 501), ("RCPT TO:<a@b.org> NOTIFY=", 501),
            ("RCPT TO:<a@b.org> ORCPT=x", 501),
            ("RCPT TO:<a@b.org> SIZE=1", 555), ("RCPT TO:<a@b.org\u{7F}>", 500),
        ]
    )
    func refused(text: String, expected: Int) {
        #expect(code(text) == expected)
    }

    @Test("MAIL with everything")
    func mailParameters() throws {
        let parameters = try #require(
            mail("MAIL FROM: <a@example.org> SIZE=12345 BODY=8bitmime SMTPUTF8 RET=HDRS ENVID=a+2Bb AUTH=<>")
        )
        #expect(parameters.reversePath.address?.wire == "a@example.org")
        #expect(parameters.size == 12345)
        #expect(parameters.body == .eightBitMIME)
        #expect(parameters.smtpUTF8)
        #expect(parameters.ret == .headers)
        #expect(parameters.envid == "a+b")
        #expect(parameters.auth == "<>")
        #expect(mail("MAIL FROM:<>")?.reversePath == .null)
        #expect(mail("MAIL FROM:<> SIZE=99999999999999999999")?.size == Int.max)
        #expect(mail("MAIL FROM:<bücher@bücher.example> SMTPUTF8")?.reversePath.address?.localPart == "bücher")
    }

    @Test("RCPT with everything")
    func rcptParameters() throws {
        let parameters = try #require(
            rcpt("RCPT TO:<a@example.org> NOTIFY=success,DELAY ORCPT=rfc822;b+2Bc@example.org")
        )
        #expect(parameters.notify == [.success, .delay])
        #expect(parameters.orcpt == OriginalRecipient(addressType: "rfc822", address: "b+c@example.org"))
        #expect(rcpt("RCPT TO:<a@example.org> NOTIFY=NEVER")?.notify == .some(.never))
        #expect(rcpt("RCPT TO:<a@example.org>")?.notify == nil)
        #expect(rcpt("RCPT TO:<Postmaster>")?.forwardPath == .postmaster)
        #expect(rcpt("RCPT TO:<a@example.org> ORCPT=utf-8;b\\x{FC}c@example.org")?.orcpt?.address == "büc@example.org")
        for orcpt in ["rfc822;gr+C3+BCn+2Bx@example.org", "rfc822;grün+2Bx@example.org"] {
            let expected = OriginalRecipient(addressType: "utf-8", address: "grün+x@example.org")
            #expect(rcpt("RCPT TO:<a@example.org> ORCPT=\(orcpt)")?.orcpt == expected)
        }
        #expect(rcpt("RCPT TO:<a@example.org> ORCPT=rfc822;gr+FCn@example.org") == nil)
        #expect(rcpt("RCPT TO:<a@example.org> ORCPT=rfc822;a+0D+0Ab") == nil)
        #expect(code("RCPT TO:<ä@example.org>", smtpUTF8Allowed: false) == 553)
    }

    @Test(
        "only the final mailbox counts, however it is dressed up",
        arguments: [
            ("<@one.org,@two.org:a@example.org>", "a", "example.org"),
            ("<a%evil.org@example.org>", "a%evil.org", "example.org"),
            ("<evil.org!a@example.org>", "evil.org!a", "example.org"),
            ("<\"a@evil.org\"@example.org>", "a@evil.org", "example.org"),
            ("<\"a>b\"@example.org>", "a>b", "example.org"), ("<\"a\\\"b\"@example.org>", "a\"b", "example.org"),
            ("<a@EXAMPLE.org.>", "a", "example.org"),
        ]
    )
    func finalMailbox(path: String, localPart: String, domain: String) throws {
        guard case .address(let address)? = rcpt("RCPT TO:" + path)?.forwardPath else {
            Issue.record("did not parse")
            return
        }
        #expect(address.localPart == localPart)
        #expect(address.domain.key == domain)
    }

    @Test("what a command prints as holds nothing of its arguments")
    func privacy() {
        let lines = [
            "MAIL FROM:<secret@example.org>", "RCPT TO:<secret@example.org> ORCPT=rfc822;secret@x.org",
            "AUTH PLAIN c2VjcmV0", "EHLO secret.example.org",
        ]
        for line in lines {
            guard case .success(let command) = parse(line) else {
                Issue.record("did not parse")
                continue
            }
            var dumped = ""
            dump(command, to: &dumped)
            let texts = [
                String(describing: command), String(reflecting: command), "\(command)", dumped, "\([command])",
            ]
            #expect(!texts.contains { $0.contains("secret") || $0.contains("115") })
        }
    }

    @Test("limits by command")
    func limits() {
        #expect(CommandLineLimit.octets(for: Array("NOOP".utf8)) == 512)
        #expect(CommandLineLimit.octets(for: Array("mail from:<>".utf8)) == 512 + 26 + 17 + 10 + 11 + 116 + 500)
        #expect(CommandLineLimit.octets(for: Array("RCPT".utf8)) == 512 + 529 + 10)
        #expect(CommandLineLimit.octets(for: Array("AUTH".utf8)) == 12_288)
        #expect(CommandLineLimit.octets(for: Array("RC".utf8)) == 512)
    }

    @Test("mutated and random lines never trap, and a path that parses is safe to send on")
    func fuzz() {
        var generator = SeededGenerator(seed: 2026)
        let seeds = [
            "MAIL FROM:<a@example.org> SIZE=1 BODY=8BITMIME RET=FULL ENVID=x+2B SMTPUTF8",
            "RCPT TO:<\"a b\"@example.org> NOTIFY=SUCCESS ORCPT=rfc822;x",
            "BDAT 12 LAST", "AUTH PLAIN AGEAYg==", "RCPT TO:<@a.org,@b.org:c@d.org> ORCPT=utf-8;\\x{41}",
        ].map { Array($0.utf8) }
        let spice: [UInt8] = Array("<>@\"\\:;,.+={}[] \r\n\t\0".utf8) + [0x80, 0xC3, 0xFF]
        for round in Rounds(40_000) {
            var line = seeds[round % seeds.count]
            for _ in 0..<(1 + generator.next() % 5) {
                let place = Int(generator.next() % UInt64(line.count))
                switch generator.next() % 4 {
                case 0: line[place] = UInt8(truncatingIfNeeded: generator.next())
                case 1: if line.count > 1 { line.remove(at: place) }
                case 2: line.insert(spice[Int(generator.next() % UInt64(spice.count))], at: place)
                default: line += line[place...]
                }
            }
            guard let command = try? SMTPCommandParser.parse(line[...], smtpUTF8Allowed: true) else { continue }
            if case .rcpt(let parameters) = command, case .address(let address) = parameters.forwardPath {
                let wire = Array(address.wire.utf8)
                #expect(!wire.contains { $0 < 0x20 || $0 == 0x7F })
                let again = try? SMTPCommandParser.parse(
                    Array("RCPT TO:<".utf8)[...] + wire + Array(">".utf8),
                    smtpUTF8Allowed: true
                )
                #expect(again == .rcpt(RcptParameters(forwardPath: .address(address))))
            }
        }
    }
}
