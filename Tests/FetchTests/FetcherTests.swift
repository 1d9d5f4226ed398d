// SPDX-License-Identifier: Apache-2.0

import ChannelPolicy
import DNSResolver
import Foundation
import NIOPosix
import Privacy
import Settings
import Testing

@testable import Fetch

/// A site on loopback and a fetcher that may go there.
struct Ground: Sendable {
    let site: ScriptedSite
    let fetcher: Fetcher
    let options: FetchOptions

    init(
        authority: TestAuthority? = nil,
        serves identity: TestAuthority.Identity?? = .none,
        time: Time = .system(),
        _ reply: @escaping @Sendable (String) -> ScriptedSite.Reply
    ) async throws {
        let authority = try authority ?? TestAuthority.shared.get()
        site = try await ScriptedSite(try identity ?? authority.identity(), reply: reply)
        var resolver = FixedResolver()
        resolver.host("files.example.test", "127.0.0.1")
        resolver.host("inside.example.test", "10.1.2.3", "fd00::1")
        fetcher = Fetcher(
            resolver: resolver,
            roots: authority.roots,
            allowPrivate: [try #require(NetworkRange("127.0.0.1/32"))],
            group: MultiThreadedEventLoopGroup.singleton,
            time: time
        )
        options = FetchOptions(ports: [443, site.port])
    }

    func url(_ path: String = "/file", host: String = "files.example.test") throws -> FetchURL {
        try FetchURL("https://\(host):\(site.port)\(path)")
    }

    func get(_ path: String = "/file", _ change: (inout FetchOptions) -> Void = { _ in }) async throws
        -> Result<FetchedBody, FetchFault>
    {
        var options = options
        change(&options)
        return await fetcher.get(try url(path), options: options)
    }
}

@Suite("Fetching by https")
struct FetcherTests {
    @Test("a page comes whole, and the request tells nothing about who asks")
    func page() async throws {
        let ground = try await Ground { _ in .page("hello", "Content-Type: text/plain; charset=utf-8\r\n") }
        let expected = FetchedBody(status: 200, contentType: "text/plain; charset=utf-8", body: Array("hello".utf8))
        #expect(try await ground.get("/a/b?c=d") == .success(expected))
        #expect(
            ground.site.requests == [
                "GET /a/b?c=d HTTP/1.1\r\nHost: files.example.test:\(ground.site.port)\r\nConnection: close\r\n\r\n"
            ]
        )
        await ground.site.stop()
    }

    @Test(
        "every framing of a body",
        arguments: [
            "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nhe\r\n3;x=y\r\nllo\r\n0\r\nTrailer: x\r\n\r\n",
            "HTTP/1.1 200 OK\r\n\r\nhello", "HTTP/1.0 200 OK\r\n\r\nhello",
            "HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello",
            "HTTP/1.1 200 OK\r\nContent-Encoding: identity\r\nContent-Length: 5\r\n\r\nhelloand more",
        ]
    )
    func framing(reply: String) async throws {
        let ground = try await Ground { _ in .init(reply) }
        #expect(try await ground.get().get().body == Array("hello".utf8))
        await ground.site.stop()
    }

    @Test("a chain of RSA certificates is as good")
    func rsa() async throws {
        let ground = try await Ground(authority: try TestAuthority(.rsa)) { _ in .page("hello") }
        #expect(try await ground.get().get().body == Array("hello".utf8))
        await ground.site.stop()
    }

    @Test("any status is an answer, and only that of a 2xx has a body")
    func statuses() async throws {
        let ground = try await Ground { request in
            let status = request.split(separator: " ")[1].dropFirst()
            return .init("HTTP/1.1 \(status) x\r\nLocation: /file\r\n\r\n", endlessly: status == "200" ? nil : "x")
        }
        for status in [301, 302, 307, 404, 500, 503] {
            let expected = FetchedBody(status: status, location: "/file")
            #expect(try await ground.get("/\(status)") == .success(expected))
        }
        #expect(ground.site.connections == 6)
        await ground.site.stop()
    }

