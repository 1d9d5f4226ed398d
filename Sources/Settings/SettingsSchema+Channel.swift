// SPDX-License-Identifier: Apache-2.0

import ChannelPolicy
import Mail

extension SettingsSchema {
    static let channel = SettingTable<ChannelSettings>(
        "channel",
        children: ["rule"],
        """
        The way to other mail servers. Whatever a domain publishes (DANE, MTA-STS) and whatever was encrypted in the last \
        90 days holds without any setting.
        """,
        keys: [
            SettingKey(
                "ca_file",
                optional: \.caFile,
                .path,
                without: "the system's alone",
                """
                Certificates (PEM) to trust beside the system's, wherever a public authority has to vouch for a mail host, \
                for a policy host of MTA-STS, or for a peer's web site.
                """,
                example: "\"private-ca.pem\""
            ),
            SettingKey(
                "allow_private",
                \.allowPrivate,
                SettingCodec<NetworkRange>.network.list,
                """
                Addresses that are not public (private, loopback, link-local and the like), and that https look-ups may go \
                to all the same. For closed networks and tests.
                """,
                example: "[\"10.0.0.0/8\"]"
            ),
            SettingKey(
                "tls_reports",
                \.tlsReports,
                .boolean,
                """
                Send a daily report on TLS (RFC 8460) to domains that ask for it by https. It counts sessions and failures \
                and names nobody, but it tells that mail was sent: true breaks level 3.
                """
            ),
            SettingKey(
                "tls_report_contact",
                optional: \.tlsReportContact,
                .address,
                without: "`postmaster` at `hostname`",
                "The address in our reports for those who have a question about them.",
                example: "\"postmaster@example.org\""
            ),
            SettingKey(
                "tls_report_address",
                optional: \.tlsReportAddress,
                .address,
                without: "reports are mail like any other",
                """
                The address to which others send their TLS reports about your domains. What comes there is read and counted \
                (`postern report tls`) and never delivered.
                """,
                example: "\"tlsrpt@example.org\""
            ),
        ]
    )

    static let channelRule = SettingTable<ChannelRuleDraft>(
        "channel.rule",
        isArray: true,
        """
        What the way to one recipient domain, or to one mail host, must be. It raises what the domain publishes and never \
        lowers it; what it asks and cannot be had makes mail wait.
        """,
        keys: [
            SettingKey(
                "domain",
                optional: \.domain,
                .domain,
                without: "required, or `host`",
                "The recipient domain.",
                example: "\"example.net\""
            ),
            SettingKey(
                "host",
                optional: \.host,
                .domain,
                without: "required, or `domain`",
                "A mail host, as MX records name it, for whatever domain. It has only `pins` and `next_pins`.",
                example: "\"mx1.example.net\""
            ),
            SettingKey(
                "require",
                optional: \.require,
                .word(),
                without: "what the domain publishes",
                """
                The least that the channel must be. `encrypted`: TLS. `authenticated`: TLS with a proof by pin, DANE or a public \
                authority. `pinned`: a pin, or an onion route with its own key. `onion`: an onion route.
                """,
                example: "\"authenticated\""
            ),
            SettingKey(
                "pins",
                \.pins,
                SettingCodec<Pin>.pin.list,
                """
                SHA-256 of the server's public key (`spki:`) or certificate (`cert:`), of which it must show one. Who signed \
                the certificate, its names and its dates then don't matter.
                """,
                example: "[\"spki:\(String(repeating: "6b", count: 32))\"]"
            ),
            SettingKey(
                "next_pins",
                \.nextPins,
                SettingCodec<Pin>.pin.list,
                "The same for the keys that the server will have next; either will do.",
                example: "[\"spki:\(String(repeating: "6c", count: 32))\"]"
            ),
            SettingKey(
                "client_pins",
                \.clientPins,
                SettingCodec<Pin>.pin.list,
                """
                The same for the certificates that the domain's servers show when they bring mail. A link with pins in both \
                directions is authenticated in both.
                """,
                example: "[\"spki:\(String(repeating: "6b", count: 32))\"]"
            ),
            SettingKey(
                "require_inbound",
                \.requireInbound,
                .boolean,
                """
                Take mail whose sender is at the domain only from clients that show a certificate of `client_pins`, or of \
                the peer's statement. Beyond: 450 4.7.0 and an alarm.
                """
            ),
            SettingKey(
                "link",
                optional: \.link,
                .link,
                without: "none",
                """
                A link below TLS that protects the way: `ipsec`, where the kernel's policies and states must cover the host's \
                address, or `wireguard:` and an interface, by which the route to the address must leave. It is checked \
                before sending and stands in place of a pin.
                """,
                example: "\"ipsec\""
            ),
        ]
    )
}
