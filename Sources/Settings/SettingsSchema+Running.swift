// SPDX-License-Identifier: Apache-2.0

extension SettingsSchema {
    static let delivery = SettingTable<DeliverySettings>(
        "delivery",
        "How often, how long and how hard next hops are tried.",
        keys: [
            SettingKey(
                "retry_first",
                \.retryFirst,
                .duration(.seconds(1) ... .seconds(86_400)),
                "The wait after a first failure. It doubles, with some chance in it, up to `retry_longest`."
            ),
            SettingKey(
                "retry_longest",
                \.retryLongest,
                .duration(.seconds(1) ... .seconds(86_400)),
                "The longest wait between two tries."
            ),
            SettingKey(
                "expire_after",
                \.expireAfter,
                .duration(.seconds(60) ... .seconds(30 * 86_400)),
                "When a message that could not be delivered goes back to its sender."
            ),
            SettingKey(
                "warn_after",
                \.warnAfter,
                .duration(.seconds(60) ... .seconds(30 * 86_400)),
                "When the sender is told that a message is late."
            ),
            SettingKey(
                "connections_per_host",
                \.connectionsPerHost,
                .number(1...1000),
                "Connections to one host at once."
            ),
            SettingKey(
                "connections_per_domain",
                \.connectionsPerDomain,
                .number(1...1000),
                "Connections for one domain at once."
            ),
            SettingKey("connections_total", \.connectionsTotal, .number(1...100_000), "Outgoing connections at once."),
            SettingKey("port", \.port, .port, "The port of MX hosts. Anything but 25 is for tests."),
            SettingKey("ipv4", \.ipv4, .boolean, "Connect over IPv4."),
            SettingKey("ipv6", \.ipv6, .boolean, "Connect over IPv6."),
        ]
    )

    static let resolver = SettingTable<ResolverSettings>(
        "resolver",
        "Who answers DNS questions. The gateway validates DNSSEC itself in any case.",
        keys: [
            SettingKey(
                "servers",
                \.servers,
                SettingCodec<ResolverSettings.Server>.resolver.list,
                "Resolvers to ask. Empty: those of `/etc/resolv.conf`.",
                example: "[\"127.0.0.1\", \"::1@5353\"]"
            ),
            SettingKey(
                "trust_anchor_file",
                optional: \.trustAnchorFile,
                .path,
                without: "the root's anchor",
                "The DNSSEC trust anchor, as a zone file.",
                example: "\"/usr/share/dns/root.key\""
            ),
            SettingKey(
                "stubs",
                \.stubs,
                SettingCodec<ResolverSettings.Stub>.stub.list,
                "Zones that are asked of one server only, for tests and for names inside a network.",
                example: "[\"example.test=127.0.0.1@5353\"]"
            ),
        ]
    )

    static let log = SettingTable<LogSettings>(
        "log",
        "What is written down. Nothing goes to a disk.",
        keys: [
            SettingKey(
                "sink",
                \.sink,
                .word(),
                "`memory`: a ring in memory, read with `postern log`, gone when the gateway ends."
            ),
            SettingKey("lines", \.lines, .number(100...1_000_000), "How many lines the ring keeps."),
            SettingKey(
                "identifiers",
                \.identifiers,
                .boolean,
                """
                Show addresses as pseudonyms, under a key that dies with the process. False: not at all. True \
                breaks level 3.
                """
            ),
            SettingKey(
                "level",
                \.level,
                .word(),
                """
                The least important lines that are kept. `info` and `debug` tell of single messages and sessions, \
                and so break level 2.
                """
            ),
        ]
    )

    static let control = SettingTable<ControlSettings>(
        "control",
        "How the commands find the running gateway.",
        keys: [
            SettingKey(
                "socket",
                optional: \.socket,
                .path,
                without: "by the data directory, in `$XDG_RUNTIME_DIR/postern/` or `/run/postern/`",
                "The path of the control socket, at most 107 bytes. Only root and the gateway's own user may use it.",
                example: "\"/run/postern/control\""
            )
        ]
    )

    static let metrics = SettingTable<MetricsSettings>(
        "metrics",
        """
        Counts for a monitoring system, without anything about anybody. `postern metrics` prints the same from the \
        control socket.
        """,
        keys: [
            SettingKey(
                "port",
                optional: \.port,
                .port,
                without: "no port is opened",
                """
                Answer `GET /metrics` on this port of 127.0.0.1, in the text format 0.0.4 of Prometheus. Every user \
                of this machine can read it. Who collects the counts writes down how much mail comes and goes when: \
                keep the collection in memory or encrypted.
                """,
                example: "9617"
            )
        ]
    )

    static let alarms = SettingTable<AlarmSettings>(
        "alarms",
        """
        Who is told when something needs the operator. `postern status` shows every alarm in any case; \
        `docs/operations.md` lists them with what to do.
        """,
        keys: [
            SettingKey(
                "command",
                \.command,
                SettingCodec<String>.anyText.list,
                """
                A program and its first arguments, run without a shell when an alarm goes up or is over. Behind them \
                come the alarm's name, `raised` or `cleared`, and a sentence. It gets 30 seconds, one runs at a time, \
                and the same alarm runs it at most once in ten minutes.
                """,
                example: "[\"/usr/local/bin/notify\"]"
            ),
            SettingKey(
                "mail",
                optional: \.mail,
                .address,
                without: "no mail is sent",
                """
                The operator's address: gets one mail for all alarms that went up together, at most one an hour for \
                each. It is encrypted when the keyring has a key for the address; where the policy for the address \
                asks for a key and there is none, nothing is sent and `postern status` says so.
                """,
                example: "\"ops@example.org\""
            ),
        ]
    )
}
