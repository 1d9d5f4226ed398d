// SPDX-License-Identifier: Apache-2.0

import FoundationEssentials
import Glibc
package import Privacy

/// What tells one vault from another; bound into every slot.
struct VaultIdentity: Sendable {
    var version: Int
    var id: Data
    var created: Int64
}

/// What anybody who may read the file can know about a vault.
package struct VaultStatus: Sendable, Codable {
    package let version: Int
    /// Seconds since 1970.
    package let created: Int64
    package let slots: [VaultSlotKind]
}

/// The file `vault` in the data directory: a root key, 256 random bits, wrapped in slots.
///
/// The file holds no secret in clear. Losing it, or every secret that opens a slot, loses what is sealed.
package enum VaultFile {
    private struct Contents: Codable {
        var version: Int
        var id: Data
        var created: Int64
        var slots: [VaultSlot]

        var identity: VaultIdentity { VaultIdentity(version: version, id: id, created: created) }
    }

    /// What every version's file says.
    private struct Edition: Decodable {
        let version: Int
    }

    private static let currentVersion = 1

    package static func path(in directory: String) -> String { directory + "/vault" }

    package static func exists(in directory: String) -> Bool { unsafe access(path(in: directory), F_OK) == 0 }

    /// Makes a vault that `secret` opens, and returns it unlocked.
    ///
    /// The directory is made (0700) when it is not there.
    ///
    /// Takes some tenths of a second for a passphrase (scrypt), on the calling thread.
    @discardableResult
    package static func create(in directory: String, secret: VaultSecret, now: WallTime) throws(VaultError) -> Vault {
        try check(secret)
        guard unsafe mkdir(directory, 0o700) == 0 || errno == EEXIST else { throw .system(errno) }
        guard !exists(in: directory) else { throw .exists }
        let root = try LockedBytes.random(count: 32)
        var contents = Contents(
            version: currentVersion,
            id: Data(Vault.randomBytes(16)),
            created: now.seconds,
            slots: []
        )
        contents.slots = [try VaultSlot.wrap(root, with: secret, identity: contents.identity)]
        try save(contents, in: directory)
        return Vault(root: root)
    }

    /// The root key, by the first slot that `secret` opens.
    ///
    /// Blocks for some tenths of a second for each passphrase slot.
    package static func unlock(in directory: String, secret: VaultSecret) throws(VaultError) -> Vault {
        try check(secret)
        return Vault(root: try root(of: try load(directory), secret: secret))
    }

    /// Adds a slot for `new`, beside the one that `existing` opens.
    package static func addSlot(in directory: String, existing: VaultSecret, new: VaultSecret) throws(VaultError) {
        try check(new)
        var contents = try load(directory)
        let root = try root(of: contents, secret: existing)
        contents.slots.append(try VaultSlot.wrap(root, with: new, identity: contents.identity))
        try save(contents, in: directory)
    }

    /// Kinds of slots and age; needs no secret.
    package static func status(in directory: String) throws(VaultError) -> VaultStatus {
        let contents = try load(directory)
        return VaultStatus(version: contents.version, created: contents.created, slots: contents.slots.map(\.kind))
    }

    private static func root(of contents: Contents, secret: VaultSecret) throws(VaultError) -> LockedBytes {
        for slot in contents.slots {
            if let root = try slot.unwrap(with: secret, identity: contents.identity) { return root }
        }
        switch secret {
        case .passphrase: throw .wrongPassphrase
        case .keyFile: throw .wrongKeyFile
        }
    }

    private static func check(_ secret: VaultSecret) throws(VaultError) {
        switch secret {
        case .passphrase(let bytes): guard (1...4096).contains(bytes.count) else { throw .badPassphrase }
        case .keyFile(let bytes): guard (32...65536).contains(bytes.count) else { throw .badKeyFileSize }
        }
    }

    private static func load(_ directory: String) throws(VaultError) -> Contents {
        guard let bytes = try DurableFile.read(path(in: directory)) else { throw .missing }
        if let edition = try? JSONDecoder().decode(Edition.self, from: Data(bytes)), edition.version > currentVersion {
            throw .newerVersion
        }
        guard let contents = try? JSONDecoder().decode(Contents.self, from: Data(bytes)),
            contents.version == currentVersion, !contents.slots.isEmpty, contents.slots.count <= 16
        else { throw .malformed }
        return contents
    }

    private static func save(_ contents: Contents, in directory: String) throws(VaultError) {
        let encoder = JSONEncoder()
        encoder.outputFormatting = [.prettyPrinted, .sortedKeys, .withoutEscapingSlashes]
        guard let data = try? encoder.encode(contents) else { throw .malformed }
        try DurableFile.write([UInt8](data) + [10], to: path(in: directory))
    }
}
