// SPDX-License-Identifier: Apache-2.0

import NIOCore
import SMTPTransport
import Testing

@testable import Probe

@Suite("What a probe shows")
struct ProbeTranscriptTests {
    private let transcript = ProbeTranscript { _ in }

    private func say(_ text: String) { transcript.tap.said(ByteBuffer(string: text)) }
    private func hear(_ text: String) { transcript.tap.heard(ByteBuffer(string: text)) }

    private var shown: [String] { transcript.lines.map(\.shown) }

    @Test("who said what, in clear and inside TLS, replies cut anywhere")
    func marks() {
        transcript.note("Trying")
        hear("220 x\r")
        hear("\n")
        say("EHLO a\r\nNOOP\r\n")
        hear("250-x\r\n250 STARTTLS\r\n454 no\r\n")
        transcript.tlsIsUp()
        say("MAIL FROM:<>\r\n")
        hear("250 ok\r\n550 5.1.1 no\r\n")
        transcript.fault("Gone.")
        #expect(
            shown == [
                "=== Trying", "<-  220 x", " -> EHLO a", " -> NOOP", "<-  250-x", "<-  250 STARTTLS", "<** 454 no",
                " ~> MAIL FROM:<>", "<~  250 ok", "<~* 550 5.1.1 no", "*** Gone.",
            ]
        )
    }

    @Test("neither a password nor what encodes it is shown, whoever says it")
    func secrets() {
        transcript.signInBegins(user: "alice", password: "open sesame")
        say("AUTH PLAIN AGFsaWNlAG9wZW4gc2VzYW1l\r\n")
        hear("535 not open sesame, nor b3BlbiBzZXNhbWU= nor AGFsaWNlAG9wZW4gc2VzYW1l\r\n")
        say("AUTH LOGIN\r\n")
        hear("334 VXNlcm5hbWU6\r\n")
        say("YWxpY2U=\r\n")
        say("b3BlbiBzZXNhbWU=\r\n")
        transcript.signInEnded()
        say("QUIT\r\n")
        hear("221 open sesame\r\n")
        #expect(
            shown == [
                " -> AUTH PLAIN ****", "<** 535 not ****, nor **** nor ****", " -> AUTH LOGIN", "<-  334 VXNlcm5hbWU6",
                " -> ****", " -> ****", " -> QUIT", "<-  221 ****",
            ]
        )
    }

    @Test("controls and marks that turn the direction of writing are made harmless, endless lines are cut")
    func harmless() {
        hear("250 a\u{1B}[2Jb\u{202E}c\0\r\n")
        hear(String(repeating: "x", count: 10_000))
        say(String(repeating: "y", count: 10_000) + "\r\n")
        #expect(shown.first == "<-  250 a?[2Jb?c?")
        #expect(shown.count == 2)
        #expect(transcript.lines.last?.text.count == 2048)
    }

    @Test("a long message is shown to its two hundredth line")
    func content() {
        transcript.contentBegins()
        say(String(repeating: "line\r\n", count: 500))
        transcript.contentEnded()
        #expect(transcript.lines.count == 201)
        #expect(shown.last == "=== 300 more lines of the message are not shown")
    }
}
