// SPDX-License-Identifier: Apache-2.0

import Mail

/// An ordinary message as a mail program sends it, and what is done to it before encryption.
struct SampleMessage {
    let header: [UInt8]
    let body: [UInt8]
    let section: HeaderSection
    private let scrubber: Scrubber?

    var whole: [UInt8] { header + Array("\r\n".utf8) + body }

    init(bodyBytes: Int) {
        let lines = [
            "Received: from laptop (laptop.lan [192.0.2.7]) by mail.example.org with ESMTPSA; Sun, 22 Nov 2026 08:00:00 +0100",
            "From: Alice Example <alice@example.org>", "To: Bob Example <bob@example.net>",
            "Cc: Carol <carol@example.com>, Dan <dan@example.com>", "Subject: The minutes of our meeting",
            "Date: Sun, 22 Nov 2026 08:00:00 +0100", "Message-ID: <8f3e.1c@laptop.lan>",
            "References: <1234@laptop.lan> <5678@example.net>", "User-Agent: Mutt/2.2.9", "MIME-Version: 1.0",
            "Content-Type: text/plain; charset=utf-8", "Content-Transfer-Encoding: 8bit",
        ]
        header = Array(lines.map { $0 + "\r\n" }.joined().utf8)
        let line = "The quick brown fox jumps over the lazy dog, and the dog does not mind it.\r\n"
        body = Array(String(repeating: line, count: max(1, bodyBytes / line.utf8.count)).utf8)
        section = HeaderSection(parsing: header)
        scrubber = Domain("example.org").map { domain in
            Scrubber(rules: ScrubRules(ourDomain: domain)) { input in
                Array(input.prefix(32)) + Array(repeating: 1, count: 16)
            }
        }
    }

    func parse() throws {
        let bytes = whole
        var splitter = HeaderSplitter()
        guard case .complete(let start) = splitter.consume(bytes[...]) else { throw UsageError() }
        var outliner = MIMEOutliner(header: HeaderSection(parsing: splitter.header))
        outliner.consume(bytes[start...])
        guard outliner.finish().existingEncryption == .none else { throw UsageError() }
    }

    func touch() {
        var sum: UInt8 = 0
        for byte in whole { sum ^= byte }
        if sum == 0 { print("") }
    }

    func scrub() {
        _ = scrubber?.scrub(section).bytes
    }
}
