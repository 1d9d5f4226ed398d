// SPDX-License-Identifier: Apache-2.0

import Delivery
import Dial
import Mail
import NIOCore
import NIOPosix
import SMTPTransport
import SMTPWire
import Settings

/// Whether the next hops answer, with the proof and the sign-in that the settings ask for.
///
/// Nothing is sent to them but a greeting, STARTTLS, the sign-in, and QUIT.
struct NextHopTrials: Sendable {
    private let settings: PosternSettings
    private let dialer = Dialer(group: MultiThreadedEventLoopGroup.singleton)
    private let contexts = ClientTLSContexts()
    private let own = OwnAddresses.all()

    private static let patience = Duration.seconds(8)

    /// One server to try.
    private struct Hop: Sendable {
        let hop: NextHop
        let dialect: SMTPClientConnection.Dialect

        var name: String { EndpointText.format(hop.endpoint) }
    }

    /// Why it can't be used.
    private struct Fault: Error {
        let detail: String
        let remedy: String
    }

    init(_ settings: PosternSettings) { self.settings = settings }

    func run() async -> [Trial] {
        let hops = hops()
        return await withTaskGroup(of: (Int, Trial).self) { group in
            for (index, hop) in hops.enumerated() { group.addTask { (index, await trial(hop)) } }
            var found: [(Int, Trial)] = []
            for await result in group { found.append(result) }
            return found.sorted { $0.0 < $1.0 }.map(\.1)
        }
    }

    private func hops() -> [Hop] {
        var seen: Set<NextHop> = []
        let filters = settings.filters.compactMap { filter -> Hop? in
            guard seen.insert(filter.nextHop).inserted else { return nil }
            let isSocket = if case .unix = filter.nextHop.endpoint { true } else { false }
            return Hop(hop: filter.nextHop, dialect: isSocket ? .lmtp : .smtp)
        }
        let routes: [Hop] = settings.routes.compactMap { route in
            switch route.target {
            case .lmtp(let hop): seen.insert(hop).inserted ? Hop(hop: hop, dialect: .lmtp) : nil
            case .relay(let hop): seen.insert(hop).inserted ? Hop(hop: hop, dialect: .smtp) : nil
            case .maildir, .mx: nil
            }
        }
        return filters + routes
    }

    private func trial(_ hop: Hop) async -> Trial {
        do throws(Fault) {
            let target = try await target(hop.hop.endpoint)
            return .ok("next hop", hop.name, try await converse(hop, target))
        } catch {
            return .fault("next hop", hop.name, error.detail, remedy: error.remedy)
        }
    }

    // MARK: - Where it is

    private func target(_ endpoint: Endpoint) async throws(Fault) -> DialTarget {
        switch endpoint {
        case .unix(let path): return .unixSocket(path: path)
        case .tcp(let host, let port):
            let addresses: [IPAddress] =
                if let literal = IPAddress(host) { [literal] } else {
                    await SystemHosts.addresses(of: host, on: .singleton)
                }
            guard !addresses.isEmpty else {
                throw Fault(
                    detail: "the name \(host) has no address",
                    remedy: "look whether it is spelt right, and at this machine's resolver (/etc/resolv.conf)"
                )
            }
            guard !addresses.contains(where: { isOwnListener($0, port) }) else {
                throw Fault(
                    detail: "it is this gateway itself, so mail would go round in circles",
                    remedy: "write the server that stands behind the gateway, or give the listener another port"
                )
            }
            return .addresses(
                addresses.compactMap { try? SocketAddress(packedIPAddress: ByteBuffer(bytes: $0.bytes), port: port) }
            )
        }
    }

    /// Whether a listener of these settings takes connections there.
    private func isOwnListener(_ address: IPAddress, _ port: Int) -> Bool {
        guard address.isLoopback || own.contains(address) else { return false }
        return settings.listeners.contains { listener in
            guard listener.path == nil, listener.port == port, let listening = IPAddress(listener.address) else {
                return false
            }
            return listening == address || listening.bytes.allSatisfy { $0 == 0 }
        }
    }

    // MARK: - What it says

    /// What is to be told of a conversation that went well.
    private func converse(_ hop: Hop, _ target: DialTarget) async throws(Fault) -> String {
        let options = DialOptions(
            dialect: hop.dialect,
            connectTimeout: Self.patience,
            timeouts: ClientTimeouts().capped(at: Self.patience)
        )
        let connection: SMTPClientConnection
        do throws(DialError) {
            connection = try await dialer.connect(to: target, options: options)
        } catch {
            throw Self.fault(error, hop)
        }
        do throws(Fault) {
            try await hello(connection)
            var told = ["answers"]
            if hop.hop.tls != .off { told += try await secure(connection, hop) }
            if let credentials = hop.hop.credentials { told += try await signIn(connection, credentials) }
            await connection.quit()
            return told.joined(separator: ", ")
        } catch {
            connection.close()
            throw error
        }
    }

    private func hello(_ connection: SMTPClientConnection) async throws(Fault) {
        let name = settings.hostname
        let reply = try await translate { () async throws(ClientError) in try await connection.hello(name) }
        guard reply.isSuccess else {
            throw Fault(
                detail: "it refuses the greeting with \(reply.code)",
                remedy: "let it take mail from this machine, or look at the hostname in the settings"
            )
        }
    }

