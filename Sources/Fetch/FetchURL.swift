// SPDX-License-Identifier: Apache-2.0

import Mail

/// The address of something to fetch: https and nothing else, read strictly.
///
/// A host is a full domain name. Whatever a reader somewhere takes for an IP address, in any base, is refused.
package struct FetchURL: Sendable, Hashable {
    /// Why a text is no such address.
    package enum Flaw: Error, Sendable, Hashable, CaseIterable {
        case tooLong, characters, scheme, userInfo, addressLiteral, host, port, fragment

        package var text: String {
            switch self {
            case .tooLong: "the URL is over \(FetchURL.maxBytes) octets"
            case .characters: "the URL has a character that no URL may have"
            case .scheme: "the URL does not begin with https://"
            case .userInfo: "the URL has a user name in front of its host"
            case .addressLiteral: "the URL has an IP address in place of a host name"
            case .host: "the URL's host is no full domain name"
            case .port: "the URL's port is no number from 1 to 65535"
            case .fragment: "the URL has a fragment"
            }
        }
    }

    package static let maxBytes = 2048

    /// Lower case, A-labels.
    package let host: String
    package let port: Int
    /// Path and query, as they are sent.
    package let target: String

    /// Top-level names that no public DNS holds (RFC 6761, 6762, 7686).
    private static let closed: Set<String> = ["localhost", "local", "onion"]

    package init(_ text: String) throws(Flaw) {
        let bytes = Array(text.utf8)
        guard bytes.count <= FetchURL.maxBytes else { throw .tooLong }
        guard bytes.allSatisfy(FetchURL.isAllowed) else { throw .characters }
        let scheme = Array("https://".utf8)
        guard bytes.count > scheme.count, bytes.prefix(scheme.count).map(FetchURL.lower) == scheme else {
            throw .scheme
        }
        guard !bytes.contains(UInt8(ascii: "#")) else { throw .fragment }
        let rest = bytes[scheme.count...]
        let end = rest.firstIndex { $0 == UInt8(ascii: "/") || $0 == UInt8(ascii: "?") } ?? rest.endIndex
        let place = try FetchURL.authority(rest[..<end])
        let path = String(decoding: rest[end...], as: UTF8.self)
        self.init(host: place.host, port: place.port, target: path.hasPrefix("/") ? path : "/" + path)
    }

    private init(host: String, port: Int, target: String) {
        self.host = host
        self.port = port
        self.target = target
    }

    /// Where a redirect leads: a whole address, or a path at the same host.
    package func following(_ location: String) throws(Flaw) -> FetchURL {
        guard location.hasPrefix("/"), !location.hasPrefix("//") else { return try FetchURL(location) }
        let bytes = Array(location.utf8)
        guard bytes.count <= FetchURL.maxBytes else { throw .tooLong }
        guard bytes.allSatisfy(FetchURL.isAllowed) else { throw .characters }
        guard !bytes.contains(UInt8(ascii: "#")) else { throw .fragment }
        return FetchURL(host: host, port: port, target: location)
    }

    private static func authority(_ text: ArraySlice<UInt8>) throws(Flaw) -> (host: String, port: Int) {
        guard !text.contains(UInt8(ascii: "@")) else { throw .userInfo }
        guard text.first != UInt8(ascii: "[") else { throw .addressLiteral }
        let parts = text.split(separator: UInt8(ascii: ":"), omittingEmptySubsequences: false)
        guard parts.count <= 2, let name = parts.first else { throw .host }
        let port = parts.count == 2 ? number(parts[1]) : 443
        guard let port else { throw .port }
        return (try host(name), port)
    }

    private static func host(_ name: ArraySlice<UInt8>) throws(Flaw) -> String {
        let text = String(decoding: name, as: UTF8.self)
        let labels = name.split(separator: UInt8(ascii: "."), omittingEmptySubsequences: false)
        if labels.allSatisfy(isNumeric) { throw .addressLiteral }
        guard labels.count > 1, labels.last?.isEmpty == false, let domain = Domain(text) else { throw .host }
        guard let last = domain.key.split(separator: ".").last, !closed.contains(String(last)) else { throw .host }
        return domain.key
    }

    /// What `inet_aton` takes for a part of an address: decimal, octal or hexadecimal.
    private static func isNumeric(_ label: ArraySlice<UInt8>) -> Bool {
        let digits = label.prefix(2).map(lower) == Array("0x".utf8) ? label.dropFirst(2) : label
        let isHex = digits.count < label.count
        guard isHex || !label.isEmpty else { return false }
        return digits.allSatisfy { byte in
            (0x30...0x39).contains(byte) || (isHex && (0x61...0x66).contains(lower(byte)))
        }
    }

    private static func number(_ digits: ArraySlice<UInt8>) -> Int? {
        guard (1...5).contains(digits.count), digits.allSatisfy({ (0x30...0x39).contains($0) }),
            digits.first != 0x30
        else { return nil }
        let value = digits.reduce(0) { $0 * 10 + Int($1 - 0x30) }
        return value <= 65_535 ? value : nil
    }

    /// Printable ASCII without what RFC 3986 leaves out of a URL.
    private static func isAllowed(_ byte: UInt8) -> Bool {
        (0x21...0x7e).contains(byte) && !excluded.contains(byte)
    }

    private static let excluded = Set("\"<>\\^`{|}".utf8)

    private static func lower(_ byte: UInt8) -> UInt8 { (0x41...0x5a).contains(byte) ? byte | 0x20 : byte }
}
