// SPDX-License-Identifier: Apache-2.0

package import Accounts

/// Whose mail it is.
///
/// Scrubbing, notices and relaying exist for *ours*; strangers may only write to recipients that exist here.
package enum Origin: Sendable {
    /// Signed in, or from a configured network.
    case ours(Sender)
    /// Everybody else. Loopback is not ours by itself.
    case strangers

    /// Who of ours.
    package enum Sender: Sendable {
        /// Signed in inside TLS; may send only as its own addresses.
        case account(Account)
        /// A client in one of the `networks` of the settings.
        case network
        /// A program of this machine, known by its user id.
        case local(LocalCaller)
        /// A server whose mail an outbound filter takes.
        case filter
    }

    package var isOurs: Bool {
        if case .ours = self { true } else { false }
    }

    package var account: Account? {
        if case .ours(.account(let account)) = self { account } else { nil }
    }
}
