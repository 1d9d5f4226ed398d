// SPDX-License-Identifier: Apache-2.0

import ChannelPolicy
import DNSResolver
import Fetch
import Mail
import Privacy
import Store
import Testing

@testable import ChannelRecords

/// A ledger and a sender with the clock, DNS and web of a test.
private struct Ground {
    static let midnight: Int64 = 1_789_948_800

    let store: StoreGround
    let records: RecordStore
    let ledger: TLSReportLedger
    let resolver = ChangedResolver()
    let web = ScriptedWeb()
    let sender: TLSReportSender

    init(at start: Int64 = midnight + 3600) async throws {
        store = try StoreGround(MovedClock(start))
        records = try store.open()
        ledger = try await TLSReportLedger.load(from: records, time: store.clock.time)
        ledger.turn(on: true)
        sender = Ground.sender(ledger, resolver, web, store.clock)
    }

    static func sender(
        _ ledger: TLSReportLedger,
        _ resolver: ChangedResolver,
        _ web: ScriptedWeb,
        _ clock: MovedClock
    ) -> TLSReportSender {
        TLSReportSender(
            ledger: ledger,
            resolver: resolver,
            fetcher: web,
            organization: "gate.postern.test",
            contact: "postmaster@postern.test",
            time: clock.time,
            log: .none
        )
    }

    func count(_ domain: String, failing: TLSReportResult? = nil) {
        let result: TLSReportEvent.Result = failing.map { .failed($0, reason: "test") } ?? .succeeded
        ledger.count(TLSReportEvent(.noPolicy(domain: domain), result, host: "mx.\(domain)"))
    }

    func wants(_ domain: String, _ uris: String) {
        resolver.change { $0.txt("_smtp._tls.\(domain)", "v=TLSRPTv1; rua=\(uris)") }
    }

    func fates() -> [String: TLSReportLedger.Fate] {
        Dictionary(ledger.entries.map { ($0.counts.domain, $0.fate) }) { one, _ in one }
    }

    /// To the end of the hours in which reports are sent.
    func toNextMorning() { store.clock.advance(86_400 + 14_400 - 3600) }
}

