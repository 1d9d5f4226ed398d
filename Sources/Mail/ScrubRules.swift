// SPDX-License-Identifier: Apache-2.0

/// What is taken out of the header of our own users' mail.
///
/// Mail from strangers is never scrubbed.
package struct ScrubRules: Sendable {
    /// Some fields and why nobody but their sender needs them.
    package struct Group: Sendable {
        /// Field names; a trailing `*` stands for any rest.
        package let names: [String]
        /// One sentence.
        package let reason: String
    }

    /// The fields removed by default, in groups with the reason for each.
    package static let documented: [Group] = [
        Group(
            names: ["Bcc", "Resent-Bcc"],
            reason: "Names recipients whom the others must not see."
        ),
        Group(
            names: [
                "User-Agent", "X-Mailer", "X-Mailer-*", "X-Newsreader", "X-MimeOLE", "X-Mail-User-Agent",
                "X-Operating-System", "X-Editor", "X-MS-Has-Attach", "X-MS-TNEF-Correlator", "X-Library",
            ],
            reason: "Tells which program, version and system wrote the message: what an attacker wants to know first."
        ),
        Group(
            names: [
                "X-Originating-IP", "X-Originating-Host", "X-Client-IP", "X-Client-Hostname", "X-Sender-IP",
                "X-Remote-IP",
                "X-Remote-Host", "X-Remote-Addr", "X-Real-IP", "X-Forwarded-For", "X-Source-IP", "X-Webmail-Client-IP",
                "X-IP", "X-HTTP-*", "X-User-IP", "X-Host", "X-EN-Orighost", "X-EN-OrigIP",
            ],
            reason: "Tells from which address, and so from about which place, the sender wrote."
        ),
        Group(
            names: [
                "X-Sender", "X-Originating-Email", "X-Authenticated-*", "X-Authentication-Warning", "X-Auth-ID",
                "X-Auth-User",
                "X-Get-Message-Sender-Via", "X-Webmail-User*", "X-Login", "X-UserName", "X-User", "X-Identity",
                "X-Account-Key",
                "X-Identity-Key", "X-EN-UserInfo", "X-EN-AuthUser",
            ],
            reason: "Tells the login behind the address, or another address of the same person."
        ),
        Group(
            names: [
                "X-PHP-*", "X-Source*", "X-AntiAbuse", "X-OutGoing-Spam-Status", "X-Script-*", "X-WP-*",
                "X-WordPress-*",
                "X-Drupal-*", "X-Joomla-*", "X-Laravel-*", "X-Cron-Env", "X-BWhitelist",
            ],
            reason:
                "Written by hosting panels and web applications: names scripts, paths and system users on the server."
        ),
        Group(
            names: [
                "X-Mozilla-*", "X-Evolution-*", "X-KMail-*", "X-Apple-*", "X-Uniform-Type-Identifier",
                "X-Universally-Unique-Identifier", "X-Claws-*", "X-Sylpheed-*", "X-Gm-*", "X-GMail-*", "X-Gnus-*",
                "Status",
                "X-Status", "X-UID", "X-UIDL", "X-Keywords", "X-IMAP", "X-IMAPbase", "X-TUID",
            ],
            reason: "Private notes of the sender's mail program: folders, draft states, unique identifiers and times."
        ),
    ]

    /// All names of ``documented``.
    package static let defaultRemovedFields: [String] = documented.flatMap(\.names)

    /// Field names in any case; a trailing `*` stands for any rest.
    package var removedFields: [String]
    /// Host names that count as local in a Message-ID, beside those that show it themselves.
    package var localHostNames: Set<String>
    /// What stands behind the `@` of a Message-ID that was rewritten.
    package var ourDomain: Domain

    package init(
        ourDomain: Domain,
        removedFields: [String] = ScrubRules.defaultRemovedFields,
        localHostNames: Set<String> = []
    ) {
        self.removedFields = removedFields
        self.localHostNames = localHostNames
        self.ourDomain = ourDomain
    }
}
