// SPDX-License-Identifier: Apache-2.0

package import Mail

/// How a copy came to its recipient, where that is more than `RCPT TO`.
package struct CopyJourney: Sendable, Hashable {
    /// The address that the sender wrote, where the copy goes to another one: an alias, say.
    package var written: EmailAddress?
    /// The copy leaves our domains because an operator or a user forwards `written`.
    package var isForward: Bool
    /// The sender asked to be told how the copy was protected and when it was handed on.
    package var wantsReceipt: Bool

    package init(written: EmailAddress? = nil, isForward: Bool = false, wantsReceipt: Bool = false) {
        self.written = written
        self.isForward = isForward
        self.wantsReceipt = wantsReceipt
    }

    /// The address of ours that sends the copy on; nil for what is no forward.
    package var forwarder: EmailAddress? { isForward ? written : nil }
}
