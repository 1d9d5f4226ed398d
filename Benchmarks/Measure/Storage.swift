// SPDX-License-Identifier: Apache-2.0

import Crypto
import Foundation
import Mail
import Privacy
import Store
import Vault

/// Sealing, and the way into the queue and out of it with many sessions at once.
struct Storage {
    static let callers = 64
    static let perCaller = 50

    let message: SampleMessage

    func run() async throws {
        let vault = try Vault.ephemeral()
        let epoch = try vault.makeEpochKey()
        let bytes = message.whole
        try Measure.measure("seal", 5000) {
            _ = epoch.derive(recordID: Vault.randomBytes(16)).seal(bytes, context: [1, 2, 3])
        }
        let key = SymmetricKey(size: .bits256)
        try Measure.measure("seal.floor: AES-256-GCM alone", 5000) { _ = try AES.GCM.seal(bytes, using: key) }
        try await commits(vault)
    }

    private func commits(_ vault: Vault) async throws {
        let directory = FileManager.default.currentDirectoryPath + "/.build/bench-\(UInt32.random(in: 0 ... .max))"
        try FileManager.default.createDirectory(atPath: directory, withIntermediateDirectories: true)
        defer { try? FileManager.default.removeItem(atPath: directory) }
        let queue = try QueueStore.open(directory: directory, vault: vault, time: Time.system(), log: .none)
        guard let recipient = EmailAddress("b@example.net") else { throw UsageError() }
        let bytes = message.whole
        let began = ContinuousClock.now
        try await withThrowingDiscardingTaskGroup { group in
            for _ in 0..<Self.callers {
                group.addTask {
                    for _ in 0..<Self.perCaller {
                        let envelope = Envelope(
                            reversePath: .null,
                            origin: .ours,
                            arrival: Time.system().wall(),
                            protocolName: "ESMTP"
                        )
                        let copy = NewCopy(recipient: recipient, protection: "clear", nextHopHint: "relay")
                        try await queue.enqueue(
                            NewMessage(envelope: envelope, contents: [.bytes(bytes)], copies: [copy])
                        )
                    }
                }
            }
        }
        let count = Double(Self.callers * Self.perCaller)
        Measure.report("seal and commit, \(Self.callers) callers", Measure.microseconds(since: began) / count)
        let settling = ContinuousClock.now
        while true {
            let copies = try await queue.lease(due: Time.system().wall(), limit: 64)
            guard !copies.isEmpty else { break }
            try await queue.settle(copies.map { CopyOutcome($0, .delivered(reply: "250")) })
        }
        Measure.report("lease and settle, 64 at a time", Measure.microseconds(since: settling) / count)
        await queue.close()
    }
}
