// SPDX-License-Identifier: Apache-2.0

import Crypto
import FoundationEssentials

/// A stream sealed to a public key by somebody who can't open it again: HPKE (RFC 9180), base mode, X25519, HKDF-SHA256
/// and AES-256-GCM.
///
/// On the wire: ``magic``, the encapsulated key (32 bytes), then chunks of ``chunkSize`` bytes, each with its tag; only
/// the last is shorter or equal, and says so in its associated data. A chunk that was cut off, moved or changed does
/// not open.
package enum SealedStream {
    package static let magic = Array("postern sealed 1\n".utf8)
    package static let chunkSize = 65_536
    /// What sealing adds to a chunk.
    package static let overhead = 16
    package static let keyBytes = 32
    /// What stands before the first chunk.
    package static var headerBytes: Int { magic.count + keyBytes }

    static let suite = HPKE.Ciphersuite(kem: .Curve25519_HKDF_SHA256, kdf: .HKDF_SHA256, aead: .AES_GCM_256)

    static func context(isLast: Bool) -> [UInt8] { Array((isLast ? "last" : "chunk").utf8) }
}

/// Seals a stream, chunk by chunk.
package struct StreamSealer {
    private var sender: HPKE.Sender

    /// - Parameters:
    ///   - publicKey: 32 bytes, X25519.
    ///   - info: what the stream is for; the opener must say the same.
    package init(publicKey: [UInt8], info: [UInt8]) throws(VaultError) {
        do {
            let key = try Curve25519.KeyAgreement.PublicKey(rawRepresentation: publicKey)
            sender = try HPKE.Sender(recipientKey: key, ciphersuite: SealedStream.suite, info: Data(info))
        } catch {
            throw .malformed
        }
    }

    /// What stands before the first chunk.
    package var header: [UInt8] { SealedStream.magic + [UInt8](sender.encapsulatedKey) }

    /// The next chunk; every one but the last holds exactly ``SealedStream/chunkSize`` bytes.
    package mutating func seal(_ chunk: ArraySlice<UInt8>, isLast: Bool) throws(VaultError) -> [UInt8] {
        do {
            return [UInt8](try sender.seal(chunk, authenticating: SealedStream.context(isLast: isLast)))
        } catch {
            throw .malformed
        }
    }
}

/// Opens what a ``StreamSealer`` made.
package struct StreamOpener {
    private var recipient: HPKE.Recipient

    init(_ key: Curve25519.KeyAgreement.PrivateKey, header: [UInt8], info: [UInt8]) throws(VaultError) {
        guard header.count == SealedStream.headerBytes, header.starts(with: SealedStream.magic) else {
            throw .doesNotOpen
        }
        do {
            recipient = try HPKE.Recipient(
                privateKey: key,
                ciphersuite: SealedStream.suite,
                info: Data(info),
                encapsulatedKey: Data(header.dropFirst(SealedStream.magic.count))
            )
        } catch {
            throw .doesNotOpen
        }
    }

    /// The next chunk in clear.
    package mutating func open(_ sealed: ArraySlice<UInt8>, isLast: Bool) throws(VaultError) -> [UInt8] {
        do {
            return [UInt8](try recipient.open(sealed, authenticating: SealedStream.context(isLast: isLast)))
        } catch {
            throw .doesNotOpen
        }
    }
}