    @Test(
        "what is too large, broken or compressed is refused",
        arguments: [
            (.init("HTTP/1.1 200 OK\r\nContent-Length: 65537\r\n\r\n", closes: false), .tooLarge),
            (.init("HTTP/1.1 200 OK\r\n\r\n", endlessly: "hello"), .tooLarge),
            (.init("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n", endlessly: "1\r\nx\r\n"), .tooLarge),
            (
                .init(
                    "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n",
                    endlessly: "1;\(String(repeating: "e", count: 500))\r\nx\r\n"
                ), .tooLarge
            ),
            (.init("HTTP/1.1 200 OK\r\n", endlessly: "A: b\r\n"), .headerTooLarge),
            (.init("HTTP/1.1 200 OK\r\nA: ", endlessly: "b"), .headerTooLarge),
            (.init("", endlessly: "HTTP/1.1 100 Continue\r\n\r\n"), .tooLarge),
            (.page("x", "Content-Encoding: gzip\r\n"), .encoded), (.page("x", "Content-Encoding: br\r\n"), .encoded),
            (.init("HTTP/1.1 200 OK\r\nTransfer-Encoding: gzip, chunked\r\n\r\n0\r\n\r\n"), .encoded),
            (.init("HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nhello"), .brokenOff),
            (.init("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhel"), .brokenOff),
            (.init("HTTP/1.1 200 OK\r\nContent-Length: 5\r\nContent-Length: 6\r\n\r\nhello"), .malformed),
            (.init("HTTP/1.1 200 OK\r\nContent-Length: -5\r\n\r\nhello"), .malformed),
            (.init("220 mx.example.test ESMTP\r\n"), .malformed), (.init("<html></html>\r\n"), .malformed),
            (.init("HTTP/9.9 200 OK\r\n\r\n"), .malformed), (.init(""), .brokenOff),
        ] as [(ScriptedSite.Reply, FetchFault)]
    )
    func refused(reply: ScriptedSite.Reply, fault: FetchFault) async throws {
        let ground = try await Ground { _ in reply }
        #expect(try await ground.get() == .failure(fault))
        await ground.site.stop()
    }

    @Test("a site that says nothing, or ever a little, is left in time, and cancelling leaves it at once")
    func slow() async throws {
        let ground = try await Ground { _ in .init("HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nhel", closes: false) }
        #expect(try await ground.get { $0.timeLimit = .milliseconds(700) } == .failure(.timedOut))
        let task = Task { try await ground.get { $0.timeLimit = .seconds(3600) } }
        while ground.site.requests.count < 2 { try await Task.sleep(for: .milliseconds(20)) }
        task.cancel()
        #expect(try await task.value == .failure(.cancelled))
        await ground.site.stop()
    }

    @Test("a certificate must be of an authority, in its time and for the name; a common name is none")
    func certificates() async throws {
        let authority = try TestAuthority.shared.get()
        let rows: [(TestAuthority.Identity, FetchFault)] = [
            (try authority.identity { $0.names = ["other.example.test"] }, .unproven(.wrongName)),
            (try authority.identity { $0.names = ["*.test"] }, .unproven(.wrongName)),
            (try authority.identity { $0.names = [] }, .unproven(.wrongName)),
            (
                try authority.identity { $0.notAfter = .now.addingTimeInterval(-3600) },
                .unproven(.expired(depth: 0))
            ),
            (try authority.identity { $0.isSelfSigned = true }, .unproven(.untrusted)),
            (try TestAuthority(.ellipticCurve).identity(), .unproven(.untrusted)),
        ]
        for (identity, fault) in rows {
            let ground = try await Ground(serves: identity) { _ in .page("hello") }
            #expect(try await ground.get() == .failure(fault))
            #expect(ground.site.requests.isEmpty)
            await ground.site.stop()
        }
        let wild = try authority.identity { $0.names = ["*.example.test"] }
        let ground = try await Ground(serves: wild) { _ in .page("hello") }
        #expect(try await ground.get().get().status == 200)
        await ground.site.stop()
    }

    @Test("a server without TLS, and a port where nobody is")
    func noTLS() async throws {
        let ground = try await Ground(serves: .some(nil)) { _ in .page("hello") }
        #expect(try await ground.get { $0.timeLimit = .seconds(20) } == .failure(.handshake))
        let url = try FetchURL("https://files.example.test:1/")
        #expect(await ground.fetcher.get(url, options: FetchOptions(ports: [1])) == .failure(.unreachable))
        await ground.site.stop()
    }

