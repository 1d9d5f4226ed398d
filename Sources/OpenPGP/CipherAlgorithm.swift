// SPDX-License-Identifier: Apache-2.0

/// The ciphers that we write with (RFC 9580 section 9.3): nothing weaker than AES-128, whatever a certificate asks for.
package enum CipherAlgorithm: UInt8, Sendable, CaseIterable {
    case aes128 = 7
    case aes192 = 8
    case aes256 = 9

    /// Bits of its key.
    package var keyBits: Int {
        switch self {
        case .aes128: 128
        case .aes192: 192
        case .aes256: 256
        }
    }

    /// The strongest that every certificate's preferences allow; AES-128, which all must know, where one states none.
    package static func strongest(for certificates: [JudgedCertificate]) -> CipherAlgorithm {
        [.aes256, .aes192].first { cipher in
            !certificates.isEmpty && certificates.allSatisfy { $0.cipherPreferences.contains(cipher.rawValue) }
        } ?? .aes128
    }
}
