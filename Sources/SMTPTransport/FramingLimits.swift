// SPDX-License-Identifier: Apache-2.0

/// How long and how much one connection may keep us waiting.
///
/// Every deadline counts from where a whole record (a command line, the content) began to be awaited, never from the
/// last byte, and stands still while it is we who are slow.
package struct FramingLimits: Sendable {
    /// For one command line, or one answer to a 334 (RFC 5321 §4.5.3.2.7 asks for 5 minutes).
    package var commandTimeout: Duration = .seconds(300)
    /// For the next bytes of content, however few.
    package var bodyIdleTimeout: Duration = .seconds(180)
    /// For the content as a whole, before the allowance for its size.
    package var bodyGrace: Duration = .seconds(300)
    /// Octets a second by which the deadline of the content moves on.
    package var minimumBodyRate = 500
    /// For a TLS handshake.
    package var handshakeTimeout: Duration = .seconds(30)
    /// For a peer that does not read our replies.
    package var writeTimeout: Duration = .seconds(60)
    /// For reading on after we said that we close, so that the peer sees the reply and no reset.
    package var lingerTimeout: Duration = .seconds(2)
    /// Octets of a line beyond its limit that are thrown away before the connection is given up.
    package var maxDiscardedLineBytes = 65_536
    /// Command lines parsed ahead of the session.
    package var maxBatch = 64
    /// The kernel's receive buffer for a connection, in octets.
    package var socketReceiveBuffer = 262_144
    /// The kernel's send buffer for a connection, in octets; replies are small, and a peer that reads none of them holds this much.
    package var socketSendBuffer = 65_536

    package init() {}
}
