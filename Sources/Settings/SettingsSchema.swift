// SPDX-License-Identifier: Apache-2.0

import Mail

/// Every table and key of `postern.toml`, in the order of the manual.
///
/// The one source for reading a file, for its errors, for the manual pages and for the comments that `init` writes.
package enum SettingsSchema {
    package static let tables: [TableDocumentation] = [
        top.documentation { _ in TopDraft() },
        listener.documentation { _ in ListenerDraft() },
        route.documentation { _ in RouteDraft() },
        tls.documentation { _ in TLSDraft() },
        vault.documentation { _ in VaultDraft() },
        protection.documentation { _ in ProtectionSettings() },
        protectionRule.documentation { _ in RuleDraft() },
        scrub.documentation { _ in ScrubSettings() },
        limits.documentation { _ in Limits() },
        accountLimits.documentation { _ in AccountLimits() },
        signIn.documentation { _ in SignInSettings() },
        delivery.documentation { _ in DeliverySettings() },
        channel.documentation { ChannelSettings(level: $0) },
        channelRule.documentation { _ in ChannelRuleDraft() },
        resolver.documentation { _ in ResolverSettings() },
        log.documentation { LogSettings(level: $0) },
        control.documentation { _ in ControlSettings() },
        caller.documentation { _ in CallerDraft() },
        sendmail.documentation { _ in SendmailSettings() },
        spool.documentation { _ in SpoolDraft() },
        metrics.documentation { _ in MetricsSettings() },
        alarms.documentation { _ in AlarmSettings() },
    ]

    /// The key with this path, `listener.port`.
    package static func key(_ path: String) -> KeyDocumentation? {
        for table in tables {
            if let key = table.keys.first(where: { $0.path == path }) { return key }
        }
        return nil
    }

    static let top = SettingTable<TopDraft>(
        "",
        children: [
            "listener", "route", "tls", "vault", "protection", "scrub", "limits", "sign_in", "delivery", "channel",
            "resolver", "log", "control", "metrics", "alarms", "caller", "sendmail", "spool",
        ],
        "These keys stand before the first table; `level` is the first of them.",
        keys: [
            SettingKey(
                "level",
                optional: \.level,
                .level,
                without: "required",
                """
                The level of the Providers' Commitment for Privacy that this gateway keeps. It must be the first key \
                of the file. It sets the defaults that differ by level, and a setting that breaks it is refused at \
                start.
                """,
                example: "2"
            ),
            SettingKey(
                "hostname",
                optional: \.hostname,
                .domain,
                without: "required",
                """
                The name that the gateway greets with, and puts into trace fields and message ids. It should \
                resolve to this machine.
                """,
                example: "\"mail.example.org\""
            ),
            SettingKey(
                "data",
                \.data,
                .path,
                """
                The directory of the sealed queue, the sealed keys, the vault and the mailboxes. Paths that do not \
                begin with a slash, here and everywhere in the file, start at the directory of the file.
                """
            ),
            SettingKey(
                "accept",
                \.accept,
                SettingCodec<Domain>.acceptedDomain.list,
                """
                The domains for which mail from strangers is taken; every one needs a route. `*` is refused, because \
                it would make an open relay.
                """,
                example: "[\"example.org\"]"
            ),
            SettingKey(
                "networks",
                \.networks,
                SettingCodec<NetworkRange>.network.list,
                """
                Clients that are ours by their address alone and may send anywhere without signing in. Empty: nobody \
                is, this machine included. Beyond loopback it breaks level 1 as long as an `mx` listener takes mail \
                in clear.
                """,
                example: "[\"127.0.0.0/8\", \"::1\"]"
            ),
            SettingKey(
                "tag_separator",
                \.tagSeparator,
                .separatorOrNone,
                "What parts a mailbox name from a tag: mail for `alice+news` reaches `alice`."
            ),
            SettingKey(
                "user",
                optional: \.user,
                .anyText,
                without: "the one who starts it",
                """
                Whom the gateway becomes for good, once its ports are bound, when root starts it. The data \
                directory, and the certificate's key for a reload, must be readable for that user. The systemd unit \
                sets its user itself and needs no such key.
                """,
                example: "\"postern\""
            ),
        ]
    )

    static let listener = SettingTable<ListenerDraft>(
        "listener",
        isArray: true,
        "A socket that takes mail. At least one is needed.",
        keys: [
            SettingKey(
                "role",
                optional: \.role,
                .word(),
                without: "required",
                """
                `mx` takes mail from other servers and offers STARTTLS. `submission` takes mail from users who sign \
                in, and nothing before STARTTLS. `submissions` is the same with TLS from the first byte. `local` \
                takes mail from programs of this machine over a unix socket, see `[[caller]]`. `filter` takes mail \
                from another mail server, protects it, and hands it back to `next_hop`.
                """,
                example: "\"submission\""
            ),
            SettingKey(
                "address",
                \.address,
                .ipAddress,
                """
                The IP address to listen on. `::` is every address of this machine, IPv4 ones too. A `filter` listens on \
                127.0.0.1 unless the key says otherwise.
                """
            ),
            SettingKey(
                "port",
                optional: \.port,
                .port,
                without: "25, 587, 465 or 10025, by role",
                "The TCP port.",
                example: "2525"
            ),
            SettingKey(
                "path",
                optional: \.path,
                .path,
                without: "`\"\(Listener.defaultPath)\"` for `local`, none for `filter`",
                """
                For `local` and `filter`: the path of a unix socket to listen on, at most 107 bytes. `postern sendmail` \
                finds the default by itself. A filter with a path has no address, port and `from`, and speaks LMTP.
                """,
                example: "\"/run/postern/sendmail\""
            ),
            SettingKey(
                "mode",
                optional: \.mode,
                .fileMode,
                without: "`\"0666\"` for `local`, `\"0660\"` for `filter`",
                """
                For a listener with a path: who may open the socket. All users may open the one of `local`, because each \
                is known by its user id and may send only as `[[caller]]` says.
                """,
                example: "\"0660\""
            ),
            SettingKey(
                "owner",
                optional: \.owner,
                .anyText,
                without: "the gateway's user",
                "For a listener with a path: the user, or `user:group`, that the socket's file is given to.",
                example: "\"root:www-data\""
            ),
            SettingKey(
                "direction",
                optional: \.direction,
                .word(),
                without: "required for `filter`",
                """
                For `filter`: whose mail comes. `outbound` is mail of your own users on its way out: it is scrubbed, \
                protected and queued here. `inbound` is mail from strangers, before the other server has answered \
                for it: it is protected and handed on while the client waits, so that a refusal is given in the session.
                """,
                example: "\"outbound\""
            ),
            SettingKey(
                "from",
                optional: \.from,
                SettingCodec<NetworkRange>.network.list,
                without: "required for `filter` on a port",
                "For `filter`: the addresses that may connect. Everybody else gets 554.",
                example: "[\"127.0.0.1\"]"
            ),
            SettingKey(
                "next_hop",
                optional: \.nextHop,
                .filterHop,
                without: "required for `filter`",
                """
                For `filter`: where everything goes that came by this listener, whatever its domain: a host and port \
                (SMTP), or a unix socket (LMTP). Off this machine its certificate must prove the host's name.
                """,
                example: "\"127.0.0.1:10026\""
            ),
            SettingKey(
                "xforward",
                optional: \.xforward,
                .boolean,
                without: "`false`",
                """
                For an inbound `filter`: offer Postfix's XFORWARD to the addresses in `from`, and hand what they say \
                of their client on to a `next_hop` that offers it too. Nothing of it is kept.
                """,
                example: "true"
            ),
        ]
    )

    static let route = SettingTable<RouteDraft>(
        "route",
        isArray: true,
        """
        Where mail for a domain goes: exactly one of `maildir`, `lmtp`, `relay` and `mx`. A route never says who may \
        send. Mail for a domain without a route is refused.
        """,
        keys: [
            SettingKey(
                "domain",
                optional: \.domain,
                .destination,
                without: "required",
                "The domain, or `*` for all that have no route of their own.",
                example: "\"example.org\""
            ),
            SettingKey(
                "maildir",
                optional: \.maildir,
                .boolean,
                without: "none",
                "Deliver to the gateway's own users and aliases, in Maildirs under the data directory. Not for `*`.",
                example: "true"
            ),
            SettingKey(
                "lmtp",
                optional: \.lmtp,
                .lmtpHop,
                without: "none",
                "Hand over by LMTP to a unix socket or a host and port.",
                example: "\"unix:/run/dovecot/lmtp\""
            ),
            SettingKey(
                "relay",
                optional: \.relay,
                .relayHop,
                without: "none",
                "Hand over by SMTP to a host and port.",
                example: "\"127.0.0.1:2626\""
            ),
            SettingKey(
                "mx",
                optional: \.mx,
                .boolean,
                without: "none",
                "Look up the domain's MX hosts and deliver there.",
                example: "true"
            ),
            SettingKey(
                "recipients",
                optional: \.recipients,
                SettingCodec<EmailAddress>.address.list,
                without: "the next hop is asked",
                "Who exists behind a `lmtp` or `relay` route; mail for anybody else in the domain is refused.",
                example: "[\"alice@example.org\"]"
            ),
            SettingKey(
                "tls",
                optional: \.tls,
                .word(),
                without: "`\"verify\"`; on this machine `\"opportunistic\"`; `\"off\"` on a unix socket",
                """
                For `lmtp` and `relay`. `verify` asks for TLS and a certificate that proves the host's name. \
                `opportunistic` uses STARTTLS when it is offered and asks for no proof. `off` uses none; off this \
                machine it breaks level 1.
                """,
                example: "\"verify\""
            ),
            SettingKey(
                "ca_file",
                optional: \.caFile,
                .path,
                without: "none",
                "Certificates (PEM) to trust for this next hop beside the system's. Needs `tls = \"verify\"`.",
                example: "\"next-hop-ca.pem\""
            ),
            SettingKey(
                "username",
                optional: \.username,
                .anyText,
                without: "none",
                "The name to sign in with at a `relay`. Needs `password_file` and `tls = \"verify\"`.",
                example: "\"gateway\""
            ),
            SettingKey(
                "password_file",
                optional: \.passwordFile,
                .path,
                without: "none",
                "A file whose first line is the password for `username`.",
                example: "\"/run/credentials/relay-password\""
            ),
        ]
    )

    static let tls = SettingTable<TLSDraft>(
        "tls",
        """
        The server's certificates. Without this table no listener offers TLS, and submission listeners break level 1. An \
        empty table leaves certificates and their keys to the vault, where `postern tls import` puts them. With files too, \
        a client that asks for a name gets the vault's chain for it, and everybody else the files'.
        """,
        keys: [
            SettingKey(
                "certificate",
                optional: \.certificate,
                .path,
                without: "the vault's alone",
                "The certificate chain as PEM, the server's own first. Needs `key`.",
                example: "\"certificate.pem\""
            ),
            SettingKey(
                "key",
                optional: \.key,
                .path,
                without: "the vault's alone",
                """
                The private key as PEM. Needs `certificate`. From level 2 on it must be encrypted; at level 3 it must not \
                lie on a disk of this machine, nor may the vault hold it there.
                """,
                example: "\"key.pem\""
            ),
            SettingKey(
                "key_passphrase_file",
                optional: \.keyPassphraseFile,
                .path,
                without: "none",
                """
                A file whose first line opens an encrypted key. From level 2 on it must not lie beside the key or \
                the data: a systemd credential is a good place.
                """,
                example: "\"/run/credentials/postern.service/tls\""
            ),
        ]
    )

    static let vault = SettingTable<VaultDraft>(
        "vault",
        """
        What opens the vault at start. Without this table: the systemd credential `\(VaultSource.credentialName)` \
        when there is one, else a question on the terminal.
        """,
        keys: [
            SettingKey(
                "passphrase_file",
                optional: \.passphraseFile,
                .path,
                without: "none",
                """
                A file whose first line is the passphrase. In the data directory it protects nothing and breaks \
                level 1.
                """,
                example: "\"/run/credentials/postern.service/postern-vault\""
            ),
            SettingKey(
                "key_file",
                optional: \.keyFile,
                .path,
                without: "none",
                """
                A file that opens the vault by itself. In the data directory it protects nothing and breaks level 1; \
                keep it where whoever takes the data does not find it.
                """,
                example: "\"/media/postern-key/vault.key\""
            ),
        ]
    )
}
