// SPDX-License-Identifier: Apache-2.0

/// Lower-case Base32 without padding (RFC 4648 6): safe in any header field, address or file name.
package enum Base32 {
    private static let digits = Array("abcdefghijklmnopqrstuvwxyz234567".utf8)

    package static func encode(_ bytes: some Sequence<UInt8>) -> String {
        var output: [UInt8] = []
        var bits: UInt32 = 0
        var count = 0
        for byte in bytes {
            bits = (bits << 8 | UInt32(byte)) & 0xFFFF
            count += 8
            while count >= 5 {
                count -= 5
                output.append(digits[Int(bits >> UInt32(count) & 31)])
            }
        }
        if count > 0 { output.append(digits[Int(bits << UInt32(5 - count) & 31)]) }
        return String(decoding: output, as: UTF8.self)
    }
}
