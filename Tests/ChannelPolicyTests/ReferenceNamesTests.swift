// SPDX-License-Identifier: Apache-2.0

import Testing

@testable import ChannelPolicy

@Suite("Comparing names")
struct ReferenceNamesTests {
    @Test(
        "a star is one whole first label",
        arguments: [
            ("mx.example.org", "mx.example.org", true),
            ("MX.Example.ORG.", "mx.example.org", true),
            ("*.example.org", "mx.example.org", true),
            ("*.example.org", "example.org", false),
            ("*.example.org", "a.mx.example.org", false),
            ("m*.example.org", "mx.example.org", false),
            ("*x.example.org", "mx.example.org", false),
            ("mx.*.org", "mx.example.org", false),
            ("*.org", "example.org", false),
            ("*", "org", false),
            ("*.*.org", "mx.example.org", false),
            ("mx.example.org", "*.example.org", false),
            ("mx.example.org\0.evil.test", "mx.example.org", false),
            ("mx.example.org ", "mx.example.org", false),
            ("", "", false),
            ("mx..org", "mx..org", false),
            ("müll.test", "müll.test", false),
            (String(repeating: "a", count: 300), String(repeating: "a", count: 300), false),
        ] as [(String, String, Bool)]
    )
    func wildcard(presented: String, reference: String, expected: Bool) {
        #expect(ReferenceNames.matches(presented, reference) == expected)
    }

    @Test("common names count only where there is no DNS name")
    func commonNames() {
        let match = { (dns: [String], common: [String]) in
            ReferenceNames.match(dnsNames: dns, commonNames: common, references: ["mx.test", "test"])
        }
        #expect(match(["mx.test"], []) == "mx.test")
        #expect(match([], ["mx.test"]) == "mx.test")
        #expect(match(["other.test"], ["mx.test"]) == nil)
        #expect(match(["test", "mx.test"], []) == "mx.test", "the first reference counts first")
        #expect(match([], []) == nil)
    }
}
