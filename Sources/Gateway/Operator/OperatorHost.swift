// SPDX-License-Identifier: Apache-2.0

import Glibc
package import Settings
import Vault

extension HostFacts {
    /// Looks at this host: its swap, and the private key that the settings name.
    package static func survey(for settings: PosternSettings) -> HostFacts {
        var facts = HostFacts()
        switch SwapState.current() {
        case .none: facts.swap = .none
        case .encryptedOnly: facts.swap = .encrypted
        case .plain: facts.swap = .plain
        }
        guard let key = settings.tls?.key else {
            if settings.hasOnlyVaultCertificates { facts.isTLSKeyOnDisk = keepsVaultOnDisk(settings) }
            return facts
        }
        facts.isTLSKeyEncrypted = isEncryptedPEM(at: key)
        facts.isTLSKeyOnDisk = liesOnDisk(key)
        return facts
    }

    /// Whether the vault is there after the next boot; nil when that can't be seen.
    static func keepsVaultOnDisk(_ settings: PosternSettings) -> Bool? { liesOnDisk(settings.data) }

    /// PKCS #8 says so in its label (RFC 7468 section 11), older PEM in a header (RFC 1421 section 4.6.1.1).
    ///
    /// Nil when it can't be read.
    private static func isEncryptedPEM(at path: String) -> Bool? {
        guard let bytes = try? DurableFile.read(path) else { return nil }
        let text = String(decoding: bytes, as: UTF8.self)
        guard text.contains("PRIVATE KEY-----") else { return nil }
        return text.contains("-----BEGIN ENCRYPTED PRIVATE KEY-----") || text.contains("Proc-Type: 4,ENCRYPTED")
    }

    /// Whether the file is there after the next boot; nil when that can't be seen.
    private static func liesOnDisk(_ path: String) -> Bool? {
        guard let resolved = unsafe realpath(path, nil) else { return nil }
        defer { unsafe free(resolved) }
        let file = unsafe String(cString: resolved)
        guard let mounts = try? DurableFile.read("/proc/self/mounts") else { return nil }
        // Lines of "device place type …"; the longest place that holds the file is the one it lies on.
        let lines = String(decoding: mounts, as: UTF8.self).split(separator: "\n").map { $0.split(separator: " ") }
        let around = lines.filter { $0.count > 2 && ($0[1] == "/" || file.hasPrefix($0[1] + "/")) }
        guard let place = around.max(by: { $0[1].count < $1[1].count }) else { return nil }
        return place[2] != "tmpfs" && place[2] != "ramfs"
    }
}
