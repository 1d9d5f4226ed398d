// SPDX-License-Identifier: Apache-2.0

extension SettingsSchema {
    static let protection = SettingTable<ProtectionSettings>(
        "protection",
        children: ["rule"],
        "Encryption by recipient, with the keys of the keyring.",
        keys: [
            SettingKey(
                "mode",
                \.mode,
                .word(),
                """
                `opportunistic` encrypts to whoever has a key and lets the rest go in clear. `required` encrypts or \
                refuses. `dry-run` sends in clear and counts what would have been done. `off` never encrypts. An \
                address whose confirmed key has expired or was revoked gets nothing in clear in any mode but `off` \
                and `dry-run`.
                """
            ),
            SettingKey(
                "header_protection",
                \.headerProtection,
                .boolean,
                "Move the header's content into the encrypted part too and hide the Subject (RFC 9788)."
            ),
            SettingKey(
                "wrap_signed",
                \.wrapSigned,
                .boolean,
                """
                Wrap a message that its sender signed in a multipart, so that its Subject can be hidden as well. \
                Some mail programs then show the signature less plainly.
                """
            ),
            SettingKey(
                "gateway_label",
                \.gatewayLabel,
                .boolean,
                "Say `Postern-Protection: gateway` inside what the gateway encrypted, because it is not end-to-end."
            ),
            SettingKey(
                "hold_for",
                \.holdFor,
                .duration(.seconds(60)...(.seconds(30 * 86_400))),
                "How long a message may wait for a key to be renewed before it goes back to its sender."
            ),
            SettingKey("hold_messages", \.holdMessages, .number(0...1_000_000), "How many messages may wait at once."),
            SettingKey("hold_bytes", \.holdBytes, .size(0...(1 << 40)), "How much may wait at once."),
        ]
    )

    static let protectionRule = SettingTable<RuleDraft>(
        "protection.rule",
        isArray: true,
        """
        An exception for a domain or an address. What a rule leaves out follows the rule of the address's domain, \
        then `[protection]`.
        """,
        keys: [
            SettingKey(
                "for",
                optional: \.subject,
                .subject,
                without: "required",
                "The recipient's domain or address. A rule for an address holds for its tagged forms too.",
                example: "\"example.net\""
            ),
            SettingKey(
                "mode",
                optional: \.mode,
                .word(),
                without: "as `[protection]`",
                "As in `[protection]`.",
                example: "\"required\""
            ),
            SettingKey(
                "header_protection",
                optional: \.headerProtection,
                .boolean,
                without: "as `[protection]`",
                "As in `[protection]`; false for recipients whose mail program shows an empty Subject.",
                example: "false"
            ),
            SettingKey(
                "wrap_signed",
                optional: \.wrapSigned,
                .boolean,
                without: "as `[protection]`",
                "As in `[protection]`.",
                example: "true"
            ),
        ]
    )

    static let scrub = SettingTable<ScrubSettings>(
        "scrub",
        "What is removed from the header of our own users' mail; mail from strangers is left as it is.",
        keys: [
            SettingKey(
                "remove",
                \.remove,
                SettingCodec<String>.removableField.list,
                "Header fields to remove beside the built-in list. A `*` at the end stands for any ending.",
                example: "[\"X-Internal*\"]"
            ),
            SettingKey(
                "keep",
                \.keep,
                SettingCodec<String>.keptField.list,
                """
                Entries of the built-in list to leave alone after all, written as there. From level 2 on, none that \
                carries the sender's IP address; at level 1 users must then be told that it goes out.
                """,
                example: "[\"User-Agent\"]"
            ),
            SettingKey(
                "local_names",
                \.localNames,
                SettingCodec<String>.hostName.list,
                """
                Host names of your own machines. A Message-ID that ends in one gets the gateway's domain and a \
                keyed hash instead.
                """,
                example: "[\"web1.internal\"]"
            ),
        ]
    )

    static let limits = SettingTable<Limits>(
        "limits",
        children: ["account"],
        "What one client, one message, or all of them together may ask for. Each limit has its own SMTP reply.",
        keys: [
            SettingKey(
                "message_bytes",
                \.messageBytes,
                .size(65536...(2 << 30)),
                "One message as it comes in. Beyond: 552 5.3.4."
            ),
            SettingKey(
                "recipients",
                \.recipients,
                .number(100...100_000),
                "Recipients of one message. Beyond: 452 4.5.3."
            ),
            SettingKey(
                "header_bytes",
                \.headerBytes,
                .size(16384...(16 << 20)),
                "The header section of a message. Beyond: 552 5.3.4."
            ),
            SettingKey("hops", \.hops, .number(25...1000), "`Received` fields in a message. Beyond: 554 5.4.6."),
            SettingKey(
                "errors",
                \.errors,
                .number(1...10_000),
                "Refused commands in one session, then it ends with 421."
            ),
            SettingKey("connections", \.connections, .number(1...1_000_000), "Sessions at once. Beyond: 421."),
            SettingKey(
                "connections_per_address",
                \.connectionsPerAddress,
                .number(1...1_000_000),
                "Sessions at once from one address. Beyond: 421."
            ),
            SettingKey(
                "body_memory_bytes",
                \.bodyMemoryBytes,
                .size((1 << 20)...(1 << 40)),
                "Memory for bodies on their way in, of all sessions together. Beyond: 452 4.3.1."
            ),
            SettingKey(
                "expanded_bytes",
                \.expandedBytes,
                .size((1 << 20)...(1 << 40)),
                "What the copies of one message may come to, one encrypted copy for each recipient. Beyond: 452 4.5.3."
            ),
            SettingKey(
                "command_timeout",
                \.commandTimeout,
                .duration(timeout),
                "From one command to the next (RFC 5321 section 4.5.3.2.7)."
            ),
            SettingKey("tls_timeout", \.tlsTimeout, .duration(timeout), "For a TLS handshake."),
            SettingKey("data_timeout", \.dataTimeout, .duration(timeout), "From one block of a body to the next."),
            SettingKey(
                "message_timeout",
                \.messageTimeout,
                .duration(timeout),
                "For one message, from MAIL to the end of its body."
            ),
            SettingKey("session_timeout", \.sessionTimeout, .duration(timeout), "For a whole session."),
            SettingKey(
                "min_rate",
                \.minRate,
                .number(0...1_000_000),
                """
                Bytes per second: whoever sends a body more slowly than this, over `data_timeout`, is dropped. 0 \
                switches it off.
                """
            ),
        ]
    )

    private static let timeout: ClosedRange<Duration> = .seconds(1) ... .seconds(7 * 86_400)
}
