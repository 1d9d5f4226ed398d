// SPDX-License-Identifier: Apache-2.0

package import Settings

/// What `postern init` finds on this machine, without asking and without changing anything.
package struct SiteFacts: Sendable, Encodable {
    /// A port that the settings would use.
    package struct Port: Sendable, Encodable {
        package let use: String
        package let port: Int
        /// `free`, `taken`, or `unknown` where this process may not try.
        package let state: String
        /// The program that has it.
        package let holder: String?

        init(_ use: String, address: String, port: Int) {
            let state = PortState.of(address: address, port: port)
            self.use = use
            self.port = port
            switch state {
            case .free: (self.state, holder) = ("free", nil)
            case .taken(let name): (self.state, holder) = ("taken", name)
            case .notAllowed, .noSuchAddress, .unknown: (self.state, holder) = ("unknown", nil)
            }
        }
    }

    package let hostname: HostName
    package let certificates: [FoundCertificate]
    package let postfix: FoundPostfix?
    package let exim: FoundExim?
    package let dovecot: FoundDovecot?
    package let sendmail: FoundSendmail
    package var ports: [Port] = []

    /// Blocks, for some seconds at most.
    package static func survey() -> SiteFacts {
        let postfix = FoundPostfix.find()
        let dovecot = FoundDovecot.find()
        let others = [(postfix?.certificate, postfix?.key), (dovecot?.certificate, dovecot?.key)]
        return SiteFacts(
            hostname: HostName.find(postfixName: postfix?.hostname),
            certificates: FoundCertificate.search(
                also: others.compactMap { certificate, key in
                    guard let certificate, let key, !certificate.isEmpty, !key.isEmpty else { return nil }
                    return (certificate, key)
                }
            ),
            postfix: postfix,
            exim: FoundExim.find(),
            dovecot: dovecot,
            sendmail: FoundSendmail.find()
        )
    }

    /// The certificate for this name that lasts longest and is no self-made one.
    package func certificate(for plan: InitPlan, now: Int) -> FoundCertificate? {
        certificates.filter { !$0.isSelfSigned && $0.isValid(at: now) && $0.covers(plan.hostname) }
            .max { $0.notAfter < $1.notAfter }
    }

    /// Where mail for the outside can go without a word from the operator: to where Postfix relays, or to the mail server
    /// that answers on this machine's port 25.
    package var ownNextHop: Endpoint? {
        if let host = postfix?.relayHost, !host.isEmpty { return Self.endpoint(relayHost: host) }
        let mailServer = postfix != nil || exim != nil
        guard mailServer, case .taken = PortState.of(address: "127.0.0.1", port: 25) else { return nil }
        return .tcp(host: "127.0.0.1", port: 25)
    }

    /// Postfix's `[mail.example.org]:587`; nil for a form that has no brackets and so means a domain's MX hosts.
    static func endpoint(relayHost: String) -> Endpoint? {
        guard relayHost.hasPrefix("["), let bracket = relayHost.firstIndex(of: "]") else { return nil }
        let host = relayHost[relayHost.index(after: relayHost.startIndex)..<bracket]
        let rest = relayHost[relayHost.index(after: bracket)...]
        let port = rest.isEmpty ? 25 : Int(rest.dropFirst())
        guard let port, let parsed = EndpointText.parse("\(host):\(port)") else { return nil }
        return .tcp(host: parsed.host, port: parsed.port)
    }

    /// Fills in the ports of a plan that are free, and notes the state of all that the plan needs.
    package mutating func choosePorts(for plan: inout InitPlan) {
        switch plan.purpose {
        case .webApp: ports = []
        case .relay:
            plan.ports.local = PortState.firstFree(from: plan.ports.local, except: [])
            ports = [Port("programs of this machine", address: "127.0.0.1", port: plan.ports.local)]
            if plan.serverTLS != nil { ports += Self.userPorts }
        case .mx: ports = [Port("mx", address: "::", port: 25)] + Self.userPorts
        case .postfixFilter, .eximFilter:
            var taken: Set<Int> = []
            for path in [\InitPlan.Ports.outbound, \.outboundReturn, \.inbound, \.inboundReturn] {
                plan.ports[keyPath: path] = PortState.firstFree(from: plan.ports[keyPath: path], except: taken)
                taken.insert(plan.ports[keyPath: path])
            }
            ports = [
                Port("outgoing mail to Postern", address: "127.0.0.1", port: plan.ports.outbound),
                Port("outgoing mail back", address: "127.0.0.1", port: plan.ports.outboundReturn),
                Port("incoming mail to Postern", address: "127.0.0.1", port: plan.ports.inbound),
                Port("incoming mail back", address: "127.0.0.1", port: plan.inboundReturn),
            ]
        }
    }

    private static var userPorts: [Port] {
        [Port("submission", address: "::", port: 587), Port("submissions", address: "::", port: 465)]
    }
}
