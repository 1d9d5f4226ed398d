// SPDX-License-Identifier: Apache-2.0

import Mail

/// An MTA-STS policy (RFC 8461 §3.2).
package struct STSPolicy: Sendable, Hashable, Codable {
    package enum Mode: String, Sendable, Hashable, Codable { case enforce, testing, none }

    package let mode: Mode
    /// In seconds: how long the policy holds after it was fetched.
    package let maxAge: Int64
    /// Host names, lower case; `*.` in front stands for one label.
    package let hosts: [String]

    package init(mode: Mode, maxAge: Int64, hosts: [String]) {
        self.mode = mode
        self.maxAge = maxAge
        self.hosts = hosts
    }

    /// So many octets of a policy file are read at most.
    package static let maxBytes = 65_536
    /// A year and a quarter day, which no policy may outlive.
    package static let maxMaxAge: Int64 = 31_557_600
    /// So many patterns a policy may have.
    package static let maxHosts = 1000

    /// Why a file is no policy.
    package enum Flaw: Error, Sendable, Hashable {
        case tooLarge
        case notText
        /// Counted from 1.
        case line(Int)
        case version, mode, maxAge, noHosts, tooManyHosts

        package var text: String {
            switch self {
            case .tooLarge: "the policy is over \(STSPolicy.maxBytes) octets"
            case .notText: "the policy is no text"
            case .line(let number): "line \(number) of the policy has wrong syntax"
            case .version: "the policy's version is not STSv1"
            case .mode: "the policy's mode is missing or unknown"
            case .maxAge: "the policy's max_age is missing or not between 0 and \(STSPolicy.maxMaxAge)"
            case .noHosts: "the policy names no mail host"
            case .tooManyHosts: "the policy names over \(STSPolicy.maxHosts) mail hosts"
            }
        }
    }

    /// Reads a policy file.
    ///
    /// Lines end in LF or CRLF; empty lines may stand at the end only. Of a key given twice the first counts, `mx` aside. Unknown
    /// keys are left out, but must be well formed.
    package init(parsing file: [UInt8]) throws(Flaw) {
        guard file.count <= STSPolicy.maxBytes else { throw .tooLarge }
        guard String(validating: file, as: UTF8.self) != nil else { throw .notText }
        var values: [String: String] = [:]
        var hosts: [String] = []
        for (index, line) in STSPolicy.lines(file).enumerated() {
            guard let (key, value) = STSPolicy.field(line) else { throw .line(index + 1) }
            if key == "mx" {
                guard let host = STSPolicy.pattern(value) else { throw .line(index + 1) }
                guard hosts.count < STSPolicy.maxHosts else { throw .tooManyHosts }
                hosts.append(host)
            } else if values[key] == nil {
                values[key] = value
            }
        }
        guard values["version"] == "STSv1" else { throw .version }
        guard let mode = values["mode"].flatMap(Mode.init) else { throw .mode }
        guard let maxAge = values["max_age"].flatMap(STSPolicy.seconds) else { throw .maxAge }
        guard mode == .none || !hosts.isEmpty else { throw .noHosts }
        self.init(mode: mode, maxAge: maxAge, hosts: hosts)
    }

    /// The pattern that the host of an MX record matches (RFC 8461 §4.1); nil for none.
    package func pattern(for host: String) -> String? { hosts.first { CertificateName.covers($0, host) } }

    /// The policy as a report shows it (RFC 8460 §4.5).
    package var lines: [String] {
        ["version: STSv1", "mode: \(mode.rawValue)"] + hosts.map { "mx: \($0)" } + ["max_age: \(maxAge)"]
    }

    private static func lines(_ file: [UInt8]) -> [ArraySlice<UInt8>] {
        var lines = file.split(separator: 0x0a, omittingEmptySubsequences: false).map { line in
            line.last == 0x0d ? line.dropLast() : line
        }
        while lines.last?.isEmpty == true { lines.removeLast() }
        return lines
    }

    private static func field(_ line: ArraySlice<UInt8>) -> (key: String, value: String)? {
        guard let colon = line.firstIndex(of: UInt8(ascii: ":")), TaggedText.isName(line[..<colon]) else { return nil }
        let value = TaggedText.trimmed(line[line.index(after: colon)...])
        guard !value.isEmpty, value.allSatisfy({ $0 >= 0x20 && $0 != 0x7f }) else { return nil }
        return (String(decoding: line[..<colon], as: UTF8.self), String(decoding: value, as: UTF8.self))
    }

    /// A host name in A-labels, with or without a star in front.
    private static func pattern(_ value: String) -> String? {
        let isWild = value.hasPrefix("*.")
        guard value.utf8.last != 0x2e, let domain = Domain(isWild ? String(value.dropFirst(2)) : value), domain.isASCII
        else { return nil }
        return isWild ? "*." + domain.key : domain.key
    }

    private static func seconds(_ value: String) -> Int64? {
        guard (1...10).contains(value.utf8.count), value.utf8.allSatisfy({ (0x30...0x39).contains($0) }),
            let seconds = Int64(value), seconds <= maxMaxAge
        else { return nil }
        return seconds
    }
}
