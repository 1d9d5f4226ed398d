// SPDX-License-Identifier: Apache-2.0

import Crypto

/// The only way to log: a fixed sentence and typed facts.
///
/// The message is a `StaticString` and a fact is a ``LogField``, so that text that came from outside cannot reach
/// a sink. `Log` is a value; pass it to whatever logs.
package struct Log: Sendable {
    package enum Level: Int, Sendable, Comparable {
        case debug, info, notice, warning, error

        package static func < (lhs: Level, rhs: Level) -> Bool { lhs.rawValue < rhs.rawValue }
    }

    package let sink: any LogSink
    package var threshold: Level
    private var bound: [LogField]

    package init(sink: any LogSink, threshold: Level = .info) {
        self.sink = sink
        self.threshold = threshold
        self.bound = []
    }

    /// A log whose every line carries `field` too.
    package func with(_ field: LogField) -> Log {
        var copy = self
        copy.bound.append(field)
        return copy
    }

    package func debug(_ message: StaticString, _ fields: LogField...) { write(.debug, message, fields) }
    package func info(_ message: StaticString, _ fields: LogField...) { write(.info, message, fields) }
    package func notice(_ message: StaticString, _ fields: LogField...) { write(.notice, message, fields) }
    package func warning(_ message: StaticString, _ fields: LogField...) { write(.warning, message, fields) }
    package func error(_ message: StaticString, _ fields: LogField...) { write(.error, message, fields) }

    private func write(_ level: Level, _ message: StaticString, _ fields: [LogField]) {
        guard level >= threshold else { return }
        sink.write(level, message, bound + fields)
    }

    /// Throws every line away; for tests and one-shot commands.
    package static let none = Log(sink: NoLogSink())
}

/// Where log lines go.
package protocol LogSink: Sendable {
    func write(_ level: Log.Level, _ message: StaticString, _ fields: [LogField])
}

private struct NoLogSink: LogSink {
    func write(_ level: Log.Level, _ message: StaticString, _ fields: [LogField]) {}
}

/// How identifying facts are shown.
package enum IdentifierPolicy: Sendable {
    /// A keyed pseudonym that is worth nothing after a restart.
    case pseudonyms
    /// Not at all (level 3).
    case omitted
}

/// Turns a value that identifies a person into a pseudonym under a key that lives only in this process's memory.
package struct Pseudonymizer: Sendable {
    private let key = SymmetricKey(size: .bits256)

    package init() {}

    /// Eight hexadecimal digits; equal for equal values until the process ends.
    package func pseudonym(_ value: Sensitive<String>) -> String {
        let code = HMAC<SHA256>.authenticationCode(for: Array(value.exposed.utf8), using: key)
        return code.prefix(4).map { byte in
            let hex = String(byte, radix: 16)
            return hex.count == 1 ? "0" + hex : hex
        }.joined()
    }
}
