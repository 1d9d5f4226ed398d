// SPDX-License-Identifier: Apache-2.0

package import Commitment
package import Mail

/// Everything that `postern.toml` says, checked, with every default filled in and every path absolute.
///
/// Made by ``load(path:)``, ``parse(text:name:directory:)`` or ``tryIt(data:portBase:)``. The properties' initial
/// values are the defaults that the manual prints.
package struct PosternSettings: Sendable {
    /// The level of the Commitment that this gateway keeps.
    ///
    /// It sets the defaults that differ by level.
    package var level: Level
    /// The name that the gateway greets with and signs its trace fields with.
    package var hostname: Domain
    /// The directory of the queue, the keys and the mailboxes.
    package var data = TopDraft().data
    /// The domains for which mail from strangers is taken.
    ///
    /// Never holds `*`.
    package var accept: [Domain] = []
    /// Clients that are *ours* by their address alone.
    ///
    /// Empty: nobody is, loopback included.
    package var networks: [NetworkRange] = []
    /// What parts a mailbox name from a tag (`alice+news`); nil when tags are off.
    package var tagSeparator = TopDraft().tagSeparator
    /// Whom a gateway that root started becomes once its ports are bound; nil: it stays who it is.
    package var user: String?
    package var listeners: [Listener] = []
    package var routes: [Route] = []
    /// The files of the server's certificate; nil: there are none (in try-it mode one is self-made).
    package var tls: TLSFiles?
    /// Whether there is a `[tls]` table; without keys it leaves certificates to the vault alone.
    package var hasTLSTable = false
    package var vault = VaultSource.prompt
    package var protection = ProtectionSettings()
    package var scrub = ScrubSettings()
    package var limits = Limits()
    package var signIn = SignInSettings()
    package var delivery = DeliverySettings()
    package var channel: ChannelSettings
    package var resolver = ResolverSettings()
    package var log: LogSettings
    package var control = ControlSettings()
    /// Whose programs may send as whom through a `local` listener.
    package var callers: [Caller] = []
    package var sendmail = SendmailSettings()
    /// Nil: programs get 75 while the gateway is down.
    package var spool: SpoolSettings?
    package var metrics = MetricsSettings()
    package var alarms = AlarmSettings()
    /// True only for settings that ``tryIt(data:portBase:)`` made: a self-made certificate and a key file beside the
    /// data are then expected.
    package var isTryIt = false
    /// Where each value came from; empty for settings that no file gave.
    package var positions = SourcePositions()

    package init(level: Level, hostname: Domain) {
        self.level = level
        self.hostname = hostname
        self.channel = ChannelSettings(level: level)
        self.log = LogSettings(level: level)
    }

    /// Whether listeners show the certificates of the vault.
    package var usesVaultCertificates: Bool { hasTLSTable || tls != nil || isTryIt }

    /// Whether the vault's are the only ones.
    package var hasOnlyVaultCertificates: Bool { hasTLSTable && tls == nil }

    /// Whether mail from strangers is taken for `domain`.
    ///
    /// Routes have no say in this.
    package func accepts(_ domain: Domain) -> Bool { accept.contains(domain) }

    /// Whether the domain is ours: mail for it is taken from strangers, or lies in mailboxes here.
    package func isOwn(_ domain: Domain) -> Bool {
        accepts(domain) || routes.contains { $0.domain == .domain(domain) && $0.target == .maildir }
    }

    /// The route for mail to `domain`: its own, else the one for `*`, else none.
    package func route(for domain: Domain) -> Route? {
        routes.first { $0.domain == .domain(domain) } ?? routes.first { $0.domain == .any }
    }

    /// Whether a client with this address (4 or 16 bytes, network order) is ours by `networks`.
    package func isOurs(address: [UInt8]) -> Bool { networks.contains { $0.contains(address) } }
}
