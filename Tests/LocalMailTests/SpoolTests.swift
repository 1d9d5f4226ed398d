// SPDX-License-Identifier: Apache-2.0

import Foundation
import LocalMail
import Mail
import Privacy
import Testing
import Vault

@Suite("The sealed spool")
struct SpoolTests {
    /// A spool, the key behind it, and what is in its files.
    private struct Spool {
        let directory: String
        let key: SpoolKey
        let inbox: SpoolInbox

        init(messages: Int = 10, bytes: Int = 1 << 20) throws {
            directory = FileManager.default.temporaryDirectory.path + "/postern-spool-\(UUID().uuidString)"
            try FileManager.default.createDirectory(atPath: directory + "/data", withIntermediateDirectories: true)
            key = try SpoolKey.ensure(in: directory + "/data", vault: try Vault.ephemeral())
            inbox = try SpoolInbox(directory: directory + "/spool")
            try inbox.publish(
                SpoolNotice(publicKey: key.publicKey, domain: "example.org", messages: messages, bytes: bytes)
            )
        }

        func leave(_ text: String) async throws {
            let outbox = try #require(SpoolOutbox(directory: directory + "/spool"))
            let envelope = SpoolEnvelope(sender: nil, recipients: ["a@x.test"])
            try await outbox.leave(envelope, message: MemorySource(Array(text.utf8)))
        }

        var waiting: [SpoolInbox.Entry] { inbox.waiting(now: Int(Date().timeIntervalSince1970)) }

        func open(_ name: String, userID: UInt32 = geteuid()) throws -> [UInt8] {
            let file = try #require(inbox.open(name))
            let header = file.read(at: 0, count: SealedStream.headerBytes)
            var opener = try key.opener(header: header, info: SpoolNotice.info(userID: userID))
            var clear: [UInt8] = []
            var offset = SealedStream.headerBytes
            while offset < file.count {
                let chunk = file.read(at: offset, count: SealedStream.chunkSize + SealedStream.overhead)
                offset += chunk.count
                clear += try opener.open(chunk[...], isLast: offset >= file.count)
            }
            return clear
        }

        func remove() { try? FileManager.default.removeItem(atPath: directory) }
    }

    @Test("a message comes out as it went in, whatever its size", arguments: [0, 1, 65_000, 65_536, 131_072, 200_001])
    func roundTrip(_ count: Int) async throws {
        let spool = try Spool()
        defer { spool.remove() }
        let text = String(repeating: "x", count: count)
        try await spool.leave(text)
        let entry = try #require(spool.waiting.first)
        #expect(entry.userID == geteuid() && entry.isRegular && spool.waiting.count == 1)
        let envelope = SpoolEnvelope(sender: nil, recipients: ["a@x.test"])
        #expect(try spool.open(entry.name) == envelope.encoded + Array(text.utf8))
    }

    @Test("it opens for its own user only, and not when it was cut or changed")
    func damage() async throws {
        let spool = try Spool()
        defer { spool.remove() }
        try await spool.leave(String(repeating: "x", count: 70_000))
        let name = try #require(spool.waiting.first?.name)
        #expect(throws: VaultError.doesNotOpen) { try spool.open(name, userID: 4711) }
        let path = spool.directory + "/spool/" + name
        let whole = try Data(contentsOf: URL(fileURLWithPath: path))
        let firstChunk = SealedStream.headerBytes + SealedStream.chunkSize + SealedStream.overhead
        for cut in [10, firstChunk, whole.count - 1] {
            try whole.prefix(cut).write(to: URL(fileURLWithPath: path))
            #expect(throws: VaultError.doesNotOpen) { try spool.open(name) }
        }
    }

    @Test("a user's quota ends what it may leave")
    func quota() async throws {
        let few = try Spool(messages: 2)
        defer { few.remove() }
        try await few.leave("one")
        try await few.leave("two")
        await #expect(throws: SendmailFailure.self) { try await few.leave("three") }
        let small = try Spool(bytes: 65_536)
        defer { small.remove() }
        try await small.leave("one")
        await #expect(throws: SendmailFailure.self) { try await small.leave(String(repeating: "x", count: 65_000)) }
        #expect(small.waiting.count == 1)
    }

    @Test("only a regular file of one name counts")
    func files() async throws {
        let spool = try Spool()
        defer { spool.remove() }
        try await spool.leave("one")
        let name = try #require(spool.waiting.first?.name)
        let path = spool.directory + "/spool/"
        #expect(symlink(path + name, path + "link") == 0 && mkfifo(path + "pipe", 0o600) == 0)
        #expect(mkdir(path + "folder", 0o700) == 0 && link(path + name, spool.directory + "/second") == 0)
        for odd in ["link", "pipe", "folder", name, "nothing"] { #expect(spool.inbox.open(odd) == nil) }
        #expect(unlink(spool.directory + "/second") == 0)
        #expect(spool.inbox.open(name) != nil)
        #expect(spool.inbox.setAside("link", as: "aaaa"))
        #expect(!spool.inbox.setAside("nothing", as: "bbbb"))
        #expect(spool.inbox.asideCount == 1 && spool.waiting.count == 3)
    }

    @Test("a directory without a notice, or with one that others may write, is no spool")
    func notices() throws {
        let spool = try Spool()
        defer { spool.remove() }
        let path = spool.directory + "/spool/" + SpoolNotice.fileName
        #expect(SpoolOutbox(directory: spool.directory + "/spool") != nil)
        #expect(chmod(path, 0o666) == 0)
        #expect(SpoolOutbox(directory: spool.directory + "/spool") == nil)
        #expect(unlink(path) == 0)
        #expect(SpoolOutbox(directory: spool.directory + "/spool") == nil)
        #expect(SpoolOutbox(directory: spool.directory + "/nowhere") == nil)
    }

    @Test("the same vault gives the same key, another none")
    func keys() throws {
        let directory = FileManager.default.temporaryDirectory.path + "/postern-spoolkey-\(UUID().uuidString)"
        try FileManager.default.createDirectory(atPath: directory, withIntermediateDirectories: true)
        defer { try? FileManager.default.removeItem(atPath: directory) }
        let vault = try Vault.ephemeral()
        let made = try SpoolKey.ensure(in: directory, vault: vault)
        #expect(try SpoolKey.ensure(in: directory, vault: vault).publicKey == made.publicKey)
        #expect(throws: VaultError.doesNotOpen) { try SpoolKey.ensure(in: directory, vault: try Vault.ephemeral()) }
    }
}
