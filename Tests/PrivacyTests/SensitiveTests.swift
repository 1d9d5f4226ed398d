// SPDX-License-Identifier: Apache-2.0

import Privacy
import Testing

@Suite("Sensitive values and the log")
struct SensitiveTests {
    @Test("dump and reflection of a sensitive value show nothing of it")
    func reflectionShowsNothing() {
        let secret = Sensitive("canary@example.org")
        var shown = ""
        dump(secret, to: &shown)
        shown += String(reflecting: secret) + String(describing: [secret])
        #expect(!shown.contains("canary"))
    }

    @Test("the memory log shows a pseudonym, equal for equal values, or nothing at all")
    func pseudonyms() {
        let time = Time(wall: { WallTime(seconds: 1000) }, boot: { BootTime(milliseconds: 0) })
        let sink = MemoryLogSink(capacity: 2, time: time)
        let log = Log(sink: sink)
        for address in ["a@example.org", "a@example.org", "b@example.org"] {
            log.info("recipient refused", .identifying("recipient", Sensitive(address)))
        }
        let lines = sink.lines(after: 0)
        #expect(lines.map(\.number) == [2, 3])
        #expect(lines[0].fields["recipient"]?.count == 8)
        #expect(lines[0].fields["recipient"] != lines[1].fields["recipient"])

        let silent = MemoryLogSink(capacity: 2, time: time, identifiers: .omitted)
        Log(sink: silent).info("recipient refused", .identifying("recipient", Sensitive("a@example.org")))
        #expect(silent.lines(after: 0)[0].fields.isEmpty)
    }

    @Test("a far duration is clamped, not trapped")
    func farDuration() {
        #expect(Duration.seconds(Int64.max).wholeMilliseconds > 0)
        #expect(WallTime(seconds: 5) + .milliseconds(1500) == WallTime(milliseconds: 6500))
    }
}
