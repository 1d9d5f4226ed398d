// SPDX-License-Identifier: Apache-2.0

import Settings
import Testing

@Suite("Address blocks")
struct NetworkRangeTests {
    @Test(
        "blocks are read and written canonically",
        arguments: [
            ("10.0.0.0/8", "10.0.0.0/8"), ("192.0.2.7", "192.0.2.7/32"), ("2001:DB8::/32", "2001:db8::/32"),
            ("::1", "::1/128"),
            ("::/0", "::/0"), ("0.0.0.0/0", "0.0.0.0/0"), ("::ffff:127.0.0.0/104", "127.0.0.0/8"),
            ("1:0:0:2::", "1:0:0:2::/128"),
            ("1:2:3:4:5:6:7:8", "1:2:3:4:5:6:7:8/128"), ("1::8", "1::8/128"),
        ]
    )
    func canonical(text: String, expected: String) {
        #expect(NetworkRange(text)?.description == expected)
    }

    @Test(
        "what is no block is refused",
        arguments: [
            "", "/", "10.0.0.0/", "10.0.0.0/33", "10.0.0.1/8", "10.0.0/8", "10.0.0.256", "010.0.0.0/8", "10.0.0.0/-1",
            "10.0.0.0/+8",
            "10.0.0.0/8/8", "::/129", "1::2::3", ":::", "1:2:3:4:5:6:7", "1:2:3:4:5:6:7:8:9", "1:2:3:4:5:6:7::8",
            "12345::", "g::",
            "fe80::1%eth0", "::1.2.3", "1.2.3.4::", "1.2.3.4:5::", "example.org", "127.0.0.1 ", "١.0.0.0",
            "::/9999999999999999999999",
        ]
    )
    func refused(text: String) {
        #expect(NetworkRange(text) == nil)
    }

    @Test("membership is by prefix, and mapped addresses are IPv4 ones")
    func membership() throws {
        let ten = try #require(NetworkRange("10.128.0.0/9"))
        #expect(ten.contains([10, 128, 0, 0]) && ten.contains([10, 255, 255, 255]))
        #expect(!ten.contains([10, 127, 255, 255]) && !ten.contains([11, 128, 0, 0]))
        #expect(ten.contains([0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff, 10, 200, 0, 1]))
        let six = try #require(NetworkRange("2001:db8::/33"))
        #expect(six.contains([0x20, 1, 0x0d, 0xb8, 0x7f] + [UInt8](repeating: 9, count: 11)))
        #expect(!six.contains([0x20, 1, 0x0d, 0xb8, 0x80] + [UInt8](repeating: 9, count: 11)))
        let all = try #require(NetworkRange("::/0"))
        #expect(!all.contains([127, 0, 0, 1]) && !all.contains([]) && !all.contains([1, 2, 3]))
    }

    @Test("loopback is 127.0.0.0/8 and ::1", arguments: ["127.0.0.0/8", "127.0.0.1", "::1", "::ffff:127.0.0.1"])
    func loopback(text: String) throws {
        let range = try #require(NetworkRange(text))
        #expect(range.isLoopback)
    }

    @Test("nothing else is loopback", arguments: ["126.0.0.0/7", "::/127", "::2", "10.0.0.1", "0.0.0.0/0"])
    func notLoopback(text: String) throws {
        let range = try #require(NetworkRange(text))
        #expect(!range.isLoopback)
    }
}
