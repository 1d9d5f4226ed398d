// SPDX-License-Identifier: Apache-2.0

/// One typed fact in a log line.
///
/// There is no way to make one from free text.
package struct LogField: Sendable {
    package enum Value: Sendable {
        case integer(Int)
        case milliseconds(Int)
        /// A word from a fixed vocabulary, known at compile time.
        case word(StaticString)
        /// A random identifier that Postern itself made (a queue or session id).
        case identifier(String)
        /// A value that tells about a person: sinks show a keyed pseudonym of it or nothing.
        case identifying(Sensitive<String>)
    }

    package let key: StaticString
    package let value: Value

    package static func count(_ key: StaticString, _ number: Int) -> LogField {
        LogField(key: key, value: .integer(number))
    }

    package static func duration(_ key: StaticString, _ duration: Duration) -> LogField {
        let parts = duration.components
        return LogField(
            key: key,
            value: .milliseconds(Int(parts.seconds) * 1000 + Int(parts.attoseconds / 1_000_000_000_000_000))
        )
    }

    package static func word(_ key: StaticString, _ word: StaticString) -> LogField {
        LogField(key: key, value: .word(word))
    }

    /// The short name that a type gives its case, for enums whose cases are fixed words.
    package static func word(_ key: StaticString, _ word: some FixedWord) -> LogField {
        LogField(key: key, value: .word(word.fixedWord))
    }

    package static func id(_ key: StaticString, _ id: some LogIdentifier) -> LogField {
        LogField(key: key, value: .identifier(id.logText))
    }

    package static func identifying(_ key: StaticString, _ value: Sensitive<String>) -> LogField {
        LogField(key: key, value: .identifying(value))
    }
}

/// An enum whose cases have fixed, harmless names.
package protocol FixedWord: Sendable {
    var fixedWord: StaticString { get }
}

/// A random identifier made by Postern, safe in a log.
package protocol LogIdentifier: Sendable {
    var logText: String { get }
}

/// The id of one connection, shown in every log line of its session.
///
/// Random, so that it says nothing about the client.
package struct SessionID: LogIdentifier, Hashable {
    package let logText: String

    package init() {
        logText = String(UInt64.random(in: 0..<(1 << 40)), radix: 36)
    }
}
