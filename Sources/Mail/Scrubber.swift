// SPDX-License-Identifier: Apache-2.0

/// Takes out of our own users' header sections what would betray them; never for mail from strangers.
///
/// - Fields in ``ScrubRules/removedFields``, `Bcc` and `Resent-Bcc` go.
/// - `Date` and `Resent-Date` become the same instant at `+0000`. A date that can't be read stays as it is: it holds no
///   zone that a reader could make out.
/// - A `Message-ID` that names a local host becomes a keyed hash of the whole identifier at our domain. The same
///   identifier always becomes the same hash, in `In-Reply-To` and `References` too, so that threads hold.
/// - A `Received` from behind us keeps only its time in UTC, and its host only when that is us. None is dropped, so
///   that hops can still be counted.
///
/// Every other byte stays, odd lines included.
package struct Scrubber: Sendable {
    /// The host that a redacted trace field names: it exists nowhere (RFC 6761).
    package static let redactedHost = "redacted.invalid"

    private enum Action {
        case remove
        case redact
        case date
        case identifiers
    }

    private static let identifierFields = [
        "Message-ID", "In-Reply-To", "References", "Resent-Message-ID", "Original-Message-ID", "Supersedes",
    ]

    private let rules: ScrubRules
    private let keyedHash: @Sendable ([UInt8]) -> [UInt8]
    /// By name in lower case.
    private let actions: [[UInt8]: Action]
    /// Beginnings of names to remove, by their first and third byte, because nearly all begin with `X-`.
    private let prefixes: [UInt16: [[UInt8]]]

    /// `keyedHash` gives 16 bytes or more, the same for the same input, and can't be computed without the key.
    package init(rules: ScrubRules, keyedHash: @escaping @Sendable ([UInt8]) -> [UInt8]) {
        self.rules = rules
        self.keyedHash = keyedHash
        var actions: [[UInt8]: Action] = [:]
        var prefixes: [UInt16: [[UInt8]]] = [:]
        for name in Self.identifierFields { actions[ASCII.lower(name.utf8)] = .identifiers }
        for name in ["Date", "Resent-Date"] { actions[ASCII.lower(name.utf8)] = .date }
        for name in rules.removedFields + ["Bcc", "Resent-Bcc"] {
            var name = ASCII.lower(name.utf8)
            if name.last == 0x2A {
                name.removeLast()
                // A beginning this short would remove fields that nobody meant.
                if name.count >= 3 { prefixes[Self.prefixKey(name), default: []].append(name) }
            } else {
                actions[name] = .remove
            }
        }
        // Hops are counted by this field: no list can remove it.
        actions[ASCII.lower("Received".utf8)] = .redact
        self.actions = actions
        self.prefixes = prefixes
    }

    private static func prefixKey(_ name: [UInt8]) -> UInt16 { UInt16(name[0]) << 8 | UInt16(name[2]) }

    /// The header section as it may leave the house.
    package func scrub(_ header: HeaderSection) -> HeaderSection {
        var header = header
        header.rewrite(edit)
        return header
    }

    private func edit(_ line: HeaderSection.Line) -> HeaderSection.Edit {
        guard !line.isOdd else { return .keep }
        let name = line.loweredName
        switch actions[name] {
        case .remove: return .remove
        case .redact: return .value(redacted(line.value))
        case .date: return dateEdit(line)
        case .identifiers: return identifierEdit(line)
        case nil:
            guard name.count >= 3, let candidates = prefixes[Self.prefixKey(name)] else { return .keep }
            return candidates.contains { BodyScan.starts(name[...], with: $0) } ? .remove : .keep
        }
    }

    private func dateEdit(_ line: HeaderSection.Line) -> HeaderSection.Edit {
        guard let date = MessageDate(parsing: line.value) else { return .keep }
        let text = MessageDate.format(date.secondsSince1970)
        return line.value.elementsEqual(text.utf8) ? .keep : .value(text)
    }

    private func identifierEdit(_ line: HeaderSection.Line) -> HeaderSection.Edit {
        let bytes = MessageIdentifier.rewrite(line.bytes[line.valueStart...]) { mapped($0) }
        return bytes.elementsEqual(line.bytes[line.valueStart...])
            ? .keep : .bytes(Array(line.bytes[..<line.valueStart]) + bytes)
    }

    /// What stands for an identifier that betrays a host; `nil` for one that may stay.
    private func mapped(_ identifier: ArraySlice<UInt8>) -> [UInt8]? {
        let core = ASCII.trimmed(identifier)
        guard let at = core.lastIndex(of: ASCII.at) else { return nil }
        guard MessageIdentifier.betraysHost(core[(at + 1)...], localHostNames: rules.localHostNames) else { return nil }
        let hash = keyedHash(Array(core)).prefix(16)
        return Array((Base32.encode(hash) + "@" + rules.ourDomain.key).utf8)
    }

    /// `by redacted.invalid; Sun, 22 Nov 2026 07:37:42 +0000`, a whole trace field (RFC 5322 3.6.7).
    ///
    /// A time that can't be read becomes the first second of 1970, because the field must have one.
    private func redacted(_ value: [UInt8]) -> String {
        let date = value.lastIndex(of: ASCII.semicolon).flatMap { MessageDate(parsing: Array(value[($0 + 1)...])) }
        let host = names(us: value) ? rules.ourDomain.key : Self.redactedHost
        return "by \(host); \(MessageDate.format(date?.secondsSince1970 ?? 0))"
    }

    /// Whether the field's `by` is our domain: our own mark must stay for loops to be seen.
    private func names(us value: [UInt8]) -> Bool {
        let words = value.split { ASCII.isSpace($0) || $0 == ASCII.semicolon }
        guard let by = words.firstIndex(where: { ASCII.equalsIgnoringCase($0, "by".utf8) }), by + 1 < words.count else {
            return false
        }
        return ASCII.equalsIgnoringCase(words[by + 1], rules.ourDomain.key.utf8)
    }
}
