// SPDX-License-Identifier: Apache-2.0

import Accounts
import Mail
import Settings
import Testing

@testable import Pipeline

@Suite("Which messages may be taken at all")
struct AdmissionTests {
    enum Who: Sendable { case alice, network, strangers, program }

    struct Row: CustomTestStringConvertible, Sendable {
        let name: String
        var who = Who.alice
        var header = "From: alice@example.org\r\n"
        var hasEmptyLine = true
        let refusal: Refusal?
        var testDescription: String { name }
    }

    private static func trace(_ text: String, _ count: Int) -> String {
        String(repeating: "Received: \(text)\r\n", count: count)
    }

    private static let from = "From: alice@example.org\r\n"
    private static let ours = "by mail.example.org with ESMTPS id abc;\r\n\tSun, 22 Nov 2026 07:37:42 +0000"
    private static let redacted = "by mail.example.org; Sun, 22 Nov 2026 07:37:42 +0000"

    static let hops = [
        Row(name: "a hundred hops", who: .strangers, header: trace("from a by b; date", 100), refusal: nil),
        Row(name: "one more", who: .strangers, header: trace("from a by b; date", 101), refusal: .tooManyHops),
        Row(name: "ten of our own", who: .strangers, header: trace(ours, 10), refusal: nil),
        Row(name: "eleven of our own", who: .strangers, header: trace(ours, 11), refusal: .tooManyHops),
        Row(name: "eleven of our own, scrubbed", header: from + trace(redacted, 11), refusal: .tooManyHops),
        Row(
            name: "eleven of our own in capitals",
            who: .strangers,
            header: trace("FROM x BY MAIL.EXAMPLE.ORG; date", 11),
            refusal: .tooManyHops
        ),
        Row(
            name: "eleven that begin like our own",
            who: .strangers,
            header: trace("by mail.example.org.evil.test; date", 11),
            refusal: nil
        ),
        Row(name: "eleven that end with by", who: .strangers, header: trace("by", 11), refusal: nil),
        Row(
            name: "eleven that came from us",
            who: .strangers,
            header: trace("from mail.example.org by elsewhere.test; date", 11),
            refusal: nil
        ),
    ]

    static let authors = [
        Row(name: "one's own From", refusal: nil),
        Row(name: "one's own From with a tag", header: "From: A <Alice+x@Example.org>\r\n", refusal: nil),
        Row(name: "an address of another", header: "From: bob@example.org\r\n", refusal: .fromNotYours),
        Row(
            name: "own name, another's address",
            header: "From: \"alice@example.org\" <bob@example.org>\r\n",
            refusal: .fromNotYours
        ),
        Row(
            name: "own address and another's",
            header: "From: alice@example.org, bob@example.org\r\n",
            refusal: .fromNotYours
        ),
        Row(name: "a second From", header: from + "from : bob@example.org\r\n", refusal: .fromNotYours),
        Row(name: "another's Sender", header: from + "Sender: bob@example.org\r\n", refusal: .fromNotYours),
        Row(name: "own Sender", header: from + "Sender: alice@example.org\r\n", refusal: nil),
        Row(name: "no From", header: "Subject: x\r\n", refusal: .noFrom),
        Row(name: "an empty From", header: "From:\r\n", refusal: .noFrom),
        Row(name: "a From that is no address", header: "From: me\r\n", refusal: .noFrom),
        Row(name: "a From that is an empty group", header: "From: nobody:;\r\n", refusal: .noFrom),
        Row(name: "no header at all", header: "", refusal: .noFrom),
        Row(name: "our network: any From", who: .network, header: "From: x@far.test\r\n", refusal: nil),
        Row(name: "our network: any Sender", who: .network, header: from + "Sender: x@far.test\r\n", refusal: nil),
        Row(name: "our network: no From", who: .network, header: "Subject: x\r\n", refusal: .noFrom),
        Row(name: "strangers: no From", who: .strangers, header: "Subject: x\r\n", refusal: nil),
        Row(name: "strangers: a From of ours", who: .strangers, refusal: nil),
        Row(name: "strangers: no header at all", who: .strangers, header: "", refusal: nil),
    ]

