// SPDX-License-Identifier: Apache-2.0

import Mail
import Testing

@Suite("Names in certificates")
struct CertificateNameTests {
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
        #expect(CertificateName.covers(presented, reference) == expected)
    }
}
