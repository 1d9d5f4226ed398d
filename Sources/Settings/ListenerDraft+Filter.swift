// SPDX-License-Identifier: Apache-2.0

extension ListenerDraft {
    /// The keys that only a filter has.
    private static let filterKeys = ["direction", "from", "next_hop", "xforward"]

    /// Reports a filter's keys at a listener that is none.
    func reportFilterKeys(_ table: TableNode, _ place: String, _ reading: inout Reading) {
        for member in table.members where Self.filterKeys.contains(member.key) {
            reading.report(
                line: member.node.line,
                key: "\(place).\(member.key)",
                problem: "the key is for listeners with role = \"filter\"",
                remedy: "remove it, or write role = \"filter\""
            )
        }
    }

    /// The listener of a filter; nil when something is missing that no default can stand for.
    func filterListener(_ table: TableNode, _ place: String, _ reading: inout Reading) -> Listener? {
        if direction == nil {
            reading.reportMissing(
                "direction",
                in: table,
                place,
                remedy: "add direction = \"outbound\" for your own users' mail, or \"inbound\" for strangers'"
            )
        }
        if nextHop == nil {
            reading.reportMissing(
                "next_hop",
                in: table,
                place,
                remedy: "say where the mail goes back to, next_hop = \"127.0.0.1:10026\""
            )
        }
        checkPlace(table, place, &reading)
        guard let direction, let nextHop else { return nil }
        if xforward == true, direction == .outbound {
            reading.report(
                line: reading.positions.line("\(place).xforward"),
                key: "\(place).xforward",
                problem: "an outbound filter tells nobody where your users' mail came from",
                remedy: "remove the line"
            )
        }
        // A filter is its neighbour's: nobody else has any use for it.
        let isAddressGiven = table.members.contains { $0.key == "address" }
        var listener = Listener(
            role: .filter,
            address: isAddressGiven ? address : "127.0.0.1",
            port: port,
            path: path,
            mode: mode,
            owner: owner,
            line: table.line
        )
        listener.filter = FilterSettings(
            direction,
            at: listener.place,
            peers: from ?? [],
            nextHop: NextHop(endpoint: nextHop),
            forwardsClient: xforward ?? false
        )
        return listener
    }

    /// A unix socket, or a port with the addresses that may connect to it.
    private func checkPlace(_ table: TableNode, _ place: String, _ reading: inout Reading) {
        guard let path else {
            if from?.isEmpty ?? true {
                let line = reading.positions.line("\(place).from")
                reading.report(
                    line: line > 0 ? line : table.line,
                    key: "\(place).from",
                    problem: "nobody is named who may connect",
                    remedy: "list the addresses of your other mail server, from = [\"127.0.0.1\"]"
                )
            }
            return
        }
        if path.utf8.count > 107 {
            reading.report(
                line: reading.positions.line("\(place).path"),
                key: "\(place).path",
                problem: "the path is longer than the 107 bytes that a socket's may have",
                remedy: "use a shorter one"
            )
        }
        for member in table.members where ["address", "port", "from"].contains(member.key) {
            reading.report(
                line: member.node.line,
                key: "\(place).\(member.key)",
                problem: "the listener has a path, and a unix socket has no addresses",
                remedy: "keep path, or address, port and from"
            )
        }
    }
}
