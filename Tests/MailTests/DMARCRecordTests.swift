// SPDX-License-Identifier: Apache-2.0

import TestSupport
import Testing

@testable import Mail

@Suite("DMARC records")
struct DMARCRecordTests {
    private func record(_ text: String) -> DMARCRecord? { DMARCRecord(parsing: Array(text.utf8)) }

    @Test("policies are read, spaces and capitals apart")
    func policies() throws {
        let strict = try #require(record("v=DMARC1; p=Reject ; sp= quarantine;rua=mailto:a@example.org; psd=n"))
        #expect(strict.policy == .reject && strict.subdomainPolicy == .quarantine && strict.publicSuffix == .no)
        let plain = try #require(record("v = DMARC1;p=none"))
        #expect(plain.policy == .none && plain.subdomainPolicy == nil && plain.publicSuffix == .unknown)
        #expect(record("v=DMARC1; t=y; P=quarantine; pct=0")?.policy == .quarantine)
        #expect(record("v=DMARC1; p=none; psd=y")?.publicSuffix == .yes)
    }

    @Test("without a policy it counts as none, if it asks for reports at all")
    func withoutPolicy() {
        #expect(record("v=DMARC1; rua=mailto:x@example.org")?.policy == .some(DMARCRecord.Policy.none))
        #expect(record("v=DMARC1; p=forbid; rua=mailto:x@example.org")?.policy == .some(DMARCRecord.Policy.none))
        #expect(record("v=DMARC1; p=forbid") == nil && record("v=DMARC1") == nil)
    }

    @Test(
        "what is something else is no record",
        arguments: [
            "", ";", "v=DMARC2; p=none", "p=reject; v=DMARC1", "v=spf1 -all", "v=dmarc1; p=reject", "=;=;", "v=",
        ]
    )
    func others(text: String) { #expect(record(text) == nil) }

    @Test("the first of two equal tags counts")
    func twice() { #expect(record("v=DMARC1; p=reject; p=none")?.policy == .reject) }

    @Test("no bytes whatever make it trap")
    func total() {
        var generator = SeededGenerator(seed: 7)
        let pieces = ["v=DMARC1", ";", "p=", "reject", "sp", "=", " ", "\t", "psd=y", "rua=mailto:", "\0", "é"]
        for _ in 0..<20_000 {
            var bytes: [UInt8] = Bool.random(using: &generator) ? Array("v=DMARC1;".utf8) : []
            for _ in 0..<Int.random(in: 0...8, using: &generator) {
                if Bool.random(using: &generator) {
                    bytes += Array(pieces.randomElement(using: &generator)?.utf8 ?? "".utf8)
                } else {
                    bytes.append(UInt8.random(in: 0...255, using: &generator))
                }
            }
            _ = DMARCRecord(parsing: bytes)
        }
    }
}

@Suite("The author's name in another field")
struct AuthorNameTests {
    static let names: [(String, String?)] = [
        ("Jane Doe <jane@example.org>", "\"Jane Doe\""),
        ("\"Doe, Jane\" <jane@example.org>", "\"Doe, Jane\""),
        ("John Q. Public <john@example.org>", "\"John Q. Public\""),
        ("=?utf-8?q?J=C3=B6rg?= <j@example.org>", "=?utf-8?q?J=C3=B6rg?="),
        ("=?utf-8?q?J=C3=B6rg?= Miller (office) <j@example.org>", "=?utf-8?q?J=C3=B6rg?= \"Miller\""),
        ("\"a \\\" b\" <a@example.org>", "\"a \\\" b\""),
        ("jane@example.org", nil), ("<jane@example.org>", nil), ("", nil),
        ("Team: a@example.org, b@example.org;", nil), ("ceo@bank.example <x@example.org>", nil),
        ("J\u{F6}rg <j@example.org>", nil), (String(repeating: "x", count: 300) + " <x@example.org>", nil),
    ]

    @Test("words and encoded words are kept, all else is no name", arguments: names)
    func phrases(field: String, expected: String?) {
        #expect(AuthorName.phrase(of: Array(field.utf8)) == expected)
    }

    @Test("no bytes whatever make it trap, or leave a line break in it")
    func total() {
        var generator = SeededGenerator(seed: 11)
        for _ in 0..<20_000 {
            let bytes = (0..<Int.random(in: 0...30, using: &generator)).map { _ in
                Array("ab\"<>\\=?.@ \r\n\u{0}(),:;".utf8).randomElement(using: &generator) ?? 0
            }
            if let phrase = AuthorName.phrase(of: bytes) {
                #expect(phrase.utf8.allSatisfy { $0 >= 0x20 && $0 < 0x7F })
            }
        }
    }
}
