// SPDX-License-Identifier: Apache-2.0

package import Crypto
package import FoundationEssentials

/// The key of one record (a row, a message), derived once and used for each of its parts.
///
/// AES-256-GCM with a random nonce for every part. What a part *is* (its table, row, column, chunk index, whether it
/// is the last) comes in as `context`; context and nonce are the associated data, so that a part that was moved,
/// reordered, cut or put into another row does not open.
package struct RecordKey: Sendable {
    /// What sealing adds to the length: nonce (12) and tag (16).
    package static let overhead = 28

    private let key: SymmetricKey

    package init(_ key: SymmetricKey) { self.key = key }

    /// Nonce, ciphertext, tag.
    package func seal(_ plaintext: some DataProtocol, context: [UInt8]) -> Data {
        let nonce = AES.GCM.Nonce()
        // Sealing fails only for a key of a wrong size or a nonce that is not 12 bytes; neither can be here.
        guard
            let box = try? AES.GCM.seal(
                plaintext,
                using: key,
                nonce: nonce,
                authenticating: Self.bound(context, nonce)
            ),
            let combined = box.combined
        else { preconditionFailure("AES-GCM with a 256-bit key and a 96-bit nonce") }
        return combined
    }

    /// The plaintext, or ``VaultError/doesNotOpen``.
    ///
    /// Takes any bytes.
    package func open(_ sealed: Data, context: [UInt8]) throws(VaultError) -> [UInt8] {
        guard sealed.count >= Self.overhead else { throw .doesNotOpen }
        do {
            let box = try AES.GCM.SealedBox(combined: sealed)
            return try [UInt8](AES.GCM.open(box, using: key, authenticating: Self.bound(context, box.nonce)))
        } catch {
            throw .doesNotOpen
        }
    }

    private static func bound(_ context: [UInt8], _ nonce: AES.GCM.Nonce) -> [UInt8] {
        var bound = context
        bound.reserveCapacity(context.count + 12)
        bound.append(contentsOf: nonce)
        return bound
    }
}

/// Keyed hashes for one purpose: equal inputs meet, and without the vault nobody can try inputs out.
package struct KeyedHasher: Sendable {
    private let key: SymmetricKey

    package init(_ key: SymmetricKey) { self.key = key }

    /// HMAC-SHA256, 32 bytes.
    package func hash(_ input: some DataProtocol) -> [UInt8] {
        [UInt8](HMAC<SHA256>.authenticationCode(for: input, using: key))
    }
}
