// SPDX-License-Identifier: Apache-2.0

import ChannelPolicy
import Foundation
import Mail
import OpenPGP
import Peers
import Privacy
import Store
import Synchronization
import Testing
import Vault

/// The test vectors of docs/commitment-statement.md.
struct Vectors: Decodable {
    struct Vector: Decodable, Sendable, CustomTestStringConvertible {
        let name: String
        /// The primary key that was compared.
        let key: String
        /// Part of the sentence that refuses it; nil when it is to be accepted.
        let reason: String?

        var testDescription: String { name }
        var served: [UInt8] { Vectors.bytes("\(name).json") }
    }

    let now: Int64
    let domain: String
    let next_key: String
    let vectors: [Vector]

    static let folder = URL(filePath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
        .appending(path: "Fixtures/statements")

    static func bytes(_ name: String) -> [UInt8] {
        ((try? Data(contentsOf: folder.appending(path: name))) ?? Data()).map { $0 }
    }

    static let all: Vectors = {
        guard let read = try? JSONDecoder().decode(Vectors.self, from: Data(bytes("vectors.json"))) else {
            fatalError("Tests/Fixtures/statements/vectors.json can't be read")
        }
        return read
    }()

    static let now = WallTime(seconds: all.now)

    static func key(_ name: String) throws -> KeyFingerprint {
        let vector = try #require(all.vectors.first { $0.name == name })
        return try #require(KeyFingerprint(vector.key))
    }

    /// The built `postern`, which lies beside the test executable.
    static let worker = WorkerClient(
        executable: URL(filePath: "/proc/self/exe").resolvingSymlinksInPath().deletingLastPathComponent()
            .appending(path: "postern").path
    )

    static let reader = StatementReader(worker: worker)
}

/// Serves what it is told to.
final class Server: StatementFetching {
    private let answer = Mutex<Result<[UInt8], StatementFault>>(.failure(.notFetched("It can't be fetched.")))
    private let count = Mutex(0)

    func serve(_ name: String) { answer.withLock { $0 = .success(Vectors.bytes("\(name).json")) } }
    func serve(bytes: [UInt8]) { answer.withLock { $0 = .success(bytes) } }
    func fail() { answer.withLock { $0 = .failure(.notFetched("It can't be fetched.")) } }
    var looks: Int { count.withLock { $0 } }

    func statement(of domain: Domain) async -> Result<[UInt8], StatementFault> {
        count.withLock { $0 += 1 }
        return answer.withLock { $0 }
    }
}

/// Whose pins moved, as a keeper told.
final class Moves: Sendable {
    private let list = Mutex<[String]>([])

    var domains: [String] { list.withLock { $0 } }

    func note(_ domain: Domain) { list.withLock { $0.append(domain.key) } }
}

/// A clock that stands still until it is moved.
final class TestClock: Sendable {
    private let seconds = Mutex(Vectors.all.now)

    func advance(_ more: Int64) { seconds.withLock { $0 += more } }

    var time: Time {
        Time(
            wall: { WallTime(seconds: self.seconds.withLock { $0 }) },
            boot: { BootTime(milliseconds: self.seconds.withLock { $0 * 1000 }) }
        )
    }
}

/// A keeper of peers on a real store in a directory of its own, with real workers.
final class PeersFixture: Sendable {
    let directory = NSTemporaryDirectory() + "postern-peers-\(UUID().uuidString)"
    let clock = TestClock()
    let server = Server()
    let store: RecordStore
    let book: PeerBook
    let keeper: PeerKeeper
    let moves = Moves()

    init() async throws {
        store = try RecordStore.open(directory: directory, vault: try Vault.ephemeral(), time: clock.time, log: .none)
        book = try await PeerBook.load(from: store)
        keeper = PeerKeeper(book: book, reader: Vectors.reader, fetching: server, time: clock.time) { [moves] domain in
            moves.note(domain)
        }
    }

    deinit { try? FileManager.default.removeItem(atPath: directory) }

    static let domain: Domain = {
        guard let domain = Domain(Vectors.all.domain) else { fatalError("no domain") }
        return domain
    }()

    @discardableResult
    func add(_ name: String) async throws -> PeerRecord {
        server.serve(name)
        return try await keeper.add(Self.domain, key: try Vectors.key(name))
    }

    func refresh() async throws -> PeerRecord { try #require(try await keeper.refresh(Self.domain.key)) }
}
