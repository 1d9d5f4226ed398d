// SPDX-License-Identifier: Apache-2.0

import Glibc
import Settings
import Store
import Vault

/// Whether there is a place for the data, with a vault and what opens it.
enum DataTrials {
    static func run(_ settings: PosternSettings) -> [Trial] {
        var facts = stat()
        guard stat(settings.data, &facts) == 0 else { return [missing(settings.data)] }
        guard facts.st_mode & S_IFMT == S_IFDIR else {
            return [
                .fault(
                    "data",
                    settings.data,
                    "it is no directory",
                    remedy: "write another path at data, or move it away"
                )
            ]
        }
        return [directory(settings.data, facts), space(settings.data), vault(settings)] + secret(settings)
    }

    private static func missing(_ path: String) -> Trial {
        errno == EACCES
            ? .unknown("data", path, "this user may not look there", remedy: "run the check as root or as its owner")
            : .fault("data", path, "it is not there yet", remedy: "make it: postern vault init")
    }

    private static func directory(_ path: String, _ facts: stat) -> Trial {
        let owner = getpwuid(facts.st_uid).map { String(cString: $0.pointee.pw_name) } ?? "user \(facts.st_uid)"
        if facts.st_mode & 0o077 != 0 {
            return .fault(
                "data",
                path,
                "other users than \(owner) can look into it",
                remedy: "chmod 700 \(path)"
            )
        }
        guard access(path, W_OK | X_OK) == 0 else {
            return errno == EROFS
                ? .fault("data", path, "its file system is read-only", remedy: "mount it for writing")
                : .unknown(
                    "data",
                    path,
                    "it belongs to \(owner)",
                    remedy: "run the check as root or as \(owner); the gateway must run as \(owner)"
                )
        }
        return .ok("data", path, "writable, belongs to \(owner)")
    }

    private static func space(_ path: String) -> Trial {
        let room = FreeSpace.available(path)
        let megabytes = room >> 20
        return room > FreeSpace.reserve
            ? .ok("data", path, "\(megabytes) MiB free")
            : .fault(
                "data",
                path,
                "only \(megabytes) MiB are free, and below \(FreeSpace.reserve >> 20) MiB new mail is refused",
                remedy: "make room, or move the directory to a larger file system"
            )
    }

    private static func vault(_ settings: PosternSettings) -> Trial {
        VaultFile.exists(in: settings.data)
            ? .ok("vault", settings.data, "there")
            : .fault("vault", settings.data, "there is none yet", remedy: "make it: postern vault init")
    }

    private static func secret(_ settings: PosternSettings) -> [Trial] {
        switch settings.vault {
        case .prompt:
            return [credential("/etc/credstore.encrypted/\(VaultSource.credentialName)")]
        case .passphraseFile(let path), .keyFile(let path):
            guard access(path, R_OK) == 0 else {
                if path.hasPrefix("/run/credentials/") {
                    return [.unknown("vault", path, "the credential is there only while the service runs")]
                }
                return [
                    .fault(
                        "vault",
                        path,
                        "what opens the vault can't be read from it",
                        remedy: "bring the file back, or name another in [vault]"
                    )
                ]
            }
            return [.ok("vault", path, "there")]
        }
    }

    /// The passphrase that the unit asks systemd for; without one the service waits for `postern unlock`.
    private static func credential(_ path: String) -> Trial {
        access(path, F_OK) == 0
            ? .ok("vault", path, "the passphrase, sealed to this machine")
            : .unknown(
                "vault",
                path,
                "not there, or not to be seen by this user",
                remedy: "without it the service starts locked and waits for postern unlock; systemd-creds makes it"
            )
    }
}

/// Files with secrets belong to one user.
enum SecretTrials {
    static func run(_ settings: PosternSettings) -> [Trial] {
        paths(settings).compactMap { path in
            var facts = stat()
            guard stat(path, &facts) == 0 else { return nil }
            guard facts.st_mode & 0o007 == 0 else {
                return .fault("secret", path, "every user of this machine can read it", remedy: "chmod o= \(path)")
            }
            return .ok("secret", path, "closed to other users")
        }
    }

    private static func paths(_ settings: PosternSettings) -> [String] {
        var paths: [String] = []
        if let tls = settings.tls { paths += [tls.key] + [tls.keyPassphraseFile].compactMap { $0 } }
        switch settings.vault {
        case .prompt: break
        case .passphraseFile(let path), .keyFile(let path): paths.append(path)
        }
        paths += settings.routes.compactMap { $0.target.nextHop?.credentials?.passwordFile }
        var seen: Set<String> = []
        return paths.filter { seen.insert($0).inserted }
    }
}
