// SPDX-License-Identifier: Apache-2.0

/// What kind of message Postern itself puts into its pipeline.
package enum IntakeKind: Sendable {
    /// A delivery status notification (RFC 3464).
    case deliveryReport
    /// A message to a user about their own mail or keys.
    case notice
}

/// The way into the pipeline for messages that Postern makes itself: delivery reports, notices, the portal's mail.
package protocol MailIntake: Sendable {
    /// Returns when the message is durable; throws when it was not taken, and then nothing of it remains.
    func submit(_ message: [UInt8], from: ReversePath, to: [EmailAddress], kind: IntakeKind) async throws
}
