// SPDX-License-Identifier: Apache-2.0

/// Writes the inside of a sealed row: numbers as LEB128, texts with their length in front.
struct RowWriter {
    private(set) var bytes: [UInt8]

    init(version: UInt8) { bytes = [version] }

    mutating func byte(_ value: UInt8) { bytes.append(value) }

    mutating func flag(_ value: Bool) { bytes.append(value ? 1 : 0) }

    mutating func number(_ value: Int) { number(Int64(value)) }

    mutating func number(_ value: Int64) {
        var rest = UInt64(bitPattern: value)
        while rest >= 0x80 {
            bytes.append(UInt8(truncatingIfNeeded: rest) | 0x80)
            rest >>= 7
        }
        bytes.append(UInt8(truncatingIfNeeded: rest))
    }

    mutating func text(_ value: String) {
        number(value.utf8.count)
        bytes.append(contentsOf: value.utf8)
    }

    mutating func array(_ value: [UInt8]) {
        number(value.count)
        bytes.append(contentsOf: value)
    }

    /// One byte, then the value if there is one.
    mutating func optional<Value>(_ value: Value?, _ write: (inout RowWriter, Value) -> Void) {
        flag(value != nil)
        if let value { write(&self, value) }
    }
}

/// Reads what ``RowWriter`` wrote.
///
/// Takes any bytes: what is not there or makes no sense throws ``StoreError/damaged``.
struct RowReader {
    private var rest: ArraySlice<UInt8>
    /// The one that the row was written in.
    let version: UInt8

    init(_ bytes: [UInt8], version: UInt8) throws(StoreError) { try self.init(bytes, versions: version...version) }

    init(_ bytes: [UInt8], versions: ClosedRange<UInt8>) throws(StoreError) {
        guard let version = bytes.first, versions.contains(version) else { throw .damaged }
        self.version = version
        rest = bytes.dropFirst()
    }

    var isAtEnd: Bool { rest.isEmpty }

    mutating func byte() throws(StoreError) -> UInt8 {
        guard let byte = rest.popFirst() else { throw .damaged }
        return byte
    }

    mutating func flag() throws(StoreError) -> Bool { try byte() != 0 }

    mutating func number() throws(StoreError) -> Int64 {
        var value: UInt64 = 0
        var shift: UInt64 = 0
        while true {
            let next = try byte()
            guard shift < 64 else { throw .damaged }
            value |= UInt64(next & 0x7f) << shift
            if next & 0x80 == 0 { return Int64(bitPattern: value) }
            shift += 7
        }
    }

    /// A number of things, each of at least one byte.
    mutating func count() throws(StoreError) -> Int {
        let value = try number()
        guard value >= 0, value <= Int64(rest.count) else { throw .damaged }
        return Int(value)
    }

    mutating func text() throws(StoreError) -> String { String(decoding: try array(), as: UTF8.self) }

    mutating func array() throws(StoreError) -> [UInt8] {
        let length = try count()
        defer { rest = rest.dropFirst(length) }
        return Array(rest.prefix(length))
    }

    mutating func optional<Value>(_ read: (inout RowReader) throws(StoreError) -> Value) throws(StoreError) -> Value? {
        try flag() ? try read(&self) : nil
    }
}
