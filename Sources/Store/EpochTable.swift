// SPDX-License-Identifier: Apache-2.0

import Foundation
import Privacy
import Vault

/// The epochs whose keys exist, and the numbers that new rows get.
///
/// An epoch takes messages for an hour or 10,000 of them. When it is closed and its last message has left, its key is
/// destroyed.
struct EpochTable {
    /// What a new message needs to be sealed.
    struct Ticket: Sendable {
        let message: Int64
        let epoch: Int64
        let contents: Range<Int64>
        let key: EpochKey
    }

    private struct Epoch {
        let key: EpochKey?
        let sealed: Data
        let created: WallTime
        let opened: BootTime
        var taken = 0
        /// Messages in the queue.
        var live = 0
        /// Messages on their way into it.
        var inFlight = 0
        var isWritten: Bool
    }

    static let longest: Duration = .seconds(3600)
    static let mostMessages = 10_000

    private var epochs: [Int64: Epoch] = [:]
    private var current: Int64?
    private var nextEpoch: Int64 = 1
    private var nextMessage: Int64 = 1
    private var nextContent: Int64 = 1

    /// Enters what the database holds; after a failure, again: what is on its way in stays.
    mutating func enter(_ picture: QueuePicture, vault: Vault) {
        for (number, epoch) in epochs {
            let isNeeded = epoch.inFlight > 0 || number == current || picture.epochs.contains { $0.number == number }
            if !isNeeded { epochs[number] = nil }
            epochs[number]?.live = 0
            epochs[number]?.isWritten = false
        }
        for row in picture.epochs {
            if epochs[row.number] == nil {
                let key = try? vault.openEpochKey(row.sealed, context: SealContext.epoch(row.number))
                epochs[row.number] = Epoch(
                    key: key,
                    sealed: row.sealed,
                    created: row.created,
                    opened: BootTime(milliseconds: 0),
                    isWritten: true
                )
            }
            epochs[row.number]?.isWritten = true
            nextEpoch = max(nextEpoch, row.number + 1)
        }
        for (number, live) in picture.messagesByEpoch { epochs[number]?.live = live }
        nextMessage = max(nextMessage, picture.nextMessage)
        nextContent = max(nextContent, picture.nextContent)
    }

    // MARK: Messages come and go

    /// Numbers, and the epoch that is open now, for a message with `contents` contents.
    mutating func begin(contents: Int, vault: Vault, wall: WallTime, boot: BootTime) throws(VaultError) -> Ticket {
        closeIfDone(boot: boot)
        let number: Int64
        if let current { number = current } else { number = try open(vault: vault, wall: wall, boot: boot) }
        guard let key = epochs[number]?.key else { throw .doesNotOpen }
        epochs[number]?.taken += 1
        epochs[number]?.inFlight += 1
        defer {
            nextMessage += 1
            nextContent += Int64(contents)
        }
        return Ticket(
            message: nextMessage,
            epoch: number,
            contents: nextContent..<(nextContent + Int64(contents)),
            key: key
        )
    }

    /// The row to write along with a message, when this epoch's is not in the database yet.
    func unwrittenRow(_ number: Int64) -> (created: WallTime, sealed: Data)? {
        guard let epoch = epochs[number], !epoch.isWritten else { return nil }
        return (epoch.created, epoch.sealed)
    }

    mutating func arrived(epoch: Int64) {
        epochs[epoch]?.inFlight -= 1
        epochs[epoch]?.live += 1
        epochs[epoch]?.isWritten = true
    }

    mutating func abandoned(epoch: Int64) { epochs[epoch]?.inFlight -= 1 }

    mutating func left(epoch: Int64) { epochs[epoch]?.live -= 1 }

    /// Closes the current epoch when it has had its time or its messages.
    mutating func closeIfDone(boot: BootTime) {
        guard let number = current, let epoch = epochs[number] else { return }
        if epoch.taken >= Self.mostMessages || boot - epoch.opened >= Self.longest { current = nil }
    }

    /// Closed epochs without messages; those whose row is written are to be deleted, and ``remove(_:)`` called then.
    func ended() -> [Int64] {
        epochs.filter { $0.key != current && $0.value.live <= 0 && $0.value.inFlight <= 0 }.map(\.key)
    }

    mutating func remove(_ number: Int64) { epochs[number] = nil }

    func key(_ number: Int64) -> EpochKey? { epochs[number]?.key }

    func created(_ number: Int64) -> WallTime? { epochs[number]?.created }

    var count: Int { epochs.count }

    private mutating func open(vault: Vault, wall: WallTime, boot: BootTime) throws(VaultError) -> Int64 {
        let number = nextEpoch
        let key = try vault.makeEpochKey()
        let sealed = vault.seal(key, context: SealContext.epoch(number))
        epochs[number] = Epoch(key: key, sealed: sealed, created: wall, opened: boot, isWritten: false)
        nextEpoch += 1
        current = number
        return number
    }
}
