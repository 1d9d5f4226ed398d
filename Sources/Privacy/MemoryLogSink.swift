// SPDX-License-Identifier: Apache-2.0

import Synchronization

/// One line of the in-memory log, already free of identifying values.
package struct LogLine: Sendable, Codable {
    /// Counts up from 1; gaps never occur, so a reader can tell what the ring has dropped.
    package let number: Int
    /// Seconds since 1970, in UTC.
    package let time: Int
    package let level: String
    package let message: String
    package let fields: [String: String]
}

/// Keeps the newest lines in memory and nowhere else.
///
/// The default sink; `postern log` reads it.
package final class MemoryLogSink: LogSink {
    private struct Ring {
        var lines: [LogLine] = []
        var next = 0
        var written = 0
    }

    private let ring = Mutex(Ring())
    private let capacity: Int
    private let time: Time
    private let identifiers: IdentifierPolicy
    private let pseudonymizer = Pseudonymizer()

    package init(capacity: Int = 4096, time: Time, identifiers: IdentifierPolicy = .pseudonyms) {
        self.capacity = max(1, capacity)
        self.time = time
        self.identifiers = identifiers
    }

    package func write(_ level: Log.Level, _ message: StaticString, _ fields: [LogField]) {
        var rendered: [String: String] = [:]
        for field in fields {
            guard let text = text(field.value) else { continue }
            rendered[field.key.description] = text
        }
        let now = time.calendar().seconds
        ring.withLock { ring in
            ring.written += 1
            let line = LogLine(
                number: ring.written,
                time: Int(now),
                level: "\(level)",
                message: message.description,
                fields: rendered
            )
            if ring.lines.count < capacity {
                ring.lines.append(line)
            } else {
                ring.lines[ring.next] = line
                ring.next = (ring.next + 1) % capacity
            }
        }
    }

    /// The lines with a number above `number`, oldest first, at most `limit`.
    package func lines(after number: Int, limit: Int = 1000) -> [LogLine] {
        ring.withLock { ring in
            let ordered = ring.lines[ring.next...] + ring.lines[..<ring.next]
            return Array(ordered.filter { $0.number > number }.prefix(limit))
        }
    }

    private func text(_ value: LogField.Value) -> String? {
        switch value {
        case .integer(let number): "\(number)"
        case .milliseconds(let number): "\(number) ms"
        case .word(let word): word.description
        case .identifier(let id): id
        case .identifying(let sensitive): identifiers == .omitted ? nil : pseudonymizer.pseudonym(sensitive)
        }
    }
}
