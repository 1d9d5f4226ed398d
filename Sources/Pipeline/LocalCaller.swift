// SPDX-License-Identifier: Apache-2.0

package import Mail

/// A user of this machine whose program sends mail, and what the settings let it do.
package struct LocalCaller: Sendable {
    /// As the kernel tells, never as the message does.
    package let userID: UInt32
    /// What is used when the program names no sender.
    package let address: EmailAddress
    /// What it may send as.
    package let sendAs: [AddressPattern]
    package let messagesPerHour: Int

    package init(userID: UInt32, address: EmailAddress, sendAs: [AddressPattern], messagesPerHour: Int) {
        self.userID = userID
        self.address = address
        self.sendAs = sendAs
        self.messagesPerHour = messagesPerHour
    }

    package func maySend(as other: EmailAddress, tagSeparator: Character?) -> Bool {
        sendAs.contains { $0.matches(other, tagSeparator: tagSeparator) }
    }
}
