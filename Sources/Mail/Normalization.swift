// SPDX-License-Identifier: Apache-2.0

// The standard library holds the tables of Unicode normalization but offers them only under this name. The one other
// way on Linux is Foundation, which pure targets do not import.
@_spi(_Unicode) import Swift

extension String {
    /// Normalization form C: two spellings of the same text become the same bytes.
    var composed: String {
        if utf8.allSatisfy({ $0 < 0x80 }) { return self }
        var scalars = String.UnicodeScalarView()
        for scalar in _nfc { scalars.append(scalar) }
        return String(scalars)
    }
}
