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
        var capacity: Int
        var identifiers: IdentifierPolicy

        var ordered: [LogLine] { Array(lines[next...] + lines[..<next]) }
    }

    private let ring: Mutex<Ring>
    private let time: Time
    private let pseudonymizer = Pseudonymizer()

    package init(capacity: Int = 4096, time: Time, identifiers: IdentifierPolicy = .pseudonyms) {
        ring = Mutex(Ring(capacity: max(1, capacity), identifiers: identifiers))
        self.time = time
    }

    /// Another size and another way with people from now on; without identifiers the older lines go too.
    package func change(capacity: Int, identifiers: IdentifierPolicy) {
        ring.withLock { ring in
            let isStricter = identifiers == .omitted && ring.identifiers != .omitted
            ring.lines = isStricter ? [] : Array(ring.ordered.suffix(max(1, capacity)))
            ring.next = 0
            ring.capacity = max(1, capacity)
            ring.identifiers = identifiers
        }
    }

    package func write(_ level: Log.Level, _ message: StaticString, _ fields: [LogField]) {
        let identifiers = ring.withLock { $0.identifiers }
        var rendered: [String: String] = [:]
        for field in fields {
            guard let text = text(field.value, identifiers) else { continue }
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
            if ring.lines.count < ring.capacity {
                ring.lines.append(line)
            } else {
                ring.lines[ring.next] = line
                ring.next = (ring.next + 1) % ring.capacity
            }
        }
    }

    /// The lines with a number above `number`, oldest first, at most `limit`.
    package func lines(after number: Int, limit: Int = 1000) -> [LogLine] {
        ring.withLock { ring in
            Array(ring.ordered.filter { $0.number > number }.prefix(limit))
        }
    }

    private func text(_ value: LogField.Value, _ identifiers: IdentifierPolicy) -> String? {
        switch value {
        case .integer(let number): "\(number)"
        case .milliseconds(let number): "\(number) ms"
        case .word(let word): word.description
        case .identifier(let id): id
        case .identifying(let sensitive): identifiers == .omitted ? nil : pseudonymizer.pseudonym(sensitive)
        }
    }
}
