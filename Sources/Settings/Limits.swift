// SPDX-License-Identifier: Apache-2.0

/// `[limits]`: what one client, one message, or all of them together may ask for.
package struct Limits: Sendable {
    /// One message, as it comes in; beyond it 552 5.3.4.
    package var messageBytes = 50 << 20
    /// Recipients of one message; beyond it 452 4.5.3 (RFC 5321 section 4.5.3.1.8 wants at least 100).
    package var recipients = 1000
    /// The header section.
    package var headerBytes = 256 << 10
    /// `Received` fields; beyond it 554 5.4.6.
    package var hops = 100
    /// Refused commands in one session before it ends with 421.
    package var errors = 20
    /// Sessions at once.
    package var connections = 1000
    /// Sessions at once from one address.
    package var connectionsPerAddress = 50
    /// Memory for bodies that are on their way in, of all sessions together; beyond it 452 4.3.1.
    package var bodyMemoryBytes = 64 << 20
    /// What the copies of one message may come to; beyond it 452 4.5.3.
    package var expandedBytes = 2 << 30
    /// From one command to the next (RFC 5321 section 4.5.3.2.7).
    package var commandTimeout = Duration.seconds(300)
    /// For a TLS handshake.
    package var tlsTimeout = Duration.seconds(60)
    /// From one block of a body to the next.
    package var dataTimeout = Duration.seconds(180)
    /// For one message from MAIL to the end of its body.
    package var messageTimeout = Duration.seconds(2 * 3600)
    /// For a whole session.
    package var sessionTimeout = Duration.seconds(12 * 3600)
    /// Bytes per second below which a body's sender is dropped, as an average over `dataTimeout`.
    package var minRate = 500
    /// What one account may send.
    package var account = AccountLimits()

    package init() {}
}

/// `[limits.account]`: what one signed-in account may send; beyond it 450 4.7.1.
///
/// 0 stands for no limit.
package struct AccountLimits: Sendable {
    package var messagesPerHour = 500
    package var messagesPerDay = 2000
    /// Every `RCPT` that is taken counts.
    package var recipientsPerHour = 1000
    package var recipientsPerDay = 4000
    /// How long a new account may send only a tenth of this.
    package var softStart = Duration.seconds(7 * 86_400)

    package init() {}
}
