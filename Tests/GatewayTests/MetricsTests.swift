// SPDX-License-Identifier: Apache-2.0

import Control
import Testing

@testable import Gateway

@Suite("Metrics")
struct MetricsTests {
    @Test("help and labels are escaped, whole numbers have no fraction, empty families are left out")
    func text() {
        var text = PrometheusText()
        text.add("a_total", .counter, "One\\two\n\"three\"", [.init(3, ("l", "q\"b\\n\n")), .init(0.5, ("l", "x"))])
        text.add("empty", .gauge, "None.", [])
        let expected = """
            # HELP a_total One\\\\two\\n"three"
            # TYPE a_total counter
            a_total{l="q\\"b\\\\n\\n"} 3
            a_total{l="x"} 0.5

            """
        #expect(text.text == expected)
    }

    @Test("every count of the gateway has a place, and unknown words one of their own")
    func families() {
        var report = StatusReport()
        report.counters = [
            "messages accepted": 2, "copies clear (no key)": 3, "copies dry-run (would be clear)": 4,
            "limit message_bytes": 5, "sessions that broke the framing": 6,
        ]
        report.queue = ["ready": 7]
        report.ages = ["ready": [1, 2, 3, 1, 0]]
        report.alarms = [
            .init(name: "disk-low", severity: .warning, sentence: "", remedy: "", since: 0),
            .init(name: "account-limit", severity: .warning, sentence: "", remedy: "", since: 0),
        ]
        let lines = Set(MetricsText.text(report).split(separator: "\n").map { String($0) })
        for line in [
            "postern_messages_total{result=\"accepted\"} 2", "postern_messages_total{result=\"refused\"} 0",
            "postern_protected_copies_total{protection=\"clear_no_key\"} 3",
            "postern_protected_copies_total{protection=\"dry_run_would_be_clear\"} 4",
            "postern_limit_hits_total{limit=\"message_bytes\"} 5",
            "postern_events_total{event=\"sessions_that_broke_the_framing\"} 6",
            "postern_queue_copies{state=\"ready\"} 7",
            "postern_queue_copies_by_age{state=\"ready\",age=\"under_1d\"} 3",
            "postern_alarm{alarm=\"disk-low\",severity=\"warning\"} 1",
            "postern_alarm{alarm=\"store-full\",severity=\"critical\"} 0",
            "postern_alarm{alarm=\"account-limit\",severity=\"warning\"} 1", "# TYPE postern_messages_total counter",
        ] {
            #expect(lines.contains(line), "\(line)")
        }
    }

    @Test(
        "GET /metrics of this host and nothing else",
        arguments: [
            ("GET /metrics HTTP/1.1\r\nHost: 127.0.0.1:9617\r\nAccept: */*\r\n\r\n", "200"),
            ("GET /metrics HTTP/1.1\r\nhost: LOCALHOST\r\n\r\n", "200"),
            ("GET /metrics HTTP/1.1\r\nHost: [::1]:9617\r\n\r\n", "200"), ("GET /metrics HTTP/1.0\r\n\r\n", "200"),
            ("GET /metrics HTTP/1.1\r\n\r\n", "400"),
            ("GET /metrics HTTP/1.1\r\nHost: localhost\r\nHost: localhost\r\n\r\n", "400"),
            ("GET /metrics HTTP/1.1\r\nHost: evil.example\r\n\r\n", "421"),
            ("GET /metrics HTTP/1.1\r\nHost: localhost.evil.example\r\n\r\n", "421"),
            ("GET / HTTP/1.1\r\nHost: localhost\r\n\r\n", "404"),
            ("GET /metrics/../x HTTP/1.1\r\nHost: localhost\r\n\r\n", "404"),
            ("POST /metrics HTTP/1.1\r\nHost: localhost\r\n\r\n", "405"),
            ("GET /metrics HTTP/2.0\r\nHost: localhost\r\n\r\n", "505"),
            ("GET  /metrics HTTP/1.1\r\nHost: localhost\r\n\r\n", "400"),
            ("GET /metrics HTTP/1.1\r\nHost: localhost\r\nContent-Length: 5\r\n\r\nhello", "400"),
            ("GET /metrics HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: chunked\r\n\r\n", "400"),
            ("GET /metrics HTTP/1.1\r\nHost: localhost\r\n folded\r\n\r\n", "400"), ("\r\n\r\n", "400"),
            ("EHLO x\r\n\r\n", "400"), ("GET /m\u{fc} HTTP/1.1\r\nHost: localhost\r\n\r\n", "400"),
        ]
    )
    func requests(text: String, code: String) {
        let bytes = Array(text.utf8)
        #expect(MetricsRequest.answer(to: bytes)?.rawValue.hasPrefix(code) == true)
        for count in 0..<(bytes.count - 4) where !text.contains("hello") {
            #expect(MetricsRequest.answer(to: Array(bytes[..<count])) == nil)
        }
    }

    @Test("a head that does not end is refused")
    func endless() {
        #expect(MetricsRequest.answer(to: [UInt8](repeating: 65, count: MetricsRequest.maxBytes)) == nil)
        #expect(MetricsRequest.answer(to: [UInt8](repeating: 65, count: MetricsRequest.maxBytes + 1)) == .tooLarge)
    }

    @Test("a response says how long it is, and what is allowed")
    func response() {
        let good = MetricsRequest.response(.metrics, body: "a 1\n")
        #expect(good.hasPrefix("HTTP/1.1 200 OK\r\nContent-Type: text/plain; version=0.0.4; charset=utf-8\r\n"))
        #expect(good.contains("Content-Length: 4\r\n") && good.hasSuffix("\r\n\r\na 1\n"))
        #expect(MetricsRequest.response(.methodNotAllowed, body: "a 1\n").contains("Allow: GET\r\n"))
        #expect(!MetricsRequest.response(.notFound, body: "a 1\n").contains("a 1"))
    }
}