    static let ends = [
        Row(name: "no empty line, only fields", hasEmptyLine: false, refusal: nil),
        Row(
            name: "no empty line, text in the header",
            header: from + "this was meant to be the body\r\n",
            hasEmptyLine: false,
            refusal: .noHeaderEnd
        ),
        Row(
            name: "our network: no empty line, text in the header",
            who: .network,
            header: from + "this was meant to be the body",
            hasEmptyLine: false,
            refusal: .noHeaderEnd
        ),
        Row(name: "an odd line and an empty one", header: "From alice\r\n" + from + "odd\r\n", refusal: nil),
        Row(
            name: "strangers: no empty line, text in the header",
            who: .strangers,
            header: "text\r\n",
            hasEmptyLine: false,
            refusal: nil
        ),
    ]

    static let programs = [
        Row(
            name: "a program: an address it may use",
            who: .program,
            header: "From: web+x@example.org\r\n",
            refusal: nil
        ),
        Row(name: "a program: any address of a domain", who: .program, header: "From: x@forum.test\r\n", refusal: nil),
        Row(name: "a program: a user's address", who: .program, refusal: .fromNotYours),
        Row(
            name: "a program: another's Sender",
            who: .program,
            header: "From: web@example.org\r\nSender: alice@example.org\r\n",
            refusal: .fromNotYours
        ),
        Row(name: "a program: no From", who: .program, header: "Subject: x\r\n", refusal: .noFrom),
    ]

    private static func program() throws -> LocalCaller {
        LocalCaller(
            userID: 33,
            address: try #require(EmailAddress("web@example.org")),
            sendAs: ["web@example.org", "*@forum.test"].compactMap { AddressPattern($0) },
            messagesPerHour: 1
        )
    }

    @Test("hops, authors and the end of the header", arguments: hops + authors + ends + programs)
    func table(row: Row) async throws {
        let fixture = try await PipelineFixture()
        let alice = try await fixture.addUser("alice", "alice@example.org")
        _ = try await fixture.addUser("bob", "bob@example.org")
        let admission = Admission(
            settings: try PipelineFixture.settings(),
            accounts: fixture.accounts,
            vault: fixture.vault
        )
        let origin: Origin =
            switch row.who {
            case .alice: .ours(.account(alice))
            case .network: .ours(.network)
            case .program: .ours(.local(try Self.program()))
            case .strangers: .strangers
            }
        let header = HeaderSection(parsing: Array(row.header.utf8))
        let refusal = admission.refusal(for: header, hasEmptyLine: row.hasEmptyLine, origin: origin)
        #expect(refusal == row.refusal)
    }

    @Test("without tags a tagged address is somebody else's, and the limit of hops is the setting's")
    func settings() async throws {
        let fixture = try await PipelineFixture()
        let alice = Origin.ours(.account(try await fixture.addUser("alice", "alice@example.org")))
        var settings = try PipelineFixture.settings()
        settings.tagSeparator = nil
        settings.limits.hops = 2
        let admission = Admission(settings: settings, accounts: fixture.accounts, vault: fixture.vault)
        let tagged = HeaderSection(parsing: Array("From: alice+x@example.org\r\n".utf8))
        #expect(admission.refusal(for: tagged, hasEmptyLine: true, origin: alice) == .fromNotYours)
        let hops = HeaderSection(parsing: Array(Self.trace("by x; date", 3).utf8))
        #expect(admission.refusal(for: hops, hasEmptyLine: true, origin: .strangers) == .tooManyHops)
    }

    @Test("a refused message leaves nothing in the queue")
    func refusedWhole() async throws {
        let fixture = try await PipelineFixture()
        let message = try fixture.message(to: ["x@off.test"], header: "Subject: x\r\n")
        #expect(try await fixture.pipeline().accept(message).refusal == .noFrom)
        #expect(try await fixture.ready().isEmpty)
    }
}
