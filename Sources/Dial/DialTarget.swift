// SPDX-License-Identifier: Apache-2.0

package import NIOCore
package import SMTPTransport

/// Where to connect: addresses of one host in the order to try, a unix socket, or a host behind a SOCKS5 proxy.
///
/// Nothing is resolved here: the caller brings addresses, and a proxy gets the name as it is.
package enum DialTarget: Sendable {
    case addresses([SocketAddress])
    case unixSocket(path: String)
    /// `host` is a name (an onion service's, too) or an address in text.
    case proxied(SOCKSProxy, host: String, port: Int)
}

/// How to connect.
package struct DialOptions: Sendable {
    package var dialect: SMTPClientConnection.Dialect = .smtp
    /// For one address; with several, the next one is tried after it.
    package var connectTimeout: Duration = .seconds(30)
    /// For what the proxy does once it is connected to; an onion service may take it a while.
    package var proxyTimeout: Duration = .seconds(90)
    package var timeouts = ClientTimeouts()
    /// TLS from the first byte, before the greeting; else the caller says STARTTLS.
    package var implicitTLS: ClientTLS?
    /// Sees what is said, for tools that show it.
    package var tap: ConversationTap?
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
