// SPDX-License-Identifier: Apache-2.0

import Testing

@testable import ChannelPolicy

@Suite("Comparing names")
struct ReferenceNamesTests {
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
