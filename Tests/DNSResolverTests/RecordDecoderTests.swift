// SPDX-License-Identifier: Apache-2.0

import SMTPWire
import Testing

@testable import DNSResolver

@Suite("Reading record data")
struct RecordDecoderTests {
    @Test("an MX record is its preference and a name without trailing dot")
    func exchange() {
        let data: [UInt8] = [0x01, 0x02, 2] + Array("mx".utf8) + [4] + Array("post".utf8) + [0]
        #expect(RecordDecoder.decode(.mx, data[...]) == .mx(preference: 258, exchange: "mx.post"))
        #expect(RecordDecoder.decode(.mx, [0, 0, 0]) == .mx(preference: 0, exchange: ""))
    }

    @Test("a dot or an odd byte inside a label is escaped")
    func escapes() {
        #expect(RecordDecoder.name([3, 0x61, 0x2e, 0x62, 0]) == "a\\046b")
        #expect(RecordDecoder.name([2, 0x00, 0xff, 0]) == "\\000\\255")
    }

    @Test(
        "what is cut short, too long or compressed is no record",
        arguments: [
            [], [0], [0, 10], [0, 10, 3, 0x61], [0, 10, 0xc0, 0x0c], [0, 10, 1, 0x61], [0, 10, 0, 0],
            [0, 10] + [UInt8](repeating: 1, count: 300) + [0],
        ] as [[UInt8]]
    )
    func malformed(_ data: [UInt8]) {
        #expect(RecordDecoder.decode(.mx, data[...]) == nil)
    }

    @Test("the strings of a text record are joined")
    func text() {
        #expect(RecordDecoder.decode(.txt, [2, 0x61, 0x62, 0, 1, 0x63]) == .text([0x61, 0x62, 0x63]))
        #expect(RecordDecoder.decode(.txt, [0]) == .text([]))
        for cut in [[], [1], [2, 0x61], [1, 0x61, 3, 0x62]] as [[UInt8]] {
            #expect(RecordDecoder.decode(.txt, cut[...]) == nil)
        }
    }

    @Test("a TLSA record is three numbers and its data, of any length")
    func association() {
        let digest = [UInt8](repeating: 7, count: 32)
        #expect(
            RecordDecoder.decode(.tlsa, ([3, 1, 1] + digest)[...])
                == .tlsa(usage: 3, selector: 1, matching: 1, data: digest)
        )
        #expect(
            RecordDecoder.decode(.tlsa, [255, 9, 8]) == .tlsa(usage: 255, selector: 9, matching: 8, data: [])
        )
        let large = [UInt8](repeating: 0x30, count: 65_000)
        #expect(
            RecordDecoder.decode(.tlsa, ([2, 0, 0] + large)[...])
                == .tlsa(usage: 2, selector: 0, matching: 0, data: large)
        )
        for cut in [[], [3], [3, 1]] as [[UInt8]] { #expect(RecordDecoder.decode(.tlsa, cut[...]) == nil) }
        #expect(RecordDecoder.limit(.tlsa) == 100)
    }

    @Test("no bytes whatever make the decoder trap")
    func total() {
        var generator = SystemRandomNumberGenerator()
        for _ in 0..<20_000 {
            let data = (0..<Int.random(in: 0...40, using: &generator)).map { _ in
                UInt8.random(in: 0...255, using: &generator)
            }
            for type in [RecordType.a, .aaaa, .mx, .txt, .tlsa, .cname, .ptr] {
                _ = RecordDecoder.decode(type, data[...])
            }
        }
    }

    @Test("special addresses are known")
    func special() throws {
        #expect(try #require(IPAddress("0.0.0.0")).isUnspecified)
        #expect(try #require(IPAddress("::")).isUnspecified)
        #expect(try #require(IPAddress("224.0.0.1")).isMulticastOrBroadcast)
        #expect(try #require(IPAddress("ff02::1")).isMulticastOrBroadcast)
        #expect(try #require(IPAddress("255.255.255.255")).isMulticastOrBroadcast)
        #expect(try #require(IPAddress("169.254.169.254")).isLinkLocal)
        #expect(try #require(IPAddress("fe80::1")).isLinkLocal)
        for text in ["192.0.2.1", "2001:db8::1", "172.32.0.1", "128.0.0.1"] {
            let address = try #require(IPAddress(text))
            #expect(!address.isUnspecified && !address.isMulticastOrBroadcast && !address.isLinkLocal)
        }
    }
}

@Suite("Reverse names")
struct ReverseNameTests {
    @Test(
        "an address has its reverse name",
        arguments: [
            ("192.0.2.17", "17.2.0.192.in-addr.arpa"),
            (
                "2001:db8::567:89ab",
                "b.a.9.8.7.6.5.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.8.b.d.0.1.0.0.2.ip6.arpa"
            ),
        ]
    )
    func reverse(address: String, name: String) {
        #expect(IPAddress(address)?.reverseName == name)
        #expect(RecordDecoder.decode(.ptr, [4, 0x6d, 0x61, 0x69, 0x6c, 0]) == .name("mail"))
    }
}
