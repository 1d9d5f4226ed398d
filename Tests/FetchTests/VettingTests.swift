// SPDX-License-Identifier: Apache-2.0

import DNSResolver
import NIOPosix
import Privacy
import SMTPWire
import Settings
import Synchronization
import Testing

@testable import Fetch

/// Says one thing first and another afterwards, and counts how often it was asked.
private final class FlippingResolver: DNSResolving {
    private let asked = Mutex<[RecordType: Int]>([:])
    private let first: IPAddress
    private let then: IPAddress

    init(first: IPAddress, then: IPAddress) {
        self.first = first
        self.then = then
    }

    var questions: [RecordType: Int] { asked.withLock { $0 } }

    func resolve(_ name: String, _ type: RecordType) async -> DNSAnswer {
        let number = asked.withLock { asked in
            asked[type, default: 0] += 1
            return asked[type, default: 0]
        }
        guard type == .a else { return DNSAnswer(security: .insecure) }
        return DNSAnswer(security: .insecure, records: [.address(number == 1 ? first : then)], timeToLive: .zero)
    }
}

@Suite("Where a look-up may go")
struct VettingTests {
    /// What a name may not resolve to.
    static let forbidden = [
        "0.0.0.0", "0.0.0.1", "0.255.255.255", "10.0.0.0", "10.0.0.1", "10.255.255.255", "100.64.0.1",
        "100.127.255.255", "127.0.0.1", "127.0.0.53", "127.1.2.3", "127.255.255.255", "169.254.0.1",
        "169.254.169.254", "172.16.0.1", "172.31.255.255", "192.0.0.1", "192.0.0.170", "192.0.2.1", "192.31.196.1",
        "192.52.193.1", "192.88.99.1", "192.168.0.1", "192.168.255.255", "192.175.48.1", "198.18.0.1",
        "198.19.255.255", "198.51.100.7", "203.0.113.9", "224.0.0.1", "239.255.255.255", "240.0.0.1",
        "255.255.255.255",
        "::", "::1", "::2", "::127.0.0.1", "::8.8.8.8", "::ffff:127.0.0.1", "::ffff:7f00:1", "::ffff:10.0.0.1",
        "::ffff:169.254.169.254", "::ffff:0:127.0.0.1", "64:ff9b::127.0.0.1", "64:ff9b::7f00:1", "64:ff9b::8.8.8.8",
        "64:ff9b:1::a00:1", "64:ff9b:1:fffe::1", "100::1", "100:0:0:1::1", "2001::1", "2001:0:7f00:1::",
        "2001:1::1", "2001:2::1", "2001:10::1", "2001:20::1", "2001:1ff::1", "2001:db8::1", "2001:db8:ffff::1",
        "2002::1", "2002:7f00:1::1", "2002:a00:1::1", "2002:808:808::1", "2620:4f:8000::1", "3fff::1", "3fff:fff::1",
        "4000::1", "5f00::1", "fc00::1", "fd00::1", "fdff:ffff::1", "fe80::1", "fe80::7f00:1", "febf::1", "fec0::1",
        "feff::1", "ff00::1", "ff02::1", "ff05::2", "2a00:1450::5efe:7f00:1", "2a00:1450::200:5efe:10.0.0.1",
    ]

