// SPDX-License-Identifier: Apache-2.0

import Vault

/// A message that was enqueued a moment ago, as the delivery that follows needs it.
struct FreshMessage: Sendable {
    let number: Int64
    let record: MessageRecord
    let contents: Range<Int64>
    let key: RecordKey
    /// Contents by index; nil where one was too long to keep.
    let plaintexts: [[UInt8]?]

    var bytes: Int { plaintexts.reduce(1024) { $0 + ($1?.count ?? 0) } }
}

/// Keeps the newest small messages in memory, so that the delivery that follows at once need not read and open them again.
///
/// Bounded; the oldest goes first. Losing an entry costs a read, nothing else.
struct FreshCache {
    /// Bytes of contents and what goes with them.
    static let limit = 16 << 20
    /// A longer content is not kept.
    static let longestContent = 256 << 10

    private var messages: [Int64: FreshMessage] = [:]
    /// Numbers in order of arrival; entries that are gone are skipped.
    private var order: [Int64] = []
    private var oldest = 0
    private(set) var bytes = 0

    mutating func insert(_ message: FreshMessage) {
        messages[message.number] = message
        order.append(message.number)
        bytes += message.bytes
        while bytes > Self.limit, oldest < order.count {
            remove(order[oldest])
            oldest += 1
        }
        if oldest > 4096 || oldest > order.count / 2 {
            order.removeFirst(oldest)
            oldest = 0
            if order.count > 2 * messages.count + 4096 { order.removeAll { messages[$0] == nil } }
        }
    }

    mutating func remove(_ number: Int64) {
        guard let gone = messages.removeValue(forKey: number) else { return }
        bytes -= gone.bytes
        if order.count > 2 * messages.count + 4096 {
            order = order[oldest...].filter { messages[$0] != nil }
            oldest = 0
        }
    }

    func message(_ number: Int64) -> FreshMessage? { messages[number] }
}
