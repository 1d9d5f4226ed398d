// SPDX-License-Identifier: Apache-2.0

/// Why a command line was not understood: the reply to give, and nothing of the line itself.
package struct CommandError: Error, Sendable, Hashable {
    package let reply: Reply

    package init(_ reply: Reply) { self.reply = reply }
}
