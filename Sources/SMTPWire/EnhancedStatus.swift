// SPDX-License-Identifier: Apache-2.0

/// The subject and detail of an enhanced status code (RFC 3463); its class is that of the reply that carries it.
package struct EnhancedStatus: Sendable, Hashable {
    /// What the status is about: 1 address, 2 mailbox, 3 system, 4 network, 5 protocol, 6 content, 7 security.
    package let subject: Int
    /// The detail within the subject, 0...999.
    package let detail: Int

    package init(_ subject: Int, _ detail: Int) {
        self.subject = min(max(subject, 0), 999)
        self.detail = min(max(detail, 0), 999)
    }

    package static let other = EnhancedStatus(0, 0)
    package static let badMailbox = EnhancedStatus(1, 1)
    package static let badDestinationSyntax = EnhancedStatus(1, 3)
    package static let destinationValid = EnhancedStatus(1, 5)
    package static let badSenderSyntax = EnhancedStatus(1, 7)
    package static let mailboxFull = EnhancedStatus(2, 2)
    package static let systemOther = EnhancedStatus(3, 0)
    package static let systemFull = EnhancedStatus(3, 1)
    package static let systemNotAccepting = EnhancedStatus(3, 2)
    package static let messageTooLargeForSystem = EnhancedStatus(3, 4)
    package static let noAnswerFromHost = EnhancedStatus(4, 1)
    package static let badConnection = EnhancedStatus(4, 2)
    package static let routingLoop = EnhancedStatus(4, 6)
    package static let protocolOther = EnhancedStatus(5, 0)
    package static let invalidCommand = EnhancedStatus(5, 1)
    package static let syntaxError = EnhancedStatus(5, 2)
    package static let tooManyRecipients = EnhancedStatus(5, 3)
    package static let invalidArguments = EnhancedStatus(5, 4)
    package static let authLineTooLong = EnhancedStatus(5, 6)
    package static let contentOther = EnhancedStatus(6, 0)
    package static let conversionNotSupported = EnhancedStatus(6, 3)
    package static let nonASCIIAddress = EnhancedStatus(6, 7)
    package static let nonASCIIHeader = EnhancedStatus(6, 9)
    package static let securityOther = EnhancedStatus(7, 0)
    package static let notAuthorized = EnhancedStatus(7, 1)
    package static let badCredentials = EnhancedStatus(7, 8)
    package static let encryptionRequired = EnhancedStatus(7, 11)
}
