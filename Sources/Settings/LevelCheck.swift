// SPDX-License-Identifier: Apache-2.0

import Commitment

/// Holds settings and host against the practices of the level.
package enum LevelCheck {
    /// What breaks the level.
    ///
    /// Empty: as far as settings and known facts show, it is kept.
    package static func violations(_ settings: PosternSettings, facts: HostFacts = HostFacts()) -> [LevelViolation] {
        let found = mail(settings) + storage(settings, facts) + keys(settings, facts) + logs(settings)
        return found.filter { $0.practice.level <= settings.level }.sorted { $0.line < $1.line }
    }

    private static func mail(_ settings: PosternSettings) -> [LevelViolation] {
        var found: [LevelViolation] = []
        if settings.listeners.contains(where: { $0.role == .mx }) {
            for network in settings.networks where !network.isLoopback {
                found.append(
                    settings.violation(
                        .clientTLS,
                        "networks",
                        "clients in \(network) would hand over their mail in clear, without signing in",
                        "remove the network and let them use a submission listener, where TLS comes first"
                    )
                )
            }
        }
        if !settings.usesVaultCertificates { found += listenersWithoutTLS(settings) }
        for (index, route) in settings.routes.enumerated() {
            guard let hop = route.target.nextHop, !hop.endpoint.isLocal else { continue }
            let host = EndpointText.format(hop.endpoint)
            if hop.tls == .off {
                found.append(
                    settings.violation(
                        .serverTLS,
                        "route[\(index)].tls",
                        "mail would go to \(host) in clear",
                        "remove the line: the default is tls = \"verify\""
                    )
                )
            } else if hop.tls == .opportunistic {
                found.append(
                    settings.violation(
                        .nextHopProven,
                        "route[\(index)].tls",
                        "nothing would prove that the server is \(host)",
                        "write tls = \"verify\""
                    )
                )
            }
        }
        if settings.channel.tlsReports {
            found.append(
                settings.violation(
                    .noTLSReports,
                    "channel.tls_reports",
                    "daily reports would tell other domains that mail was sent to them",
                    "write tls_reports = false, or remove the line"
                )
            )
        }
        if let field = settings.scrub.keptAddressField {
            found.append(
                settings.violation(
                    .noClientIP,
                    "scrub.keep",
                    "\(field) would carry the sender's IP address out",
                    "take it off the list"
                )
            )
        }
        return found
    }

    private static func listenersWithoutTLS(_ settings: PosternSettings) -> [LevelViolation] {
        settings.listeners.enumerated().compactMap { index, listener in
            switch listener.role {
            case .submission, .submissions:
                settings.violation(
                    .clientTLS,
                    "listener[\(index)].role",
                    "the listener has no TLS to offer, and users may not sign in without it",
                    "add a [tls] table: with certificate and key, or empty for the vault's"
                )
            case .local: nil
            case .mx where listener.isLoopback: nil
            case .filter where listener.isLoopback || listener.filter?.peers.allSatisfy(\.isLoopback) == true: nil
            case .mx, .filter:
                settings.violation(
                    .ownCertificate,
                    "listener[\(index)].role",
                    "other servers would find no STARTTLS here",
                    "add a [tls] table (with certificate and key, or empty for the vault's), or let the listener's address be 127.0.0.1"
                )
            }
        }
    }

    private static func storage(_ settings: PosternSettings, _ facts: HostFacts) -> [LevelViolation] {
        var found: [LevelViolation] = []
        if !settings.isTryIt, let secret = settings.vault.file, FilePath.isInside(secret.path, settings.data) {
            found.append(
                settings.violation(
                    .userDataEncrypted,
                    "vault.\(secret.key)",
                    "what opens the vault would lie in the data directory, so that the vault protects nothing",
                    "keep it elsewhere: a systemd credential, a file in memory, or a question at start"
                )
            )
        }
        if !facts.isSwapBarred {
            if facts.swap == .plain {
                found.append(
                    settings.violation(
                        .encryptedSwap,
                        "level",
                        "this host has swap in clear, where keys and mail could end up",
                        "encrypt the swap, switch it off, or set MemorySwapMax=0 in the unit"
                    )
                )
            } else if facts.swap == .lastingKey {
                found.append(
                    settings.violation(
                        .randomSwapKey,
                        "level",
                        "the swap of this host is encrypted with a key that outlives the boot",
                        "give it a random key in /etc/crypttab, switch it off, or set MemorySwapMax=0 in the unit"
                    )
                )
            }
        }
        return found
    }

    private static func keys(_ settings: PosternSettings, _ facts: HostFacts) -> [LevelViolation] {
        guard let tls = settings.tls else {
            // In the vault a key is encrypted, and still on this machine.
            guard settings.hasOnlyVaultCertificates, facts.isTLSKeyOnDisk == true else { return [] }
            return [
                settings.violation(
                    .keysOffSite,
                    "tls.key",
                    "the private key would lie in the vault, on a disk of this machine",
                    "keep it on another machine, bring it into memory (/run) at start, and name its files"
                )
            ]
        }
        var found: [LevelViolation] = []
        if facts.isTLSKeyEncrypted == false {
            found.append(
                settings.violation(
                    .keysEncrypted,
                    "tls.key",
                    "the private key is stored in clear",
                    "encrypt it (openssl pkcs8 -topk8 -v2 aes256) and name a key_passphrase_file"
                )
            )
        }
        if facts.isTLSKeyOnDisk == true {
            found.append(
                settings.violation(
                    .keysOffSite,
                    "tls.key",
                    "the private key lies on a disk of this machine",
                    "keep it on another machine and bring it into memory (/run) at start"
                )
            )
        }
        let places = [FilePath.directory(of: tls.key), settings.data]
        if let file = tls.keyPassphraseFile,
            FilePath.directory(of: file) == places[0] || FilePath.isInside(file, places[1])
        {
            found.append(
                settings.violation(
                    .keysEncrypted,
                    "tls.key_passphrase_file",
                    "the passphrase lies beside what it protects",
                    "move it to a systemd credential or another file in memory"
                )
            )
        }
        return found
    }

    private static func logs(_ settings: PosternSettings) -> [LevelViolation] {
        var found: [LevelViolation] = []
        if settings.log.identifiers {
            found.append(
                settings.violation(
                    .noIdentifiers,
                    "log.identifiers",
                    "the log would tell people apart",
                    "write identifiers = false, or remove the line"
                )
            )
        }
        if settings.log.level == .info || settings.log.level == .debug {
            found.append(
                settings.violation(
                    .noActivity,
                    "log.level",
                    "\(settings.log.level.rawValue) lines tell when messages come and go",
                    "write level = \"notice\", or remove the line"
                )
            )
        }
        return found
    }
}

extension PosternSettings {
    func violation(_ practice: Practice, _ key: String, _ problem: String, _ remedy: String) -> LevelViolation {
        LevelViolation(
            practice: practice,
            diagnostic: Diagnostic(
                file: positions.file,
                line: positions.line(key),
                key: Reading.withoutIndices(key),
                problem: Reading.printable(problem),
                remedy: remedy
            )
        )
    }
}

extension Route.Target {
    /// The server of an `lmtp` or `relay` route.
    package var nextHop: NextHop? {
        switch self {
        case .lmtp(let hop), .relay(let hop): hop
        case .maildir, .mx: nil
        }
    }
}

extension VaultSource {
    /// The file that opens the vault, and the key that names it.
    var file: (key: String, path: String)? {
        switch self {
        case .prompt: nil
        case .passphraseFile(let path): ("passphrase_file", path)
        case .keyFile(let path): ("key_file", path)
        }
    }
}
