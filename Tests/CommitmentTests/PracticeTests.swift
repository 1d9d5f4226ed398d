// SPDX-License-Identifier: Apache-2.0

import Commitment
import Testing

@Suite("The practices")
struct PracticeTests {
    @Test("ids are unique, stable words that begin with their area")
    func ids() {
        #expect(Set(Practice.all.map(\.id)).count == Practice.all.count)
        for practice in Practice.all {
            let parts = practice.id.split(separator: ".")
            #expect(parts.count == 2)
            #expect(parts.first.map { String($0) } == practice.area.rawValue)
            #expect(practice.id.allSatisfy { $0.isASCII && ($0.isLowercase || $0 == "-" || $0 == ".") })
            #expect(Practice.find(practice.id) == practice)
        }
    }

    @Test("levels are cumulative")
    func cumulative() {
        #expect(Set(Practice.required(at: .one)).isStrictSubset(of: Practice.required(at: .two)))
        #expect(Set(Practice.required(at: .two)).isStrictSubset(of: Practice.required(at: .three)))
        #expect(Practice.required(at: .three).count == Practice.all.count)
    }

    @Test("every area but the general one asks for more at every level", arguments: Area.allCases)
    func areas(area: Area) {
        let levels = Set(Practice.all.filter { $0.area == area }.map(\.level))
        #expect(levels == (area == .everywhere ? [.one] : [.one, .two, .three]))
    }

    @Test("what the Commitment does not say is marked as ours")
    func sources() {
        #expect(
            Practice.all.filter { $0.source == .ourMapping }.map(\.id) == [
                "mail.next-hop-proven", "mail.no-tls-reports", "mail.nothing-in-clear",
            ]
        )
    }

    @Test(
        "the practices stand at the Commitment's levels",
        arguments: [
            ("mail.client-tls", 1), ("mail.server-tls", 1), ("mail.no-client-ip", 2), ("mail.peer-fingerprints", 2),
            ("mail.onion-service", 3), ("storage.user-data-encrypted", 1), ("storage.encrypted-swap", 2),
            ("storage.random-swap-key", 3),
            ("keys.encrypted-at-rest", 2), ("keys.off-site", 3), ("logs.identifiers-kept-safe", 1),
            ("logs.no-activity", 2),
            ("logs.no-identifiers", 3),
        ]
    )
    func levels(id: String, level: Int) {
        #expect(Practice.find(id)?.level.rawValue == level)
    }
}
