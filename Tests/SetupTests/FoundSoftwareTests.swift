// SPDX-License-Identifier: Apache-2.0

import Commitment
import Mail
import Settings
import Testing

@testable import Setup

@Suite("Mail software that is found")
struct FoundSoftwareTests {
    @Test("Dovecot's sockets are those that its configuration names")
    func dovecot() {
        let text = """
            base_dir=/run/dovecot
            protocols= imap lmtp
            ssl_cert=</etc/dovecot/private/dovecot.pem
            service/lmtp/unix_listener=lmtp
            service/lmtp/unix_listener/lmtp/path=lmtp
            service/auth/unix_listener=auth-login auth-client auth-userdb
            service/auth/unix_listener/auth-client/path=auth-client
            service/auth/unix_listener/auth-client/mode=0600
            """
        let found = FoundDovecot(settings: KeyedLines(text), version: "2.3")
        #expect(found.delivery == "/run/dovecot/lmtp" && found.signIn == "/run/dovecot/auth-client")
        #expect(!found.isSignInShared && found.certificate == "/etc/dovecot/private/dovecot.pem")
        let open = text.replacing("0600", with: "0660").replacing("path=lmtp", with: "path=/srv/lmtp")
        let shared = FoundDovecot(settings: KeyedLines(open), version: "2.3")
        #expect(shared.isSignInShared && shared.delivery == "/srv/lmtp")
        #expect(FoundDovecot(settings: KeyedLines("protocols = imap"), version: "").delivery == nil)
    }

    @Test(
        "a relayhost in brackets is a next hop, another form is none",
        arguments: [
            ("[smtp.example.net]:587", "smtp.example.net:587"), ("[192.0.2.1]", "192.0.2.1:25"), ("example.net", nil),
            ("[]:1", nil), ("[a.example]:x", nil),
        ] as [(String, String?)]
    )
    func relayHost(written: String, expected: String?) {
        #expect(SiteFacts.endpoint(relayHost: written).map { EndpointText.format($0) } == expected)
    }

    @Test(
        "names that every machine may have are not full ones",
        arguments: ["vm", "localhost", "host.local", "x.lan", "a..b"]
    )
    func shortNames(name: String) {
        #expect(!HostName.isFull(name))
        #expect(HostName.isFull("mail.example.org"))
    }

    @Test("listening sockets of a port are found in the kernel's table")
    func listening() {
        let table = """
              sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode
               0: 0100007F:0019 00000000:0000 0A 00000000:00000000 00:00000000 00000000     0        0 4711 1 0 100 0 0 10 0
               1: 0100007F:0019 0100007F:C350 01 00000000:00000000 00:00000000 00000000     0        0 4712 1 0 100 0 0 10 0
            """
        #expect(PortHolder.listening(in: table, on: 25) == ["4711"])
        #expect(PortHolder.listening(in: table, on: 26).isEmpty)
    }

    @Test("every kind of gateway has its lines, with its own ports", arguments: InitPlan.Purpose.allCases)
    func lines(purpose: InitPlan.Purpose) throws {
        var plan = InitPlan(purpose, level: .two, hostname: try #require(.init("mail.example.org")))
        plan.ports.outbound = 12_345
        plan.dovecot = InitPlan.Dovecot(delivery: "/run/dovecot/lmtp", signIn: "/run/dovecot/auth-client")
        let facts = SiteFacts.survey()
        let files = SoftwareLines.files(for: plan, facts: facts, directory: "/etc/postern")
        let expected: [InitPlan.Purpose: [String]] = [
            .webApp: ["systemd.txt", "sendmail.txt", "php.txt"], .postfixFilter: ["systemd.txt", "postfix.txt"],
            .eximFilter: ["systemd.txt", "exim.txt"], .relay: ["systemd.txt", "programs.txt"],
            .mx: ["dns.txt", "dovecot.txt", "certificate.txt", "systemd.txt"],
        ]
        #expect(files.map(\.name) == expected[purpose])
        if purpose == .postfixFilter || purpose == .eximFilter { #expect(files[1].text.contains("12345")) }
        if purpose == .webApp { #expect(files[2].text.split(separator: "\n").allSatisfy { !$0.hasPrefix("#") }) }
    }
}