    @Test("redirects go as far as the caller lets them, each vetted like the first address")
    func redirects() async throws {
        let ground = try await Ground { request in
            let parts = request.split(separator: " ")[1].dropFirst().split(separator: "?", maxSplits: 1)
            guard let steps = parts.first.flatMap({ Int($0) }) else { return .page("hello") }
            let last = parts.count > 1 ? String(parts[1]) : "/end"
            let place = steps > 1 ? "/\(steps - 1)" : last
            return .page("", "Location: \(place)\r\n", status: "302 Found")
        }
        #expect(try await ground.get("/3") { $0.redirects = .sameHost(3) }.get().body == Array("hello".utf8))
        #expect(try await ground.get("/4") { $0.redirects = .sameHost(3) } == .failure(.tooManyRedirects))
        #expect(try await ground.get("/1").get().status == 302)
        let rows: [(String, FetchFault)] = [
            ("http://files.example.test/", .redirect(.scheme)), ("gopher://x.test/", .redirect(.scheme)),
            ("file:///etc/passwd", .redirect(.scheme)), ("//files.example.test/", .redirect(.scheme)),
            ("https://127.0.0.1/", .redirect(.addressLiteral)), ("https://inside.example.test/", .forbiddenAddress),
            ("https://files.example.test:22/", .port), ("https://nowhere.example.test/", .noAddress),
        ]
        for (place, fault) in rows {
            #expect(try await ground.get("/1?\(place)") { $0.redirects = .anyHost(3) } == .failure(fault), "\(place)")
        }
        let other = "https://inside.example.test:\(ground.site.port)/"
        #expect(try await ground.get("/1?\(other)") { $0.redirects = .sameHost(3) } == .failure(.redirectElsewhere))
        await ground.site.stop()
    }

    @Test("a report is posted with its type, and redirects are not followed")
    func post() async throws {
        let ground = try await Ground { _ in .page("", "Location: /there\r\n", status: "308 Permanent Redirect") }
        var options = ground.options
        options.redirects = .anyHost(3)
        let answer = await ground.fetcher.post(
            try ground.url("/in"),
            body: Array("report".utf8),
            contentType: "application/tlsrpt+gzip",
            options: options
        )
        #expect(try answer.get().status == 308)
        #expect(
            ground.site.requests == [
                "POST /in HTTP/1.1\r\nHost: files.example.test:\(ground.site.port)\r\nConnection: close\r\n"
                    + "Content-Type: application/tlsrpt+gzip\r\nContent-Length: 6\r\n\r\nreport"
            ]
        )
        await ground.site.stop()
    }

    @Test("look-ups that fail, fail DNSSEC or find nothing")
    func lookups() async throws {
        var resolver = FixedResolver()
        resolver.put("silent.example.test", .a, .failed)
        resolver.put("silent.example.test", .aaaa, .failed)
        resolver.put("forged.example.test", .a, DNSAnswer(security: .bogus))
        resolver.put("forged.example.test", .aaaa, .failed)
        let fetcher = Fetcher(
            resolver: resolver,
            roots: try TestAuthority.shared.get().roots,
            group: MultiThreadedEventLoopGroup.singleton,
            time: .system()
        )
        let rows: [(String, FetchFault)] = [
            ("silent", .lookupFailed), ("forged", .bogus), ("none", .noAddress),
        ]
        for (name, fault) in rows {
            #expect(await fetcher.get(try FetchURL("https://\(name).example.test/")) == .failure(fault))
        }
    }

    @Test("every fault has one sentence")
    func sentences() {
        let faults: [FetchFault] =
            FetchURL.Flaw.allCases.map(FetchFault.url) + FetchURL.Flaw.allCases.map(FetchFault.redirect) + [
                .port, .lookupFailed, .bogus, .noAddress, .forbiddenAddress, .unreachable, .timedOut, .handshake,
                .unproven(.wrongName), .brokenOff, .malformed, .headerTooLarge, .tooLarge, .encoded, .tooManyRedirects,
                .redirectElsewhere, .cancelled, .noTLS,
            ]
        #expect(Set(faults.map(\.text)).count == faults.count)
        for fault in faults { #expect(!fault.text.isEmpty && !fault.text.hasSuffix(".")) }
    }
}
