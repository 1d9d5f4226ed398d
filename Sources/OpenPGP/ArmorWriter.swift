// SPDX-License-Identifier: Apache-2.0

/// Puts ASCII armor around bytes as they come: lines of 64 letters with CRLF, no `Version`, no `Comment`, and the
/// checksum line that older programs ask for (RFC 9580 section 6).
struct ArmorWriter: Sendable {
    enum Kind: String, Sendable {
        case message = "MESSAGE"
        case publicKey = "PUBLIC KEY BLOCK"
    }

    private let kind: Kind
    private var checksum = CRC24()
    /// What did not fill a line of 48 octets yet.
    private var carry: [UInt8] = []
    private var isBegun = false

    init(_ kind: Kind) { self.kind = kind }

    mutating func write(_ bytes: [UInt8], into output: inout [UInt8]) {
        begin(&output)
        checksum.update(bytes)
        var used = 0
        if !carry.isEmpty {
            used = min(48 - carry.count, bytes.count)
            carry += bytes[..<used]
            guard carry.count == 48 else { return }
            Base64Encoder.appendLines(carry, 0..<48, into: &output)
            carry.removeAll(keepingCapacity: true)
        }
        let whole = used + (bytes.count - used) / 48 * 48
        Base64Encoder.appendLines(bytes, used..<whole, into: &output)
        carry += bytes[whole...]
    }

    mutating func finish(into output: inout [UInt8]) {
        begin(&output)
        if !carry.isEmpty { Base64Encoder.appendLastLine(carry, into: &output) }
        output.append(0x3D)
        let value = checksum.value
        Base64Encoder.appendLastLine([16, 8, 0].map { UInt8(truncatingIfNeeded: value >> $0) }, into: &output)
        output += "-----END PGP \(kind.rawValue)-----\r\n".utf8
    }

    private mutating func begin(_ output: inout [UInt8]) {
        guard !isBegun else { return }
        isBegun = true
        output += "-----BEGIN PGP \(kind.rawValue)-----\r\n\r\n".utf8
    }
}

/// Encodes whole lines at once; two letters a look-up.
private enum Base64Encoder {
    private static let letters = Array("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/".utf8)

    /// Two letters for twelve bits, in the order that they have in memory.
    private static let pairs: [UInt16] = (0..<4096).map { bits in
        UInt16(littleEndian: UInt16(letters[bits >> 6]) | UInt16(letters[bits & 63]) << 8)
    }

    /// `range` is a whole number of 48 octets.
    static func appendLines(_ bytes: [UInt8], _ range: Range<Int>, into output: inout [UInt8]) {
        let lines = range.count / 48
        guard lines > 0 else { return }
        let encoded = unsafe [UInt8](unsafeUninitializedCapacity: lines * 66) { target, count in
            unsafe bytes.withUnsafeBytes { source in
                unsafe pairs.withUnsafeBufferPointer { pairs in
                    unsafe encode(
                        UnsafeRawBufferPointer(rebasing: source[range]),
                        UnsafeMutableRawBufferPointer(target),
                        lines,
                        pairs
                    )
                }
            }
            count = lines * 66
        }
        output += encoded
    }

    private static func encode(
        _ source: UnsafeRawBufferPointer,
        _ target: UnsafeMutableRawBufferPointer,
        _ lines: Int,
        _ pairs: UnsafeBufferPointer<UInt16>
    ) {
        var read = 0
        var written = 0
        for _ in 0..<lines {
            // Six octets make eight letters, which are stored at once; the last two of the eight octets loaded are not
            // used.
            for group in 0..<8 {
                let word: UInt64
                if read &+ 8 <= source.count {
                    word = unsafe UInt64(bigEndian: source.loadUnaligned(fromByteOffset: read, as: UInt64.self))
                } else {
                    let high = unsafe UInt64(
                        UInt32(bigEndian: source.loadUnaligned(fromByteOffset: read, as: UInt32.self))
                    )
                    let low = unsafe UInt64(
                        UInt16(bigEndian: source.loadUnaligned(fromByteOffset: read &+ 4, as: UInt16.self))
                    )
                    word = high << 32 | low << 16
                }
                let first = unsafe UInt64(pairs[Int(truncatingIfNeeded: word >> 52)])
                let second = unsafe UInt64(pairs[Int(truncatingIfNeeded: word >> 40 & 0xFFF)])
                let third = unsafe UInt64(pairs[Int(truncatingIfNeeded: word >> 28 & 0xFFF)])
                let fourth = unsafe UInt64(pairs[Int(truncatingIfNeeded: word >> 16 & 0xFFF)])
                let letters = first | second << 16 | third << 32 | fourth << 48
                unsafe target.storeBytes(of: letters.littleEndian, toByteOffset: written &+ group &* 8, as: UInt64.self)
                read &+= 6
            }
            unsafe target.storeBytes(of: UInt16(0x0A0D).littleEndian, toByteOffset: written &+ 64, as: UInt16.self)
            written &+= 66
        }
    }

    /// At most 48 octets, padded, and the end of the line.
    static func appendLastLine(_ bytes: [UInt8], into output: inout [UInt8]) {
        var index = 0
        while index < bytes.count {
            let left = bytes.count - index
            let group =
                Int(bytes[index]) << 16 | (left > 1 ? Int(bytes[index + 1]) << 8 : 0)
                | (left > 2 ? Int(bytes[index + 2]) : 0)
            output.append(letters[group >> 18])
            output.append(letters[group >> 12 & 63])
            output.append(left > 1 ? letters[group >> 6 & 63] : 0x3D)
            output.append(left > 2 ? letters[group & 63] : 0x3D)
            index += 3
        }
        output += [0x0D, 0x0A]
    }
}
