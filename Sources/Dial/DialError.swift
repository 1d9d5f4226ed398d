// SPDX-License-Identifier: Apache-2.0

package import SMTPTransport
package import SMTPWire

/// Why no address gave a usable connection: what the last one tried came to.
package enum DialError: Error, Sendable, Hashable {
    /// There was no address to try.
    case noAddress
    /// The operating system's error number: refused, unreachable, timed out, no such socket.
    case cannotConnect(errno: Int32)
    case connectTimedOut
    /// The proxy was reached, and the host was not reached through it.
    case proxy(SOCKSFailure)
    /// The server answered with something else than 220.
    case refused(RemoteReply)
    /// The conversation broke before or in its greeting.
    case broken(ClientError)
    case cancelled
}
