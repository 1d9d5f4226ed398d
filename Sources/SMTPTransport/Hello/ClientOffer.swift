// SPDX-License-Identifier: Apache-2.0

/// What a ClientHello offers (RFC 8446 §4.1.2), by the numbers of IANA's registers.
package struct ClientOffer: Sendable, Hashable {
    package private(set) var versions: [UInt16] = []
    package private(set) var ciphers: [UInt16] = []
    package private(set) var groups: [UInt16] = []
    /// The client asks for a session that it had before.
    package private(set) var resumes = false

    /// From the body of the message; nil when its form is broken.
    init?(_ body: ArraySlice<UInt8>) {
        var reader = WireReader(body)
        guard let legacy = reader.number(2), reader.bytes(32) != nil, reader.vector(1) != nil,
            let ciphers = reader.vector(2)?.numbers(), reader.vector(1) != nil
        else { return nil }
        self.ciphers = ciphers.filter { !TLSNames.isGrease($0) }
        versions = [UInt16(truncatingIfNeeded: legacy)]
        guard !reader.isAtEnd else { return }
        guard var extensions = reader.vector(2) else { return nil }
        while !extensions.isAtEnd {
            guard let type = extensions.number(2), var content = extensions.vector(2) else { return nil }
            switch type {
            case 10: groups = content.vector(2)?.numbers()?.filter { !TLSNames.isGrease($0) } ?? []
            case 35: if !content.isAtEnd { resumes = true }
            case 41: resumes = true
            case 43: versions = content.vector(1)?.numbers()?.filter { !TLSNames.isGrease($0) } ?? versions
            default: break
            }
        }
    }
}

/// What a ServerHello chose (RFC 8446 §4.1.3).
package struct ServerChoice: Sendable, Hashable {
    package private(set) var version: UInt16
    package let cipher: UInt16
    /// Of the key exchange; a TLS 1.2 server tells it in a message of its own.
    package internal(set) var group: UInt16?
    /// A HelloRetryRequest: the client is to try again with ``group``.
    package let isRetry: Bool

    init?(_ body: ArraySlice<UInt8>) {
        var reader = WireReader(body)
        guard let legacy = reader.number(2), let random = reader.bytes(32), reader.vector(1) != nil,
            let cipher = reader.number(2), reader.number(1) != nil
        else { return nil }
        self.version = UInt16(truncatingIfNeeded: legacy)
        self.cipher = UInt16(truncatingIfNeeded: cipher)
        self.isRetry = random.elementsEqual(ServerChoice.retryRandom)
        guard !reader.isAtEnd else { return }
        guard var extensions = reader.vector(2) else { return nil }
        while !extensions.isAtEnd {
            guard let type = extensions.number(2), var content = extensions.vector(2) else { return nil }
            switch type {
            case 43: version = content.number(2).map { UInt16(truncatingIfNeeded: $0) } ?? version
            case 51: group = content.number(2).map { UInt16(truncatingIfNeeded: $0) }
            default: break
            }
        }
    }

    /// From a ServerKeyExchange of an ECDHE suite (RFC 8422 §5.4); nil for another kind.
    static func namedGroup(_ body: ArraySlice<UInt8>) -> UInt16? {
        var reader = WireReader(body)
        guard reader.number(1) == 3 else { return nil }
        return reader.number(2).map { UInt16(truncatingIfNeeded: $0) }
    }

    /// SHA-256 of "HelloRetryRequest".
    private static let retryRandom: [UInt8] = [
        0xCF, 0x21, 0xAD, 0x74, 0xE5, 0x9A, 0x61, 0x11, 0xBE, 0x1D, 0x8C, 0x02, 0x1E, 0x65, 0xB8, 0x91, 0xC2, 0xA2,
        0x11,
        0x16, 0x7A, 0xBB, 0x8C, 0x5E, 0x07, 0x9E, 0x09, 0xE2, 0xC8, 0xA8, 0x33, 0x9C,
    ]
}

/// An alert in clear (RFC 8446 §6).
package struct TLSAlert: Sendable, Hashable {
    package let isFatal: Bool
    package let code: UInt8

    /// Such as `handshake_failure (40)`.
    package var text: String { TLSNames.alert(code) }
}

/// Numbers and length-prefixed parts, in network order; nil where the bytes end too early.
private struct WireReader {
    private var rest: ArraySlice<UInt8>

    init(_ bytes: ArraySlice<UInt8>) { rest = bytes }

    var isAtEnd: Bool { rest.isEmpty }

    mutating func bytes(_ count: Int) -> ArraySlice<UInt8>? {
        guard rest.count >= count else { return nil }
        defer { rest = rest.dropFirst(count) }
        return rest.prefix(count)
    }

    mutating func number(_ octets: Int) -> Int? { bytes(octets)?.reduce(0) { $0 << 8 | Int($1) } }

    /// What a length of so many octets stands before.
    mutating func vector(_ octets: Int) -> WireReader? {
        guard let count = number(octets), let content = bytes(count) else { return nil }
        return WireReader(content)
    }

    /// All of it as numbers of two octets.
    func numbers() -> [UInt16]? {
        guard rest.count % 2 == 0 else { return nil }
        var reader = self
        var numbers: [UInt16] = []
        while let number = reader.number(2) { numbers.append(UInt16(truncatingIfNeeded: number)) }
        return numbers
    }
}
