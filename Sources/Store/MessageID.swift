// SPDX-License-Identifier: Apache-2.0

import Privacy
import Vault

/// The id in the `250`: 80 random bits that say nothing about the message.
package struct MessageID: Hashable, Sendable, Codable, LogIdentifier {
    private static let alphabet = Array("abcdefghijklmnopqrstuvwxyz234567".utf8)

    /// 16 characters of base32 in lower case.
    package let text: String

    /// A new random id.
    package init() {
        // 256 is a multiple of 32: each character takes 5 unbiased bits.
        text = String(decoding: Vault.randomBytes(16).map { Self.alphabet[Int($0 & 31)] }, as: UTF8.self)
    }

    /// The id that `hash` stands for: the same for the same bytes, of which 16 count.
    package init(hash: [UInt8]) {
        precondition(hash.count >= 16)
        text = String(decoding: hash.prefix(16).map { Self.alphabet[Int($0 & 31)] }, as: UTF8.self)
    }

    /// Reads an id as a person types it: 16 base32 characters, upper or lower case.
    package init?(text: String) {
        let lower = text.lowercased()
        guard lower.utf8.count == 16, lower.utf8.allSatisfy({ Self.alphabet.contains($0) }) else { return nil }
        self.text = lower
    }

    package var logText: String { text }
}

/// One recipient's copy of a message.
package struct CopyID: Hashable, Sendable, Codable {
    package let message: MessageID
    /// Counts from 0 in the order of the message's recipients.
    package let index: Int

    package init(message: MessageID, index: Int) {
        self.message = message
        self.index = index
    }
}

/// A keyed hash of a next hop: tells equal next hops apart from others and nothing more.
package struct NextHopHash: Hashable, Sendable {
    private let high: UInt64
    private let low: UInt64

    /// The first 16 of `bytes`; missing ones count as zero.
    package init(_ bytes: some Sequence<UInt8>) {
        var words: (UInt64, UInt64) = (0, 0)
        var index = 0
        for byte in bytes.prefix(16) {
            if index < 8 {
                words.0 |= UInt64(byte) << (56 - 8 * index)
            } else {
                words.1 |= UInt64(byte) << (120 - 8 * index)
            }
            index += 1
        }
        (high, low) = words
    }

    /// As two columns of the database.
    init(high: Int64, low: Int64) {
        self.high = UInt64(bitPattern: high)
        self.low = UInt64(bitPattern: low)
    }

    /// The first 8 hexadecimal digits: enough for a person to tell next hops apart.
    package var shortText: String {
        let digits = String(high >> 32, radix: 16)
        return String(repeating: "0", count: 8 - digits.count) + digits
    }

    var columns: (high: Int64, low: Int64) { (Int64(bitPattern: high), Int64(bitPattern: low)) }
}