    /// Texts that some reader takes for an address or another scheme.
    static let forms = [
        "https://127.0.0.1/", "https://127.1/", "https://127.0.1/", "https://2130706433/", "https://017700000001/",
        "https://0177.0.0.1/", "https://0x7f000001/", "https://0x7f.0.0.1/", "https://0X7F.1/", "https://0/",
        "https://0.0.0.0/", "https://00000000177.0.0.1/", "https://127.0.0.1./", "https://[::1]/", "https://[::]/",
        "https://[::ffff:127.0.0.1]/", "https://[fe80::1%25eth0]/", "https://[64:ff9b::7f00:1]/",
        "https://169.254.169.254/latest/", "https://10.0.0.1:443/", "https://256.256.256.256/", "https://1.2.3/",
        "https://localhost/", "https://localhost./", "https://LOCALHOST/", "https://a.localhost/",
        "https://printer.local/", "https://abc.onion/", "https://host/", "https://", "https:///", "https://?x",
        "https://.example.test/", "https://example..test/", "https://example.test./", "https://exa mple.test/",
        "https://exa%6dple.test/", "https://user@example.test/", "https://user:pw@example.test/",
        "https://example.test@127.0.0.1/", "https://example.test:x@127.0.0.1/", "https://example.test:0/",
        "https://example.test:/", "https://example.test:65536/", "https://example.test:0443/",
        "https://example.test:443:443/", "https://example.test:-1/", "https://example.test\\@127.0.0.1/",
        "https://example.test#@127.0.0.1/", "https://example.test/#x", "https://example.test/\r\nHost: x",
        "https://example.test/a b", "https://example.test/ä", "https://ex\u{e4}mple.test/", "https://①②⑦.0.0.1/",
        "https://127。0。0。1/", "http://example.test/", "HTTP://example.test/", "ftp://example.test/",
        "file:///etc/passwd", "gopher://127.0.0.1:25/", "dict://example.test/", "data:text/plain,x",
        "//example.test/", "example.test", "https:example.test", "https:/example.test/", " https://example.test/",
        "", "https://\u{0}example.test/", "https://-example.test/", "https://exa_mple.test/",
    ]

