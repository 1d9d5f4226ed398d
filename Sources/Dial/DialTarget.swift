// SPDX-License-Identifier: Apache-2.0

package import NIOCore
package import SMTPTransport

/// Where to connect: addresses of one host in the order to try, or a unix socket.
///
/// Names are resolved by the caller.
package enum DialTarget: Sendable {
    case addresses([SocketAddress])
    case unixSocket(path: String)
}

/// How to connect.
package struct DialOptions: Sendable {
    package var dialect: SMTPClientConnection.Dialect = .smtp
    /// For one address; with several, the next one is tried after it.
    package var connectTimeout: Duration = .seconds(30)
    package var timeouts = ClientTimeouts()
    /// TLS from the first byte, before the greeting; else the caller says STARTTLS.
    package var implicitTLS: ClientTLS?
    /// Addresses tried at most (RFC 5321 §5.1 asks for two at least).
    package var maxAddresses = 10

    package init(
        dialect: SMTPClientConnection.Dialect = .smtp,
        connectTimeout: Duration = .seconds(30),
        timeouts: ClientTimeouts = ClientTimeouts(),
        implicitTLS: ClientTLS? = nil
    ) {
        self.dialect = dialect
        self.connectTimeout = connectTimeout
        self.timeouts = timeouts
        self.implicitTLS = implicitTLS
    }
}
