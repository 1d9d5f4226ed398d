// SPDX-License-Identifier: Apache-2.0

/// One element of a DER encoding.
struct DERElement {
    let tag: UInt8
    let content: ArraySlice<UInt8>
    /// The element whole, tag and length included.
    let encoding: ArraySlice<UInt8>
}

/// Reads DER elements one behind the other (X.690 §8.1, §10.1).
///
/// Total: whatever the bytes, there is an element or nil. Never descends by itself.
struct DERReader {
    private(set) var rest: ArraySlice<UInt8>

    static let integer: UInt8 = 0x02
    static let bitString: UInt8 = 0x03
    static let utcTime: UInt8 = 0x17
    static let generalizedTime: UInt8 = 0x18
    static let sequence: UInt8 = 0x30

    init(_ bytes: ArraySlice<UInt8>) { rest = bytes }

    var isAtEnd: Bool { rest.isEmpty }

    /// The next element; nil for one that is cut short, has a long tag, or a length that is indefinite or not the shortest.
    mutating func next() -> DERElement? {
        guard rest.count >= 2 else { return nil }
        let start = rest.startIndex
        let tag = rest[start]
        guard tag & 0x1f != 0x1f else { return nil }
        var length = Int(rest[start + 1])
        var at = start + 2
        if length >= 0x80 {
            let octets = length & 0x7f
            guard (1...4).contains(octets), rest.endIndex - at >= octets, rest[at] != 0 else { return nil }
            length = rest[at..<(at + octets)].reduce(0) { $0 << 8 | Int($1) }
            guard length >= 0x80 else { return nil }
            at += octets
        }
        guard rest.endIndex - at >= length else { return nil }
        let element = DERElement(tag: tag, content: rest[at..<(at + length)], encoding: rest[start..<(at + length)])
        rest = rest[(at + length)...]
        return element
    }

    /// The next element when it has this tag.
    mutating func next(_ tag: UInt8) -> DERElement? {
        guard rest.first == tag else { return nil }
        return next()
    }

    /// The content of the one element with this tag that the bytes are; nil when anything follows it.
    static func only(_ tag: UInt8, in bytes: ArraySlice<UInt8>) -> DERReader? {
        var reader = DERReader(bytes)
        guard let element = reader.next(tag), reader.isAtEnd else { return nil }
        return DERReader(element.content)
    }
}
