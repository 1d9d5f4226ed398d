// SPDX-License-Identifier: Apache-2.0

import Mail

extension SettingsSchema {
    static let caller = SettingTable<CallerDraft>(
        "caller",
        isArray: true,
        """
        Whose programs may send as whom through a `local` listener. A program is known by its user id, never by what \
        it says. All tables that match a user hold together. A user that none lists may send as its login name at \
        the domain of `[sendmail]`.
        """,
        keys: [
            SettingKey(
                "users",
                \.users,
                SettingCodec<AccountReference>.account.list,
                "Users.",
                example: "[\"www-data\", 33]"
            ),
            SettingKey(
                "groups",
                \.groups,
                SettingCodec<AccountReference>.account.list,
                "Groups of which a user may be a member.",
                example: "[\"wheel\"]"
            ),
            SettingKey(
                "send_as",
                \.sendAs,
                SettingCodec<AddressPattern>.addressPattern.list,
                """
                The addresses that envelope, From and Sender may name. The first one without a star is used when a \
                program names none.
                """,
                example: "[\"web@example.org\", \"*@forum.example.org\"]"
            ),
            SettingKey(
                "messages_per_hour",
                optional: \.messagesPerHour,
                .number(1...1_000_000),
                without: "as `[sendmail]`",
                "How many messages one user may send in an hour. Beyond: 450 4.7.0, and `sendmail` ends with 75.",
                example: "100"
            ),
        ]
    )

    static let sendmail = SettingTable<SendmailSettings>(
        "sendmail",
        "Mail from programs of this machine: `postern sendmail` and the `local` listener.",
        keys: [
            SettingKey(
                "domain",
                optional: \.domain,
                .domain,
                without: "`hostname`",
                """
                What names without a domain get: mail for `root` goes to `root` at this domain, and to whom its alias \
                names.
                """,
                example: "\"example.org\""
            ),
            SettingKey(
                "unlisted",
                \.unlisted,
                .word(),
                """
                Users that no `[[caller]]` lists: `own-address` lets them send as their login name at the domain above, \
                `refuse` answers 550.
                """
            ),
            SettingKey(
                "messages_per_hour",
                \.messagesPerHour,
                .number(1...1_000_000),
                "How many messages one user may send in an hour. Beyond: 450 4.7.0, and `sendmail` ends with 75."
            ),
        ]
    )

    static let spool = SettingTable<SpoolDraft>(
        "spool",
        """
        A directory in which `postern sendmail` leaves mail while the gateway is down or locked, sealed to a key that \
        only the unlocked gateway has. Without this table `sendmail` ends with 75, and the program has to try again.
        """,
        keys: [
            SettingKey(
                "directory",
                optional: \.directory,
                .path,
                without: "required in this table",
                """
                The directory; made with mode 1733 when it is not there. `postern sendmail` finds \
                `\(SpoolSettings.defaultDirectory)` by itself.
                """,
                example: "\"/var/spool/postern\""
            ),
            SettingKey("messages", \.messages, .number(1...100_000), "How many messages of one user may lie there."),
            SettingKey("bytes", \.bytes, .size(65536...(1 << 40)), "How much mail of one user may lie there."),
        ]
    )
}
