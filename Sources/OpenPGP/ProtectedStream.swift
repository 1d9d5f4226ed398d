// SPDX-License-Identifier: Apache-2.0

import Crypto
import CryptoExtras

#if canImport(FoundationEssentials)
    import FoundationEssentials
#else
    import Foundation
#endif

/// The inside of an integrity protected data packet, version 1: a random block, the data, and their SHA-1, in AES-CFB
/// with an all-zero start and no resynchronisation (RFC 9580 section 5.13.1).
struct ProtectedStream: Sendable {
    /// What is added to the data: a block and two octets before it, a 22-octet packet after it.
    static let overhead = 18 + 22

    private let key: SymmetricKey
    /// The last block of ciphertext, which chains to the next.
    private var lastBlock = [UInt8](repeating: 0, count: 16)
    private var hash = Insecure.SHA1()
    private var clear: [UInt8]

    init(key: SymmetricKey) throws {
        self.key = key
        // A fresh key is sixteen octets from the system's generator.
        clear = unsafe SymmetricKey(size: .bits128).withUnsafeBytes { unsafe [UInt8]($0) }
        clear += [clear[14], clear[15]]
        hash.update(data: clear)
    }

    /// Octets that wait to be encrypted.
    var waiting: Int { clear.count }

    mutating func append(_ bytes: [UInt8]) {
        hash.update(data: bytes)
        clear += bytes
    }

    /// Encrypts all whole blocks that wait, or with `isLast` everything and the hash.
    mutating func encrypt(isLast: Bool, into output: inout [UInt8]) throws {
        if isLast {
            // The modification detection code packet; its header is hashed with the data.
            let header: [UInt8] = [0xD3, 20]
            hash.update(data: header)
            clear += header
            clear += hash.finalize()
        }
        let count = isLast ? clear.count : clear.count / 16 * 16
        guard count > 0 else { return }
        let encrypted = try AES._CFB.encrypt(
            clear[..<count],
            using: key,
            iv: AES._CFB.IV(ivBytes: lastBlock)
        )
        if !isLast { lastBlock = [UInt8](encrypted.suffix(16)) }
        unsafe encrypted.withUnsafeBytes { unsafe output.append(contentsOf: $0) }
        clear.removeSubrange(..<count)
    }
}
