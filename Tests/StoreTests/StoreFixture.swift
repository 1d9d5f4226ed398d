// SPDX-License-Identifier: Apache-2.0

import Foundation
import GRDB
import Mail
import Privacy
import Synchronization
import Testing
import Vault

@testable import Store

/// A directory of its own, a vault, and a clock that a test moves.
final class StoreFixture: Sendable {
    let directory: String
    let vault: Vault
    private let seconds = Mutex<Int64>(1_800_000_000)
    let sink: MemoryLogSink
    private let removesDirectory: Bool

    init(vault: Vault? = nil, directory: String? = nil) throws {
        self.vault = try vault ?? Vault.ephemeral()
        self.directory =
            directory ?? FileManager.default.temporaryDirectory.path + "/postern-store-\(UUID().uuidString)"
        removesDirectory = directory == nil
        sink = MemoryLogSink(time: Time(wall: { WallTime(seconds: 0) }, boot: { BootTime(milliseconds: 0) }))
    }

    deinit { if removesDirectory { try? FileManager.default.removeItem(atPath: directory) } }

    var now: WallTime { WallTime(seconds: seconds.withLock { $0 }) }

    func advance(_ duration: Duration) { seconds.withLock { $0 += duration.components.seconds } }

    var time: Time {
        Time(
            wall: { self.now },
            boot: { BootTime(milliseconds: (self.seconds.withLock { $0 } - 1_700_000_000) * 1000) }
        )
    }

    func open(_ options: QueueStore.Options = .init()) throws -> QueueStore {
        try QueueStore.open(directory: directory, vault: vault, time: time, log: Log(sink: sink), options: options)
    }

    func openRecords() throws -> RecordStore {
        try RecordStore.open(directory: directory, vault: vault, time: time, log: Log(sink: sink))
    }

    /// Every byte of every file in the directory.
    func scan(for needle: [UInt8]) throws -> Bool {
        for name in try FileManager.default.contentsOfDirectory(atPath: directory) {
            let bytes = try Data(contentsOf: URL(fileURLWithPath: directory + "/" + name))
            if bytes.range(of: Data(needle)) != nil { return true }
        }
        return false
    }

    /// A second look at a file that a store has open.
    func query<Value: DatabaseValueConvertible>(_ sql: String, file: String = "queue.sqlite") throws -> Value? {
        var configuration = Configuration()
        configuration.readonly = true
        return try DatabaseQueue(path: directory + "/" + file, configuration: configuration).read { db in
            try Value.fetchOne(db, sql: sql)
        }
    }

    func count(_ table: String) throws -> Int { try query("SELECT count(*) FROM \(table)") ?? -1 }

    static func address(_ text: String) throws -> EmailAddress { try #require(EmailAddress(text)) }

    func envelope() throws -> Envelope {
        Envelope(
            reversePath: .address(try Self.address("sender-canary@example.org")),
            origin: .ours,
            arrival: now,
            protocolName: "ESMTPSA",
            envelopeID: "QQ1",
            returnContent: .headers,
            smtpUTF8: true,
            body8Bit: true
        )
    }

    /// A message with one copy for each recipient, all of the first content unless said otherwise.
    func message(
        _ contents: [NewContent],
        to recipients: [String] = ["rcpt-canary@example.net"],
        content: (Int) -> Int = { _ in 0 },
        hop: String = "mx example.net",
        state: NewCopy.State = .ready
    ) throws -> NewMessage {
        NewMessage(
            envelope: try envelope(),
            contents: contents,
            copies: try recipients.enumerated().map { index, recipient in
                NewCopy(
                    recipient: try Self.address(recipient),
                    dsn: CopyDSN(
                        notify: [.failure, .delay],
                        originalRecipient: OriginalRecipient(addressType: "rfc822", address: recipient)
                    ),
                    content: content(index),
                    state: state,
                    protection: "clear",
                    nextHopHint: hop
                )
            }
        )
    }

    func message(_ text: String, to recipients: [String] = ["rcpt-canary@example.net"]) throws -> NewMessage {
        try message([.bytes(Array(text.utf8))], to: recipients)
    }
}

/// Bytes that are made up as they are read; tells how far ahead of the reader anybody was.
struct PatternSource: ByteSource {
    let count: Int

    static func byte(_ offset: Int) -> UInt8 { UInt8(truncatingIfNeeded: offset &* 31 &+ offset >> 16) }

    func read(at offset: Int, maxCount: Int) async throws -> [UInt8] {
        guard offset < count else { return [] }
        return (offset..<min(count, offset + maxCount)).map(Self.byte)
    }
}

/// Fails, or waits for ever, after some chunks.
struct BrokenProducer: ChunkProducer {
    struct Broken: Error {}

    var chunksLeft: Int
    var waits = false
    var reached: @Sendable () -> Void = {}

    mutating func next() async throws -> [UInt8]? {
        guard chunksLeft > 0 else {
            reached()
            if waits { try await Task.sleep(for: .seconds(600)) }
            throw Broken()
        }
        chunksLeft -= 1
        return [UInt8](repeating: 7, count: 65536)
    }
}

func readAll(_ source: any ByteSource) async throws -> [UInt8] {
    var bytes: [UInt8] = []
    while bytes.count < source.count {
        let part = try await source.read(at: bytes.count, maxCount: 100_000)
        try #require(!part.isEmpty)
        bytes += part
    }
    return bytes
}
