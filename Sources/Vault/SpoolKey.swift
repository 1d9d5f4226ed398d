// SPDX-License-Identifier: Apache-2.0

import Crypto
import FoundationEssentials

/// The X25519 key that programs seal their mail to while the gateway is down.
///
/// Its private half lies in the data directory, sealed under the root key; only an unlocked vault opens it.
package struct SpoolKey: Sendable {
    private let key: Curve25519.KeyAgreement.PrivateKey

    /// The name of its file in the data directory.
    package static let fileName = "spool-key"

    private static let context = Array("postern spool key".utf8)

    /// The key of a data directory; one is made when there is none yet.
    package static func ensure(in directory: String, vault: Vault) throws(VaultError) -> SpoolKey {
        let path = directory + "/" + fileName
        if let sealed = try DurableFile.read(path) {
            var raw = try vault.openRecord(Data(sealed), purpose: "spool-key", context: context)
            defer { wipe(&raw) }
            guard let key = try? Curve25519.KeyAgreement.PrivateKey(rawRepresentation: raw) else { throw .malformed }
            return SpoolKey(key: key)
        }
        let key = Curve25519.KeyAgreement.PrivateKey()
        var raw = [UInt8](key.rawRepresentation)
        defer { wipe(&raw) }
        let sealed = vault.sealRecord(raw, purpose: "spool-key", context: context)
        try DurableFile.write([UInt8](sealed), to: path)
        return SpoolKey(key: key)
    }

    private init(key: Curve25519.KeyAgreement.PrivateKey) { self.key = key }

    /// 32 bytes that anybody may know.
    package var publicKey: [UInt8] { [UInt8](key.publicKey.rawRepresentation) }

    /// Opens a stream whose header is `header`.
    package func opener(header: [UInt8], info: [UInt8]) throws(VaultError) -> StreamOpener {
        try StreamOpener(key, header: header, info: info)
    }
}

extension SpoolKey: CustomReflectable {
    package var customMirror: Mirror { Mirror(self, children: EmptyCollection<Mirror.Child>()) }
}