@Suite("TLS reports that we send")
struct TLSReportSenderTests {
    @Test("a day's counts go to each domain that wants them, once, when the day is over")
    func daily() async throws {
        let ground = try await Ground()
        ground.wants("a.test", "https://reports.a.test/in")
        ground.wants("b.test", "mailto:tls@b.test")
        ground.wants("d.test", "mailto:tls@d.test,https://reports.d.test/one,https://other.d.test/two")
        for host in ["reports.a.test", "reports.d.test", "other.d.test"] {
            ground.web.put(host, .success(FetchedBody(status: 201)))
        }
        for domain in ["a.test", "a.test", "b.test", "c.test", "d.test"] { ground.count(domain) }
        ground.count("a.test", failing: .expired)
        await ground.sender.sendDue()
        #expect(ground.web.posts.isEmpty)
        ground.toNextMorning()
        await ground.sender.sendDue()
        #expect(
            ground.fates() == ["a.test": .sent, "b.test": .byMailOnly, "c.test": .unwanted, "d.test": .sent]
        )
        #expect(Set(ground.web.posts.map(\.host)) == ["reports.a.test", "reports.d.test", "other.d.test"])
        let post = try #require(ground.web.posts.first { $0.host == "reports.a.test" })
        #expect(post.type == "application/tlsrpt+gzip")
        let report = try TLSReport(parsing: try Gzip.unpacked(post.body, limit: TLSReport.maxBytes))
        #expect(report.organization == "gate.postern.test" && report.contact == "postmaster@postern.test")
        #expect(report.start == Ground.midnight && report.end == Ground.midnight + 86_399)
        #expect(report.policies.map(\.succeeded) == [2] && report.policies.map(\.failed) == [1])
        #expect(report.policies.first?.failures.first?.result == "certificate-expired")
        await ground.sender.sendDue()
        #expect(ground.web.posts.count == 3)
        await ground.records.close()
    }

    @Test("a report that nobody takes is tried again, ever later, and given up after two days")
    func retry() async throws {
        let ground = try await Ground()
        ground.wants("a.test", "https://reports.a.test/in")
        ground.count("a.test")
        ground.toNextMorning()
        for _ in 0..<(54 * 12) {
            await ground.sender.sendDue()
            ground.store.clock.advance(300)
        }
        #expect(ground.fates() == ["a.test": .notTaken])
        #expect((4...14).contains(ground.web.posts.count), "\(ground.web.posts.count)")
        await ground.records.close()
    }

    @Test("a redirect, an error or a look-up that fails is no delivery; the next try may be one")
    func later() async throws {
        let ground = try await Ground()
        ground.resolver.change { $0.put("_smtp._tls.a.test", .txt, .failed) }
        ground.count("a.test")
        ground.toNextMorning()
        await ground.sender.sendDue()
        #expect(ground.fates() == ["a.test": .open] && ground.web.posts.isEmpty)
        ground.wants("a.test", "https://reports.a.test/in")
        for status in [301, 404, 500] {
            ground.web.put("reports.a.test", .success(FetchedBody(status: status)))
            ground.store.clock.advance(7200)
            await ground.sender.sendDue()
            #expect(ground.fates() == ["a.test": .open])
        }
        ground.web.put("reports.a.test", .success(FetchedBody(status: 200)))
        ground.store.clock.advance(7200)
        await ground.sender.sendDue()
        #expect(ground.fates() == ["a.test": .sent])
        #expect(ground.web.posts.count == 4)
        await ground.records.close()
    }

    @Test("counts survive a restart, and are gone three days after their day")
    func kept() async throws {
        let ground = try await Ground()
        ground.count("a.test")
        ground.count("a.test", failing: .hostMismatch)
        await ground.ledger.flush()
        await ground.records.close()
        let records = try ground.store.open()
        let ledger = try await TLSReportLedger.load(from: records, time: ground.store.clock.time)
        #expect(ledger.entries == ground.ledger.entries)
        ledger.turn(on: true)
        ground.store.clock.advance(5 * 86_400)
        await ledger.flush()
        #expect(ledger.entries.isEmpty)
        #expect(try await records.all(.tlsCounts).isEmpty)
        await records.close()
    }

    @Test("switched off, nothing is counted, and what was counted goes")
    func off() async throws {
        let ground = try await Ground()
        ground.count("a.test")
        await ground.ledger.flush()
        #expect(try await ground.records.all(.tlsCounts).count == 1)
        ground.ledger.turn(on: false)
        ground.count("b.test")
        #expect(ground.fates().keys.sorted() == ["a.test"])
        await ground.ledger.flush()
        #expect(ground.ledger.entries.isEmpty)
        #expect(try await ground.records.all(.tlsCounts).isEmpty)
        await ground.records.close()
    }

    @Test("the service writes down, sends, and ends at once")
    func service() async throws {
        let ground = try await Ground()
        ground.wants("a.test", "https://reports.a.test/in")
        ground.web.put("reports.a.test", .success(FetchedBody(status: 200)))
        ground.count("a.test")
        let sender = ground.sender
        let running = Task { await sender.run() }
        while try await ground.records.all(.tlsCounts).isEmpty { try await Task.sleep(for: .milliseconds(5)) }
        ground.toNextMorning()
        while ground.web.posts.isEmpty { try await Task.sleep(for: .milliseconds(5)) }
        // What was counted last is written down at the end.
        ground.count("b.test")
        running.cancel()
        await running.value
        #expect(try await ground.records.all(.tlsCounts).count == 2)
        await ground.records.close()
    }
}

