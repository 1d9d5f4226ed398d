// SPDX-License-Identifier: Apache-2.0

import SMTPWire
import Testing

@Suite("IP addresses")
struct IPAddressTests {
    @Test(
        "reads and writes",
        arguments: [
            ("127.0.0.1", "127.0.0.1"), ("::ffff:192.0.2.1", "192.0.2.1"), ("::", "::"), ("::1", "::1"),
            ("2001:DB8::0:1", "2001:db8::1"),
            ("2001:db8:0:0:1:0:0:1", "2001:db8::1:0:0:1"), ("1:2:3:4:5:6:7:8", "1:2:3:4:5:6:7:8"),
            ("fe80::1.2.3.4", "fe80::102:304"),
            ("1:0:2:3:4:5:6:7", "1:0:2:3:4:5:6:7"), ("1::", "1::"),
        ]
    )
    func text(given: String, expected: String) {
        #expect(IPAddress(given)?.text == expected)
    }

    @Test(
        "refuses",
        arguments: [
            "", "1.2.3", "1.2.3.256", "01.2.3.4", "1.2.3.4.5", "1.2.3.+4", ":", ":::", "1::2::3", "12345::", "::g",
            "1:2:3:4:5:6:7", "1:2:3:4:5:6:7:8:9",
            "1.2.3.4::", "fe80::1%eth0", "[::1]", "::1.2.3", "1:2:3:4:5:6:7::8", "::-1", " ::1",
        ]
    )
    func refuses(text: String) {
        #expect(IPAddress(text) == nil)
    }

    @Test("blocks hold what they say")
    func blocks() throws {
        let ten = try #require(CIDR("10.0.0.0/8"))
        #expect(ten.contains(try #require(IPAddress("10.255.1.2"))))
        #expect(!ten.contains(try #require(IPAddress("11.0.0.1"))))
        #expect(ten.contains(try #require(IPAddress("::ffff:10.1.1.1"))))
        let six = try #require(CIDR("2001:db8::/33"))
        #expect(six.contains(try #require(IPAddress("2001:db8:7fff::1"))))
        #expect(!six.contains(try #require(IPAddress("2001:db8:8000::1"))))
        #expect(CIDR("0.0.0.0/0")?.contains(try #require(IPAddress("1.2.3.4"))) == true)
        #expect(CIDR("0.0.0.0/0")?.contains(try #require(IPAddress("::1"))) == false)
        #expect(CIDR("192.0.2.7")?.text == "192.0.2.7/32")
        for bad in ["10.0.0.1/8", "10.0.0.0/33", "10.0.0.0/", "/8", "10.0.0.0/8/8", "::/129", "10.0.0.0/-1"] {
            #expect(CIDR(bad) == nil)
        }
    }

    @Test("an address prints as nothing")
    func privacy() throws {
        let address = try #require(IPAddress("192.0.2.99"))
        var dumped = ""
        dump(address, to: &dumped)
        #expect(![String(describing: address), String(reflecting: address), dumped].contains { $0.contains("99") })
    }
}
