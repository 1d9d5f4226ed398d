// SPDX-License-Identifier: Apache-2.0

/// The practices of the current text, by area and level. Its section "Older best practices" is left out where the
/// current text says the same in other words or at another level.
extension Practice {
    package static let all: [Practice] = everywhere + mail + storage + keys + logs

    /// The practice with this id.
    package static func find(_ id: String) -> Practice? { all.first { $0.id == id } }

    /// What a level asks for: its own practices and those of the levels below.
    package static func required(at level: Level) -> [Practice] { all.filter { $0.level <= level } }
}

extension Practice {
    package static let softwareUpToDate = Practice(
        "everywhere.software-up-to-date",
        .everywhere,
        .one,
        "You keep your software up to date to the current knowledge of security issues.",
        .untouched("the packages of the host decide it")
    )

    private static let everywhere = [softwareUpToDate]
}

extension Practice {
    package static let clientIPTold = Practice(
        "mail.client-ip-told",
        .mail,
        .one,
        """
        If the server adds the IP address of a user sending a mail through its service anywhere in the email, the \
        user is informed about this.
        """,
        .untouched("what users were told is not in the file; scrub.keep is pointed out when it lets an address through")
    )

    package static let clientTLS = Practice(
        "mail.client-tls",
        .mail,
        .one,
        "The connections between the user and the server are always encrypted.",
        .settings(["networks", "listener.role", "tls.certificate"])
    )

    package static let clientGuide = Practice(
        "mail.client-guide",
        .mail,
        .one,
        "Client side: the provider has documentation on encrypted connections.",
        .untouched("documentation is written by people")
    )

    package static let serverTLS = Practice(
        "mail.server-tls",
        .mail,
        .one,
        "Use (Start)TLS to exchange mails with other servers whenever available.",
        .settings(["route.tls"])
    )

    package static let ownCertificate = Practice(
        "mail.own-certificate",
        .mail,
        .one,
        "The server must have its own X.509 certificate signed by one of a given set of certificate authorities.",
        .settings(["listener.role", "tls.certificate"])
    )

    package static let noClientIP = Practice(
        "mail.no-client-ip",
        .mail,
        .two,
        "The server doesn't add the IP address of a user sending a mail through its service anywhere in the email.",
        .settings(["scrub.keep"])
    )

    package static let peerFingerprints = Practice(
        "mail.peer-fingerprints",
        .mail,
        .two,
        "TLS is required with other level 2 compliant servers. Certificates are verified with fingerprint.",
        .untouched("the other servers that keep level 2 are not in the file")
    )

    package static let nextHopProven = Practice(
        "mail.next-hop-proven",
        .mail,
        .three,
        "Mail goes to a server of the operator's choice only through TLS that proves that server.",
        .settings(["route.tls"]),
        source: .ourMapping
    )

    package static let noTLSReports = Practice(
        "mail.no-tls-reports",
        .mail,
        .three,
        "No reports tell other domains that mail was sent to them.",
        .settings(["channel.tls_reports"]),
        source: .ourMapping
    )

    package static let nothingInClear = Practice(
        "mail.nothing-in-clear",
        .mail,
        .three,
        "Nothing goes to other servers in clear.",
        .untouched("the gateway sends nothing without TLS at this level, and no setting changes that"),
        source: .ourMapping
    )

    package static let onionService = Practice(
        "mail.onion-service",
        .mail,
        .three,
        "Mail is also available as a hidden Tor service.",
        .untouched("the Tor daemon's configuration decides it")
    )

    private static let mail = [
        clientIPTold, clientTLS, clientGuide, serverTLS, ownCertificate, noClientIP, peerFingerprints, nextHopProven,
        noTLSReports, nothingInClear, onionService,
    ]
}

extension Practice {
    package static let userDataEncrypted = Practice(
        "storage.user-data-encrypted",
        .storage,
        .one,
        "User data that is not publicly accessible is stored encrypted, using a strong passphrase.",
        .settings(["vault.passphrase_file", "vault.key_file"])
    )

    package static let encryptedSwap = Practice(
        "storage.encrypted-swap",
        .storage,
        .two,
        "Swap is stored encrypted.",
        .host
    )

    package static let encryptedSystem = Practice(
        "storage.encrypted-system",
        .storage,
        .two,
        "The operating system and its configuration is stored encrypted with a strong passphrase.",
        .untouched("the host's disks decide it")
    )

    package static let noDriveEncryption = Practice(
        "storage.no-drive-encryption",
        .storage,
        .two,
        "Don't rely on hard drives that promote encryption on the disk layer.",
        .untouched("the host's disks decide it")
    )

    package static let randomSwapKey = Practice(
        "storage.random-swap-key",
        .storage,
        .three,
        "Swap is encrypted with a random key on boot.",
        .host
    )

    private static let storage = [userDataEncrypted, encryptedSwap, encryptedSystem, noDriveEncryption, randomSwapKey]
}

extension Practice {
    package static let establishedParameters = Practice(
        "keys.established-parameters",
        .keys,
        .one,
        "Stream-based communication uses only a well-established set of cryptographic parameters.",
        .untouched("the gateway speaks TLS 1.2 and 1.3 with forward secrecy, and no setting changes that")
    )

    package static let keysEncrypted = Practice(
        "keys.encrypted-at-rest",
        .keys,
        .two,
        "Private keys are only stored encrypted.",
        .settings(["tls.key", "tls.key_passphrase_file"])
    )

    package static let keysOffSite = Practice(
        "keys.off-site",
        .keys,
        .three,
        "Private keys are only stored encrypted and off-site.",
        .settings(["tls.key"])
    )

    private static let keys = [establishedParameters, keysEncrypted, keysOffSite]
}

extension Practice {
    package static let identifiersKeptSafe = Practice(
        "logs.identifiers-kept-safe",
        .logs,
        .one,
        """
        Logs containing user identifiable information are stored encrypted or only in memory. Otherwise the users \
        are informed about this.
        """,
        .untouched("the log is kept in memory; log.sink has no other value")
    )

    package static let activityKeptSafe = Practice(
        "logs.activity-kept-safe",
        .logs,
        .one,
        "Logs containing information about non-individual user activities are stored encrypted or only in memory.",
        .untouched("the log is kept in memory; log.sink has no other value")
    )

    package static let noActivity = Practice(
        "logs.no-activity",
        .logs,
        .two,
        "Logs contain no information about non-individual user activities.",
        .settings(["log.level"])
    )

    package static let systemLogsKeptSafe = Practice(
        "logs.system-kept-safe",
        .logs,
        .two,
        "System logs (not related to user activities) are stored encrypted or only in memory.",
        .untouched("the log is kept in memory; log.sink has no other value")
    )

    package static let noIdentifiers = Practice(
        "logs.no-identifiers",
        .logs,
        .three,
        "Logs contain no user identifiable information.",
        .settings(["log.identifiers"])
    )

    package static let systemLogsNotStored = Practice(
        "logs.system-not-stored",
        .logs,
        .three,
        "System logs (not related to user activities) are not stored.",
        .untouched("the log is kept in memory and never stored; log.sink has no other value")
    )

    private static let logs = [
        identifiersKeptSafe, activityKeptSafe, noActivity, systemLogsKeptSafe, noIdentifiers, systemLogsNotStored,
    ]
}
