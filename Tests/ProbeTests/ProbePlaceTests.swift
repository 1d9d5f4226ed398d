// SPDX-License-Identifier: Apache-2.0

import Probe
import Testing

@Suite("Places to probe, as they are typed")
struct ProbePlaceTests {
    @Test(
        "host and port",
        arguments: [
            ("mx.example.org", "mx.example.org", nil), ("mx.example.org:587", "mx.example.org", 587),
            ("192.0.2.1", "192.0.2.1", nil), ("192.0.2.1:25", "192.0.2.1", 25), ("[2001:db8::1]:25", "2001:db8::1", 25),
            ("[2001:db8::1]", "2001:db8::1", nil), ("2001:db8::1", "2001:db8::1", nil),
        ] as [(String, String, Int?)]
    )
    func typed(text: String, host: String, port: Int?) throws {
        let place = try #require(ProbePlace(text))
        #expect(place.host == host)
        #expect(place.port == port)
    }

    @Test(
        "what is no place",
        arguments: [
            "", ":25", "a b", "x:", "x:0", "x:65536", "x:-1", "x:abc", "[x]:25", "[192.0.2.1]:25", "[::1", "[::1]25",
            "a:b:c", "bücher.example", String(repeating: "a", count: 256),
        ]
    )
    func refused(text: String) {
        #expect(ProbePlace(text) == nil)
    }
}