@Suite("TLS reports that we get")
struct TLSReportInputTests {
    static let json = """
        {"organization-name":"Company-X","date-range":{"start-datetime":"2016-04-01T00:00:00Z","end-datetime":\
        "2016-04-01T23:59:59Z"},"contact-info":"sts-reporting@company-x.example","report-id":"5065427c",\
        "policies":[{"policy":{"policy-type":"sts","policy-string":["version: STSv1"],"policy-domain":\
        "ours.test","mx-host":"*.ours.test"},"summary":{"total-successful-session-count":5326,\
        "total-failure-session-count":303},"failure-details":[{"result-type":"certificate-expired",\
        "sending-mta-ip":"2001:db8:abcd:12::1","receiving-mx-hostname":"mx1.ours.test","failed-session-count":100,\
        "failure-reason-code":"alice@ours.test said no"}]},{"policy":{"policy-type":"tlsa","policy-domain":\
        "theirs.test"},"summary":{"total-successful-session-count":1,"total-failure-session-count":0}}]}
        """

    static func packed(_ text: String = json) throws -> [UInt8] { try #require(Gzip.packed(Array(text.utf8))) }

    static func base64(_ bytes: [UInt8]) -> String {
        let digits = Array("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/")
        var text = ""
        for start in stride(from: 0, to: bytes.count, by: 3) {
            let group = bytes[start..<min(start + 3, bytes.count)]
            let value = (0..<3).reduce(0) { $0 << 8 | ($1 < group.count ? Int(group[start + $1]) : 0) }
            for index in 0..<4 {
                text += index <= group.count ? String(digits[value >> (18 - 6 * index) & 63]) : "="
            }
            if start % 54 == 51 { text += "\r\n" }
        }
        return text
    }

    /// As RFC 8460 section 5.3 shows it.
    static func message(_ type: String, _ content: String, encoding: String = "base64") -> [UInt8] {
        Array(
            """
            From: tlsrpt@mail.sender.example\r
            To: tls@ours.test\r
            Subject: Report Domain: ours.test\r
            TLS-Report-Domain: ours.test\r
            TLS-Report-Submitter: mail.sender.example\r
            MIME-Version: 1.0\r
            Content-Type: multipart/report; report-type="tlsrpt";\r
             boundary="----=_NextPart"\r
            \r
            preamble\r
            ------=_NextPart\r
            Content-Type: text/plain; charset="us-ascii"\r
            \r
            This is an aggregate TLS report.\r
            ------=_NextPart\r
            Content-Type: \(type)\r
            Content-Transfer-Encoding: \(encoding)\r
            Content-Disposition: attachment; filename="x.json.gz"\r
            \r
            \(content)\r
            ------=_NextPart--\r
            epilogue\r\n
            """.utf8
        )
    }

    private func read(_ bytes: [UInt8]) -> Result<String, TLSReportInput.Flaw> {
        do throws(TLSReportInput.Flaw) {
            return .success(try TLSReportInput.read(bytes).id)
        } catch {
            return .failure(error)
        }
    }

    @Test("JSON, gzip, and messages with either")
    func forms() throws {
        let packed = try Self.packed()
        let crlf = Self.message("application/tlsrpt+gzip", Self.base64(packed))
        for bytes in [
            Array(Self.json.utf8), Array(("\r\n " + Self.json).utf8), packed, crlf, crlf.filter { $0 != 13 },
            Self.message("application/tlsrpt+json", Self.json, encoding: "7bit"),
            Self.message("Application/TLSRPT+gzip; name=\"x\"", Self.base64(packed)),
            Self.message("application/gzip", Self.base64(packed)),
            Array("Content-Type: application/tlsrpt+json\r\n\r\n\(Self.json)".utf8),
        ] {
            #expect(read(bytes) == .success("5065427c"))
        }
    }

    @Test("what is none, and why")
    func flaws() throws {
        let packed = try Self.packed()
        let bomb = try #require(Gzip.packed([UInt8](repeating: 0x20, count: (16 << 20) + 1)))
        #expect(bomb.count < TLSReportInput.maxBytes)
        let rows: [([UInt8], TLSReportInput.Flaw)] = [
            ([], .noReport), (Array("hello".utf8), .noReport), (Array("{".utf8), .report(.notJSON)),
            (Array("{}".utf8), .report(.missing("date-range"))), (Array(packed.dropLast(20)), .damaged),
            (Array(packed.prefix(3)), .damaged), ([0x1f, 0x8b] + Array(repeating: 0, count: 100), .damaged),
            (bomb, .unpacksTooLarge), (Self.message("application/tlsrpt+gzip", Self.base64(bomb)), .unpacksTooLarge),
            (try Self.packed("<html></html>"), .report(.notJSON)),
            (Array("Subject: hello\r\n\r\nno report\r\n".utf8), .noReport),
            (Self.message("application/pdf", "x"), .noReport),
            (Self.message("application/tlsrpt+gzip", "*****"), .noReport),
            ([UInt8](repeating: 0x7b, count: TLSReportInput.maxBytes + 1), .tooLarge),
            ([UInt8](repeating: 0x61, count: TLSReportInput.maxMessageBytes + 1), .tooLarge),
        ]
        for (bytes, flaw) in rows { #expect(read(bytes) == .failure(flaw)) }
        let random = (0..<2000).map { _ in UInt8.random(in: 0...255) }
        for length in [1, 10, 100, 2000] {
            _ = read(Array(random.prefix(length)))
            _ = read([0x1f, 0x8b, 8] + random.prefix(length))
            _ = read(packed.prefix(length) + random)
        }
    }

    @Test("gzip of anything comes back")
    func gzip() throws {
        for length in [0, 1, 1000, 65_536, 300_000] {
            let bytes = (0..<length).map { UInt8(truncatingIfNeeded: $0 &* $0 >> 3) }
            let packed = try #require(Gzip.packed(bytes))
            #expect(try Gzip.unpacked(packed, limit: length) == bytes)
            #expect(try Gzip.unpacked(packed + [1, 2, 3], limit: length) == bytes)
            if length > 0 {
                #expect(throws: Gzip.Flaw.tooLarge) { try Gzip.unpacked(packed, limit: length - 1) }
                #expect(throws: Gzip.Flaw.damaged) { try Gzip.unpacked(Array(packed.dropLast(9)), limit: length) }
            }
        }
    }

    private func take(_ shelf: TLSReportShelf, _ message: [UInt8], _ now: WallTime) async throws
        -> TLSReportShelf.Reception
    {
        var splitter = HeaderSplitter()
        guard case .complete(let start) = splitter.consume(message[...]) else { return .unreadable(.noReport) }
        return try await shelf.take(
            HeaderSection(parsing: splitter.header),
            Array(message[start...]),
            isOurs: { $0 == "ours.test" },
            at: now
        )
    }

    @Test("a report about us is kept without anything personal, once, and for ninety days")
    func shelf() async throws {
        let ground = try StoreGround()
        let records = try ground.open()
        let shelf = TLSReportShelf(records: records)
        let message = Self.message("application/tlsrpt+gzip", Self.base64(try Self.packed()))
        for _ in 0..<2 { #expect(try await take(shelf, message, ground.clock.now) == .kept) }
        let kept = try await shelf.all()
        #expect(kept.map(\.organization) == ["Company-X"])
        #expect(kept.first?.policies.map(\.domain) == ["ours.test"])
        #expect(
            kept.first?.policies.first?.failures == [
                .init(result: "certificate-expired", host: "mx1.ours.test", count: 100)
            ]
        )
        let stored = String(decoding: try await records.all(.tlsReport).flatMap(\.value), as: UTF8.self)
        for secret in ["sts-reporting", "2001:db8", "alice"] { #expect(!stored.contains(secret)) }
        let other = Self.json.replacing("ours.test", with: "else.test").replacing("5065427c", with: "2")
        let about = Self.message("application/tlsrpt+json", other, encoding: "8bit")
        #expect(try await take(shelf, about, ground.clock.now) == .notOurs)
        let none = Self.message("text/html", "<html></html>")
        #expect(try await take(shelf, none, ground.clock.now) == .unreadable(.noReport))
        #expect(try await shelf.all().count == 1)
        ground.clock.advance(90 * 86_400)
        #expect(try await shelf.all().isEmpty)
        await records.close()
    }
}