    @Test("row_46: no address that leads inside, in any form, is ever connected to")
    func row_46() async throws {
        #expect(Self.forbidden.count + Self.forms.count >= 80)
        let site = try await ScriptedSite(try TestAuthority.shared.get().identity()) { _ in .page("inside") }
        var options = FetchOptions()
        options.ports = [443, site.port]
        for text in Self.forbidden {
            let address = try #require(IPAddress(text), "\(text)")
            #expect(!AddressVetting.isPublic(address), "\(text)")
            var resolver = FixedResolver()
            // As an answer of either type, and with an address of each type beside it.
            let record = DNSAnswer(security: .insecure, records: [.address(address)])
            resolver.put("a.example.test", .a, record)
            resolver.put("aaaa.example.test", .aaaa, record)
            resolver.host("both.example.test", text, "127.0.0.1", "::1")
            let fetcher = Fetcher(
                resolver: resolver,
                roots: try TestAuthority.shared.get().roots,
                group: MultiThreadedEventLoopGroup.singleton,
                time: .system()
            )
            for name in ["a", "aaaa", "both"] {
                let url = try FetchURL("https://\(name).example.test:\(site.port)/")
                #expect(await fetcher.get(url, options: options) == .failure(.forbiddenAddress), "\(text)")
            }
        }
        for text in Self.forms {
            #expect(throws: FetchURL.Flaw.self, "\(text)") { try FetchURL(text) }
        }
        var resolver = FixedResolver()
        resolver.host("files.example.test", "127.0.0.1")
        let fetcher = Fetcher(
            resolver: resolver,
            roots: try TestAuthority.shared.get().roots,
            allowPrivate: [try #require(NetworkRange("127.0.0.0/8"))],
            group: MultiThreadedEventLoopGroup.singleton,
            time: .system()
        )
        for port in [22, 25, 80, 8443, site.port] {
            #expect(await fetcher.get(try FetchURL("https://files.example.test:\(port)/")) == .failure(.port))
        }
        #expect(site.connections == 0)
        await site.stop()
    }

    @Test("row_47: a name that flips after the check changes nothing: the connection goes to the checked address")
    func row_47() async throws {
        let identity = try TestAuthority.shared.get().identity()
        let inside = try await ScriptedSite(identity) { _ in .page("inside") }
        let outside = try await ScriptedSite(at: "127.0.0.2", port: inside.port, identity) { _ in .page("outside") }
        let checked = try #require(IPAddress("127.0.0.2"))
        let loopback = try #require(IPAddress("127.0.0.1"))
        var options = FetchOptions()
        options.ports = [inside.port]
        let url = try FetchURL("https://files.example.test:\(inside.port)/")
        let fetcher = { (resolver: FlippingResolver) in
            try Fetcher(
                resolver: resolver,
                roots: TestAuthority.shared.get().roots,
                // Stands for the public internet.
                allowPrivate: [#require(NetworkRange("127.0.0.2/32"))],
                group: MultiThreadedEventLoopGroup.singleton,
                time: .system()
            )
        }
        let flips = FlippingResolver(first: checked, then: loopback)
        let answer = try await fetcher(flips).get(url, options: options)
        #expect(try answer.get().body == Array("outside".utf8))
        #expect(flips.questions == [.a: 1, .aaaa: 1])
        // The next look-up checks anew.
        #expect(try await fetcher(flips).get(url, options: options) == .failure(.forbiddenAddress))
        let back = FlippingResolver(first: loopback, then: checked)
        #expect(try await fetcher(back).get(url, options: options) == .failure(.forbiddenAddress))
        #expect(inside.connections == 0)
        #expect(outside.connections == 1)
        await inside.stop()
        await outside.stop()
    }

    @Test("hosts of the public internet are let through, and the operator's exceptions")
    func permitted() throws {
        for text in [
            "1.1.1.1", "8.8.8.8", "9.255.255.255", "11.0.0.0", "100.63.255.255", "100.128.0.0", "126.255.255.255",
            "128.0.0.1", "169.253.255.255", "172.15.255.255", "172.32.0.0", "192.0.1.1", "192.167.255.255",
            "198.17.255.255", "198.20.0.0", "223.255.255.255", "2001:200::1", "2001:4860:4860::8888", "2003::1",
            "2600::1", "2a00:1450::5eff:7f00:1", "3ffe::1",
        ] {
            #expect(AddressVetting.isPublic(try #require(IPAddress(text))), "\(text)")
        }
        let vetting = AddressVetting(
            allowPrivate: try ["10.1.0.0/16", "fd00:1::/32"].map { try #require(NetworkRange($0)) }
        )
        let permits = { (text: String) in try vetting.permits(#require(IPAddress(text))) }
        #expect(try permits("10.1.2.3") && permits("fd00:1::5") && permits("1.1.1.1"))
        #expect(try !permits("10.2.0.1") && !permits("fd00:2::1") && !permits("127.0.0.1"))
    }

    @Test("the tables are read whole")
    func tables() {
        #expect(AddressVetting.specialIPv4.count == AddressVetting.specialIPv4Texts.count)
        #expect(AddressVetting.specialIPv6.count == AddressVetting.specialIPv6Texts.count)
        #expect(AddressVetting.globalUnicast.count == AddressVetting.globalUnicastTexts.count)
    }

    @Test("a URL is read into host, port and target")
    func urls() throws {
        let rows: [(String, String, Int, String)] = [
            ("https://example.test", "example.test", 443, "/"),
            ("HTTPS://EXAMPLE.Test/A?b=C&d", "example.test", 443, "/A?b=C&d"),
            ("https://example.test:8443?x", "example.test", 8443, "/?x"),
            (
                "https://mta-sts.xn--exmple-cua.test/.well-known/mta-sts.txt", "mta-sts.xn--exmple-cua.test", 443,
                "/.well-known/mta-sts.txt"
            ),
            ("https://1.example.test/x@y", "1.example.test", 443, "/x@y"),
        ]
        for (text, host, port, target) in rows {
            let url = try FetchURL(text)
            #expect(url.host == host && url.port == port && url.target == target, "\(text)")
        }
        let long = "https://example.test/" + String(repeating: "a", count: FetchURL.maxBytes)
        #expect(throws: FetchURL.Flaw.tooLong) { try FetchURL(long) }
        let url = try FetchURL("https://example.test:8443/a/b")
        #expect(try url.following("/c?d") == FetchURL("https://example.test:8443/c?d"))
        #expect(try url.following("https://other.test/c") == FetchURL("https://other.test/c"))
        for place in ["c", "../c", "", "//other.test/c", "/c#d", "/c d"] {
            #expect(throws: FetchURL.Flaw.self) { try url.following(place) }
        }
    }
}
