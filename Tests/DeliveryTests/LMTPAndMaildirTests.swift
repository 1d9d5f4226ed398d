// SPDX-License-Identifier: Apache-2.0

import Foundation
import Mail
import Settings
import Testing

@testable import Delivery

@Suite("Delivery into mailboxes")
struct LMTPAndMaildirTests {
    private static func withFolder(_ body: (String) async throws -> Void) async throws {
        let path = NSTemporaryDirectory() + "pd-" + UUID().uuidString.prefix(8)
        try FileManager.default.createDirectory(atPath: path, withIntermediateDirectories: true)
        defer { try? FileManager.default.removeItem(atPath: path) }
        try await body(path)
    }

    private static func files(_ path: String) -> [String] {
        (try? FileManager.default.contentsOfDirectory(atPath: path)) ?? []
    }

    @Test("LMTP gives each recipient its own answer, over TCP and over a unix socket", arguments: [false, true])
    func lmtp(_ isUnix: Bool) async throws {
        try await Self.withFolder { folder in
            var script = Script()
            script.isLMTP = true
            script.contentAnswers = [.say("250 2.0.0 ok"), .say("452 4.2.2 over quota"), .say("550 5.2.1 disabled")]
            let peer = try await ScriptedPeer(script, unixPath: isUnix ? folder + "/s" : nil)
            let place = isUnix ? Endpoint.unix(path: folder + "/s") : .tcp(host: "127.0.0.1", port: peer.port)
            let delivery = Fixture.delivery(try Fixture.options())
            let group = try Fixture.group(
                .lmtp(NextHop(endpoint: place, tls: .off)),
                to: ["a@dest.test", "b@dest.test", "c@dest.test"]
            )
            let outcomes = await delivery.deliver(group).map(\.outcome.short)
            #expect(
                outcomes == ["delivered dsn", "deferred 4.2.2 refusedByHost", "failed 5.2.1 refusedByHost"]
            )
            #expect(peer.record.lines.first == "LHLO gate.test")
            await delivery.close()
            await peer.stop()
        }
    }

    @Test(
        "a Maildir gets one file for each mailbox, LF line ends, Return-Path and Delivered-To before it, and nothing in tmp"
    )
    func maildir() async throws {
        try await Self.withFolder { root in
            let delivery = Fixture.delivery(try Fixture.options(), root: root)
            let group = try Fixture.group(
                .maildir,
                to: ["alice@ours.test", "bob@ours.test", "staff@ours.test", "x@ours.test"]
            )
            let outcomes = await delivery.deliver(group).map(\.outcome.short)
            #expect(outcomes == ["delivered", "delivered", "delivered", "failed 5.1.1 mailboxUnknown"])
            let alice = Self.files(root + "/alice/new")
            #expect(alice.count == 1)
            #expect(Self.files(root + "/bob/new").count == 1)
            #expect(Self.files(root + "/alice/tmp").isEmpty)
            let path = root + "/alice/new/" + (alice.first ?? "")
            let text = try String(contentsOfFile: path, encoding: .utf8)
            #expect(
                text == "Return-Path: <alice@ours.test>\nDelivered-To: alice@ours.test\nDelivered-To: staff@ours.test\n"
                    + Fixture.text.replacingOccurrences(of: "\r\n", with: "\n")
            )
            let mode = try FileManager.default.attributesOfItem(atPath: path)[.posixPermissions] as? Int
            #expect(mode == 0o600)
            #expect(alice.first?.contains(ProcessInfo.processInfo.hostName) == false)
        }
    }

    @Test("a message larger than one chunk arrives whole, whatever falls on the edge of a chunk")
    func largeMaildir() async throws {
        try await Self.withFolder { root in
            let delivery = Fixture.delivery(try Fixture.options(), root: root)
            let body =
                String(repeating: "x", count: 256 * 1024 - 13) + "\r\n" + String(repeating: "line\r\n", count: 60_000)
                + "end\r"
            let text = "Subject: s\r\n\r\n" + body
            let outcomes = await delivery.deliver(
                try Fixture.group(.maildir, to: ["bob@ours.test"], from: nil, text: text)
            )
            #expect(outcomes.map(\.outcome.short) == ["delivered"])
            let name = Self.files(root + "/bob/new").first ?? ""
            let stored = try String(contentsOfFile: root + "/bob/new/" + name, encoding: .utf8)
            let expected =
                "Return-Path: <>\nDelivered-To: bob@ours.test\n" + text.replacingOccurrences(of: "\r\n", with: "\n")
            #expect(Array(stored.utf8) == Array(expected.utf8))
        }
    }

    @Test("a mailbox that cannot be written defers", arguments: ["file", "missing"])
    func cannotWrite(_ kind: String) async throws {
        try await Self.withFolder { root in
            let place = kind == "file" ? root + "/plain" : root + "/none/deeper"
            if kind == "file" { try "x".write(toFile: place, atomically: true, encoding: .utf8) }
            let delivery = Fixture.delivery(try Fixture.options(), root: place)
            let outcomes = await delivery.deliver(try Fixture.group(.maildir, to: ["bob@ours.test"]))
            #expect(outcomes.map(\.outcome.short) == ["deferred 4.3.0 mailboxError"])
        }
    }

    @Test(
        "no folder name leads out of the mailboxes",
        arguments: ["", ".", "..", ".hidden", "a/b", "../x", "a\0b", "a\nb"]
    )
    func folderNames(_ name: String) {
        #expect(!MaildirDelivery.isFolderName(name))
        #expect(MaildirDelivery.isFolderName("alice.b-c_1"))
    }
}
