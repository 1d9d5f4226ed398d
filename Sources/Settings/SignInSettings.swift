// SPDX-License-Identifier: Apache-2.0

/// `[sign_in]`: who knows the users' passwords, and how guessing is slowed.
package struct SignInSettings: Sendable {
    /// Dovecot's auth socket, for logins that are none of our own users; nil: only our own may sign in.
    package var dovecot: String?
    /// The longest wait between two wrong passwords from one source; zero switches it off.
    package var longestDelay = Duration.seconds(60)

    package init() {}
}
