// SPDX-License-Identifier: Apache-2.0

extension SettingsSchema {
    static let signIn = SettingTable<SignInSettings>(
        "sign_in",
        "Who may sign in on the submission listeners, beside the gateway's own users.",
        keys: [
            SettingKey(
                "dovecot",
                optional: \.dovecot,
                .path,
                without: "only the gateway's own users may sign in",
                """
                Dovecot's auth socket (a `unix_listener` in `service auth`, readable and writable for the gateway's \
                user). Logins that are none of the gateway's own users are verified there. Such an account may send \
                as its login, when that is an address in one of the `accept` domains, and as what `postern user \
                send-as` adds.
                """,
                example: "\"/run/dovecot/auth-client\""
            ),
            SettingKey(
                "longest_delay",
                \.longestDelay,
                .duration(.zero ... .seconds(3600)),
                """
                Wrong passwords are slowed by source and by login, more with each one; this is the longest wait \
                between two tries of one source. `\"0s\"` switches it off.
                """
            ),
        ]
    )

    static let accountLimits = SettingTable<AccountLimits>(
        "limits.account",
        """
        What one signed-in account may send, so that one stolen password does not ruin the server's name. Beyond: 450 \
        4.7.1, at MAIL for messages and at RCPT for recipients, and an alarm. 0 stands for no limit. The counts are \
        sealed and survive a restart.
        """,
        keys: [
            SettingKey(
                "messages_per_hour",
                \.messagesPerHour,
                .number(0...1_000_000),
                "Messages taken from one account within an hour."
            ),
            SettingKey(
                "messages_per_day",
                \.messagesPerDay,
                .number(0...10_000_000),
                "Messages taken from one account within a day."
            ),
            SettingKey(
                "recipients_per_hour",
                \.recipientsPerHour,
                .number(0...1_000_000),
                "Recipients of one account's messages within an hour."
            ),
            SettingKey(
                "recipients_per_day",
                \.recipientsPerDay,
                .number(0...10_000_000),
                "Recipients of one account's messages within a day."
            ),
            SettingKey(
                "soft_start",
                \.softStart,
                .duration(.zero ... .seconds(365 * 86_400)),
                """
                How long a new account may send only a tenth of each limit: from `postern user add` on (without \
                `--established`), and for a login at Dovecot from its first sign-in on. `\"0s\"` switches it off.
                """
            ),
        ]
    )
}
