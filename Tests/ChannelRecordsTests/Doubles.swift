// SPDX-License-Identifier: Apache-2.0

import ChannelPolicy
import ChannelRecords
import DNSResolver
import Delivery
import Fetch
import Foundation
import Mail
import Privacy
import Store
import Synchronization
import Testing
import Vault

/// Clocks that a test moves.
final class MovedClock: Sendable {
    private let seconds: Mutex<Int64>

    init(_ start: Int64 = 1_790_000_000) { seconds = Mutex(start) }

    var now: WallTime { WallTime(seconds: seconds.withLock { $0 }) }
    func advance(_ span: Int64) { seconds.withLock { $0 += span } }

    var time: Time {
        Time(
            longestSleep: .milliseconds(20),
            wall: { self.now },
            boot: { BootTime(milliseconds: self.now.milliseconds) }
        )
    }
}

/// A DNS that a test changes, and that counts what it was asked.
final class ChangedResolver: DNSResolving {
    private let table = Mutex(FixedResolver())
    private let asked = Mutex<[String]>([])

    var questions: [String] { asked.withLock { $0 } }
    func change(_ body: (inout FixedResolver) -> Void) { table.withLock { body(&$0) } }

    func resolve(_ name: String, _ type: RecordType) async -> DNSAnswer {
        asked.withLock { $0.append(name) }
        let table = table.withLock { $0 }
        return await table.resolve(name, type)
    }

    /// The MTA-STS record of a domain.
    func record(_ domain: String, id: String, ttl: Int64 = 300) {
        change {
            $0.put(
                "_mta-sts.\(domain)",
                .txt,
                DNSAnswer(
                    security: .insecure,
                    records: [.text(Array("v=STSv1; id=\(id);".utf8))],
                    timeToLive: .seconds(ttl)
                )
            )
        }
    }

    func noRecord(_ domain: String, _ security: DNSSecurity = .insecure) {
        change { $0.put("_mta-sts.\(domain)", .txt, DNSAnswer(security: security, code: .nameError)) }
    }
}

/// The web as a test wants it.
final class ScriptedWeb: Fetching {
    struct Post: Equatable {
        let host: String
        let type: String
        let body: [UInt8]
    }

    private struct State {
        var pages: [String: Result<FetchedBody, FetchFault>] = [:]
        var got: [FetchURL] = []
        var options: [FetchOptions] = []
        var posts: [Post] = []
        var isHeld = false
    }

    private let state = Mutex(State())

    var got: [FetchURL] { state.withLock(\.got) }
    var options: [FetchOptions] { state.withLock(\.options) }
    var posts: [Post] { state.withLock(\.posts) }

    func put(_ host: String, _ answer: Result<FetchedBody, FetchFault>) {
        state.withLock { $0.pages[host] = answer }
    }

    /// A policy at a domain's policy host.
    func policy(_ domain: String, _ text: String, type: String? = "text/plain") {
        put("mta-sts.\(domain)", .success(FetchedBody(status: 200, contentType: type, body: Array(text.utf8))))
    }

    /// Nobody gets an answer until it is let go.
    func hold(_ isHeld: Bool) { state.withLock { $0.isHeld = isHeld } }

    func get(_ url: FetchURL, options: FetchOptions) async -> Result<FetchedBody, FetchFault> {
        state.withLock { state in
            state.got.append(url)
            state.options.append(options)
        }
        return await answer(url)
    }

    func post(_ url: FetchURL, body: [UInt8], contentType: String, options: FetchOptions) async
        -> Result<FetchedBody, FetchFault>
    {
        state.withLock { $0.posts.append(Post(host: url.host, type: contentType, body: body)) }
        return await answer(url)
    }

    private func answer(_ url: FetchURL) async -> Result<FetchedBody, FetchFault> {
        while state.withLock(\.isHeld) {
            if Task.isCancelled { return .failure(.cancelled) }
            try? await Task.sleep(for: .milliseconds(5))
        }
        return state.withLock { $0.pages[url.host] } ?? .failure(.noAddress)
    }
}

/// Remembers what it was given.
final class Remembered<Value: Sendable>: Sendable {
    private let values = Mutex<[Value]>([])

    var all: [Value] { values.withLock { $0 } }
    func add(_ value: Value) { values.withLock { $0.append(value) } }
}

extension Remembered: TLSReportCounting where Value == TLSReportEvent {
    func count(_ event: TLSReportEvent) { add(event) }
}

/// A record store in a directory of its own.
final class StoreGround: Sendable {
    let directory: String
    let clock: MovedClock
    private let vault: Vault

    init(_ clock: MovedClock = MovedClock()) throws {
        self.clock = clock
        directory = NSTemporaryDirectory() + "postern-channel-\(UUID().uuidString)"
        vault = try Vault.ephemeral()
    }

    deinit { try? FileManager.default.removeItem(atPath: directory) }

    func open() throws -> RecordStore {
        try RecordStore.open(directory: directory, vault: vault, time: clock.time, log: .none)
    }
}
