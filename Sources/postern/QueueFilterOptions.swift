// SPDX-License-Identifier: Apache-2.0

import ArgumentParser
import Control
import Settings

/// Which waiting copies are meant.
struct QueueFilterOptions: ParsableArguments {
    private static let states = ["ready", "held", "leased", "set-aside"]

    @Option(help: ArgumentHelp("Only copies in this state.", valueName: "state"), completion: .list(Self.states))
    var state: String?

    @Option(help: ArgumentHelp("Only copies that arrived longer ago than this: 30m, 2h, 3d.", valueName: "span"))
    var older: String?

    @Option(
        help: ArgumentHelp(
            "Only copies for this next hop: a domain, a host, host:port, maildir, or the digits under HOP.",
            valueName: "hop"
        )
    )
    var hop: String?

    /// Whether nothing is left out.
    var isEmpty: Bool { state == nil && older == nil && hop == nil }

    func validate() throws {
        if let state, !Self.states.contains(state) {
            throw ValidationError("\(state) is no state; the states are \(Self.states.joined(separator: ", ")).")
        }
        if let older, DurationText.parse(older) == nil {
            throw ValidationError("\(older) is no span of time; write a number and s, m, h or d, such as 2h.")
        }
    }

    func filter(limit: Int = 200, withAddresses: Bool = false) -> QueueFilter {
        QueueFilter(
            state: state,
            olderThan: older.flatMap { DurationText.parse($0) }.map { Int($0.components.seconds) },
            hop: hop,
            limit: limit,
            withAddresses: withAddresses
        )
    }

    /// ` that are held, wait for more than 2h`; empty without a filter.
    var words: String {
        let parts = [
            state.map { "in the state \($0)" }, older.map { "older than \($0)" }, hop.map { "for the next hop \($0)" },
        ].compactMap { $0 }
        return parts.isEmpty ? "" : " " + parts.joined(separator: ", ")
    }
}
