// SPDX-License-Identifier: Apache-2.0

import ArgumentParser
import ChannelPolicy
import Control
import Settings

/// Which mail server the export is for.
enum ExportTarget: String, ExpressibleByArgument, CaseIterable {
    case postfix, exim
}

struct PeersExportCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "export",
        abstract: "Print the peers' pins for another mail server.",
        discussion: """
            For Postfix: a table for smtp_tls_policy_maps, which pins the same keys. Exim can't check the key of a server, so \
            for Exim it is a router that hands the peers' mail to this gateway. The pins change when statements do: run it \
            every hour (`postern peers export --for postfix > FILE.new && mv FILE.new FILE`), or let the gateway send.

            Example: postern peers export --for postfix > /etc/postfix/tls_policy
            Exit codes: 0 printed; 1 a peer's record is lost, so that its pins are not known.
            """
    )

    @Option(name: .customLong("for"), help: ArgumentHelp("postfix or exim.", valueName: "server"))
    var target: ExportTarget

    @Option(
        help: ArgumentHelp(
            "For Exim: where this gateway takes mail from it; else its first mx listener.",
            valueName: "host:port"
        )
    )
    var through: String?

    @OptionGroup var place: GatewayPlace

    func run() async throws {
        let peers = try await PeerText.peers(.listPeers, at: place)
        if let lost = peers.first(where: { $0.pins.isEmpty }) {
            throw CommandFailure(
                .refused,
                "The pins of \(PlainText.printable(lost.domain)) are lost; remove that peer and add it again first."
            )
        }
        switch target {
        case .postfix: print(PeerExport.postfix(peers), terminator: "")
        case .exim:
            let gateway = try through ?? Self.listener(try place.locate().settings)
            print(try PeerExport.exim(peers, through: gateway), terminator: "")
        }
    }

    private static func listener(_ settings: PosternSettings) throws(CommandFailure) -> String {
        guard let listener = settings.listeners.first(where: { $0.role == .mx }) else {
            throw CommandFailure(
                .refused,
                "The settings have no mx listener; name the gateway's port with --through HOST:PORT."
            )
        }
        let isAny = ["::", "0.0.0.0"].contains(listener.address)
        return (isAny ? "127.0.0.1" : listener.address) + ":\(listener.port)"
    }
}

/// Peers in the words of other mail servers.
enum PeerExport {
    /// Postfix compares the key of a server (SPKI) as well as its certificate with `match=`, by `smtp_tls_fingerprint_digest`.
    static func postfix(_ peers: [PeerSummary]) -> String {
        var text = """
            # The keys that the mail servers of these domains must show; `postern peers export --for postfix` writes it.
            # main.cf:  smtp_tls_policy_maps = texthash:THIS FILE
            #           smtp_tls_fingerprint_digest = sha256

            """
        for peer in peers {
            let digests = (peer.pins + peer.nextPins).compactMap(Pin.init).map(\.sha256)
            text += "\(peer.domain) fingerprint\n"
            for digest in digests { text += "    match=\(pairs(digest))\n" }
        }
        return text
    }

    private static func pairs(_ digest: [UInt8]) -> String {
        digest.map { Hex.text([$0]).uppercased() }.joined(separator: ":")
    }

    /// A router for the peers' domains to the gateway at `place`, `HOST:PORT`.
    static func exim(_ peers: [PeerSummary], through place: String) throws(CommandFailure) -> String {
        guard let colon = place.lastIndex(of: ":"), let port = UInt16(place[place.index(after: colon)...]), port > 0
        else {
            throw CommandFailure(.usage, "--through \(place) is no HOST:PORT.")
        }
        let host = place[..<colon].filter { $0 != "[" && $0 != "]" }
        let name = host.contains(":") ? "<; [\(host)]:\(port)" : "\(host)::\(port)"
        let domains = peers.map(\.domain).joined(separator: " : ")
        return """
            # Exim can compare a server's certificate with names and authorities, but not its key (SPKI) with a pin. Mail for these
            # domains therefore goes through Postern, which checks the pins before it sends; Postern must count this host among its
            # `networks`. `postern peers export --for exim` writes it. Put the router before the one that looks up MX hosts, and the
            # transport among the transports.
            begin routers

            postern_peers:
              driver = manualroute
              domains = \(domains.isEmpty ? "!*" : domains)
              transport = postern_peers
              route_list = * \(quoted(name)) byname
              host_find_failed = defer
              no_more

            begin transports

            postern_peers:
              driver = smtp
              port = \(port)
              allow_localhost = true

            """
    }

    private static func quoted(_ text: String) -> String { text.contains(" ") ? "\"\(text)\"" : text }
}
