// SPDX-License-Identifier: Apache-2.0

import Foundation
import Settings
import Testing

@Suite("Filters in the settings")
struct FilterTests {
    private func listeners(_ text: String) throws -> [Listener] {
        let head = "level = 1\nhostname = \"mail.example.org\"\n"
        return try PosternSettings.parse(text: head + text, name: "test").listeners
    }

    @Test("a filter on a port listens on this machine and knows who may connect")
    func port() throws {
        let listener = try #require(
            try listeners(
                """
                [[listener]]
                role = "filter"
                direction = "outbound"
                from = ["127.0.0.1", "192.0.2.0/24"]
                next_hop = "127.0.0.1:10026"
                """
            ).first
        )
        #expect(listener.place == "127.0.0.1:10025")
        let filter = try #require(listener.filter)
        #expect(filter.name == "outbound 127.0.0.1:10025" && !filter.forwardsClient)
        #expect(filter.nextHop == NextHop(endpoint: .tcp(host: "127.0.0.1", port: 10026)))
        #expect(filter.admits(address: [127, 0, 0, 1]) && filter.admits(address: [192, 0, 2, 9]))
        #expect(!filter.admits(address: [127, 0, 0, 2]) && !filter.admits(address: []))
    }

    @Test("a filter on a unix socket asks for no addresses, and its name outlives a move")
    func socket() throws {
        let listeners = try listeners(
            """
            [[listener]]
            role = "filter"
            direction = "inbound"
            path = "/run/postern-filter/in"
            next_hop = "unix:/run/server/lmtp"
            xforward = true

            [[listener]]
            role = "filter"
            direction = "outbound"
            path = "/run/postern-filter/out"
            next_hop = "mail.example.net:25"
            """
        )
        let filters = listeners.compactMap(\.filter)
        #expect(
            filters.map(\.name) == ["inbound unix:/run/postern-filter/in", "outbound unix:/run/postern-filter/out"]
        )
        #expect(filters.map(\.nextHop.tls) == [.off, .verify] && filters.map(\.forwardsClient) == [true, false])
        #expect(filters.named("outbound unix:/run/postern-filter/out") == filters[1])
        #expect(filters.named("inbound 127.0.0.1:10025") == filters[0])
        #expect(filters.dropLast().named("outbound 127.0.0.1:10025") == nil)
    }
}