    private func secure(_ connection: SMTPClientConnection, _ hop: Hop) async throws(Fault) -> [String] {
        let isNeeded = hop.hop.tls == .verify
        guard await connection.extensions.startTLS else {
            guard isNeeded else { return ["offers no TLS"] }
            throw Fault(
                detail: "it offers no STARTTLS",
                remedy: "use its submission port (587), or switch TLS on there"
            )
        }
        guard case .tcp(let host, _) = hop.hop.endpoint else { return [] }
        let policy: TLSPolicy =
            isNeeded ? .verify(hostname: host, extraRoots: hop.hop.caFile) : .examined(serverName: host)
        let tls: ClientTLS
        do throws(ClientTLSContexts.Failure) {
            tls = try contexts.tls(for: policy)
        } catch {
            throw Fault(
                detail: "the certificates in \(hop.hop.caFile ?? "the system's store") can't be read",
                remedy: "name a PEM file at ca_file that this user may read"
            )
        }
        let refusal = try await translate { () async throws(ClientError) in try await connection.startTLS(tls) }
        if let refusal {
            guard isNeeded else { return ["refuses STARTTLS"] }
            throw Fault(detail: "it refuses STARTTLS with \(refusal.code)", remedy: "look at its log")
        }
        try await hello(connection)
        return [isNeeded ? "proves its name with TLS" : "offers TLS, unproven"]
    }

    private func signIn(
        _ connection: SMTPClientConnection,
        _ credentials: NextHop.Credentials
    ) async throws(Fault) -> [String] {
        let path = credentials.passwordFile
        guard let password = try? await NIOThreadPool.singleton.runIfActive({ SecretLine.read(path) }) ?? nil else {
            throw Fault(
                detail: "the password can't be read from \(path)",
                remedy: "put it into the first line of that file, and let the gateway's user read it"
            )
        }
        let name = credentials.username
        let reply = try await translate { () async throws(ClientError) in
            try await connection.authenticate(username: name, password: password)
        }
        guard reply.isSuccess else {
            throw Fault(
                detail: "it refuses the sign-in with \(reply.code)",
                remedy: "look at username and at the first line of \(path)"
            )
        }
        return ["takes the sign-in"]
    }

    // MARK: - What went wrong

    private func translate<Value: Sendable>(
        _ body: () async throws(ClientError) -> Value
    ) async throws(Fault) -> Value {
        do throws(ClientError) {
            return try await body()
        } catch {
            throw Self.fault(error)
        }
    }

    private static func fault(_ error: DialError, _ hop: Hop) -> Fault {
        let isSocket = if case .unix = hop.hop.endpoint { true } else { false }
        switch error {
        case .noAddress: return Fault(detail: "it has no usable address", remedy: "look at the endpoint's spelling")
        case .cannotConnect(let code) where code == 13:
            return Fault(
                detail: "this user may not use the socket",
                remedy:
                    "give the gateway's group the right there (mode 0660 and group postern), or run the check as its user"
            )
        case .cannotConnect(let code) where isSocket && code == 2:
            return Fault(
                detail: "there is no such socket",
                remedy: "start the server that makes it, or write the path that it has"
            )
        case .cannotConnect, .connectTimedOut, .proxy:
            return Fault(
                detail: "nothing answers",
                remedy: "start the server, look at its address and port, and at firewalls between"
            )
        case .refused(let reply):
            return Fault(
                detail: "it greets with \(reply.code)",
                remedy: "let it take mail from this machine; its log says why it does not"
            )
        case .broken(let error): return fault(error)
        case .cancelled: return Fault(detail: "the check was interrupted", remedy: "run it again")
        }
    }

    private static func fault(_ error: ClientError) -> Fault {
        switch error {
        case .lost: Fault(detail: "it closes the connection", remedy: "look at its log")
        case .timedOut(let stage):
            Fault(
                detail: "it does not answer in time (\(stage.rawValue))",
                remedy: "look whether it is overloaded or stuck"
            )
        case .cancelled: Fault(detail: "the check was interrupted", remedy: "run it again")
        case .malformedReply, .unexpectedReply:
            Fault(
                detail: "what it says is not the protocol that is expected",
                remedy: "look whether port and kind (relay or lmtp) are right"
            )
        case .tlsFailed(.untrusted):
            Fault(
                detail: "its certificate has expired or leads to no authority that this machine trusts",
                remedy: "renew it there, or name its authority's certificate at ca_file"
            )
        case .tlsFailed(.otherName):
            Fault(
                detail: "its certificate is for another name",
                remedy: "write the name that the certificate has in place of this one"
            )
        case .tlsFailed(.closed), .tlsFailed(.timedOut):
            Fault(detail: "it breaks the TLS handshake off", remedy: "look at its log")
        case .tlsFailed:
            Fault(detail: "the TLS handshake fails", remedy: "let it offer TLS 1.2 or 1.3 with forward secrecy")
        case .notPossible:
            Fault(
                detail: "it offers no way to sign in that is known here (PLAIN, LOGIN)",
                remedy: "use its submission port (587)"
            )
        }
    }
}
