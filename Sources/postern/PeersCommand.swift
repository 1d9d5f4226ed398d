// SPDX-License-Identifier: Apache-2.0

import ArgumentParser
import Control

struct PeersCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "peers",
        abstract: "Providers whose servers must show the keys that their signed statements name.",
        discussion: """
            Operators compare the fingerprint of a key once, by another way than mail; from then on each gateway follows \
            the other's statements, and mail between them goes over pinned TLS or waits.

            Example: postern peers add example.org --key 0123456789ABCDEF0123456789ABCDEF01234567
            """,
        subcommands: [
            PeersAddCommand.self, PeersListCommand.self, PeersRefreshCommand.self, PeersExportCommand.self,
            PeersRemoveCommand.self,
        ]
    )
}

struct PeersAddCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "add",
        abstract: "Fetch and verify a domain's statement, and require its pins from now on.",
        discussion: """
            The statement is fetched from https://DOMAIN/.well-known/providers-commitment. The fingerprint must be the one \
            of the primary key, as the operators of the domain told you; `postern statement show DOMAIN` shows what is \
            served, but not whose it is.

            Example: postern peers add example.org --key 0123456789ABCDEF0123456789ABCDEF01234567
            Exit codes: 0 added; 1 refused, and why; 69 no gateway runs.
            """
    )

    @Argument(help: "The domain behind the @.")
    var domain: String

    @Option(help: ArgumentHelp("The fingerprint that you compared, 40 digits.", valueName: "fingerprint"))
    var key: String

    @OptionGroup var place: GatewayPlace
    @OptionGroup var output: OutputOptions

    func run() async throws {
        let peers = try await PeerText.peers(.addPeer(domain: domain, key: key), at: place)
        try output.show(peers) {
            "Added: from now on mail for this domain goes over TLS with a pinned key, or waits.\n\n"
                + peers.map(PeerText.whole).joined(separator: "\n\n")
        }
    }
}

struct PeersListCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "list",
        abstract: "List the peers, their state, and why it is so.",
        discussion: """
            States: current; ending (a week or less is left, and no newer statement came); expired; revoked (the key was \
            revoked as compromised); lost (the record does not open). The pins that are known stay required in each of them.

            Example: postern peers list --long
            Exit codes: 0 listed.
            """
    )

    @Flag(help: "All that is known of each.")
    var long = false

    @OptionGroup var place: GatewayPlace
    @OptionGroup var output: OutputOptions

    func run() async throws {
        let peers = try await PeerText.peers(.listPeers, at: place)
        try output.show(peers) {
            guard !peers.isEmpty else {
                return "There are no peers; `postern peers add DOMAIN --key FINGERPRINT` adds one."
            }
            return long ? peers.map(PeerText.whole).joined(separator: "\n\n") : PeerText.table(peers)
        }
    }
}

struct PeersRefreshCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "refresh",
        abstract: "Look at the peers' statements now.",
        discussion: """
            The gateway does it by itself at some time within each day, and at once when a server shows a key that no pin \
            fits.

            Example: postern peers refresh example.org
            Exit codes: 0 all were looked at and are well; 1 at least one was refused or could not be fetched, or there is \
            no such peer; 69 no gateway runs.
            """
    )

    @Argument(help: "The peer; without it, all.")
    var domain: String?

    @OptionGroup var place: GatewayPlace
    @OptionGroup var output: OutputOptions

    func run() async throws {
        let peers = try await PeerText.peers(.refreshPeers(domain: domain), at: place)
        try output.show(peers) { peers.isEmpty ? "There are no peers." : PeerText.table(peers) }
        guard peers.allSatisfy(\.reasons.isEmpty) else { throw CommandFailure(.refused, "") }
    }
}

struct PeersRemoveCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "remove",
        abstract: "Forget a peer: its pins are required no longer.",
        discussion: """
            Mail for the domain then goes by what DNSSEC, MTA-STS and the settings ask for.

            Example: postern peers remove example.org
            Exit codes: 0 removed; 1 there is no such peer, or you said no.
            """
    )

    @Argument(help: "The domain behind the @.")
    var domain: String

    @Flag(help: "Do not ask.")
    var yes = false

    @OptionGroup var place: GatewayPlace

    func run() async throws {
        let answers = try await Answers.find(place)
        if !yes {
            let name = PlainText.printable(domain)
            try Terminal.confirmRemoval("Mail for \(name) then goes without the pins of its statement.")
        }
        print(try await answers.sentence(.removePeer(domain: domain)))
    }
}

/// Peers for people.
enum PeerText {
    static func peers(_ request: ControlRequest, at place: GatewayPlace) async throws -> [PeerSummary] {
        guard case .peers(let peers) = try await Answers.find(place).ask(request) else {
            throw CommandFailure.unexpectedAnswer
        }
        return peers
    }

    static func table(_ peers: [PeerSummary]) -> String {
        var table = TextTable("DOMAIN", "STATE", "EXPIRES", "LOOKED", "KEY")
        for peer in peers {
            table.add(
                peer.domain,
                peer.state,
                peer.expires.map(PlainText.day) ?? "",
                peer.lastLook.map(PlainText.day) ?? "",
                peer.key
            )
            for reason in peer.reasons { table.addLine("  " + reason) }
        }
        return table.text()
    }

    static func whole(_ peer: PeerSummary) -> String {
        var pairs = [("domain", peer.domain), ("state", peer.state)]
        if !peer.key.isEmpty { pairs.append(("key", peer.key)) }
        if let next = peer.nextKey, let from = peer.nextKeyFrom {
            pairs.append(("next key", "\(next), from \(PlainText.moment(from))"))
        }
        if let level = peer.level { pairs.append(("level", "\(level), says the provider")) }
        pairs += peer.mailHosts.map { ("MX", $0) }
        pairs += peer.pins.map { ("pin", $0) } + peer.nextPins.map { ("next pin", $0) }
        if let onion = peer.onion { pairs.append(("onion", onion)) }
        if let serial = peer.serial { pairs.append(("serial", String(serial))) }
        let moments = [
            ("issued", peer.issued), ("expires", peer.expires), ("accepted", peer.lastAccepted),
            ("looked at", peer.lastLook),
            ("next look", peer.nextLook),
        ]
        for (name, moment) in moments { if let moment { pairs.append((name, PlainText.moment(moment))) } }
        let reasons = peer.reasons.map { "\n" + PlainText.wrapped(PlainText.printable($0)) }
        return PlainText.pairs(pairs) + reasons.joined()
    }
}
