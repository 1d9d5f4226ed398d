// SPDX-License-Identifier: Apache-2.0

import Testing

@testable import Mail

@Suite("Dates")
struct MessageDateTests {
    @Test(
        "are read in every form that mail uses",
        arguments: [
            ("Sun, 22 Nov 2026 07:37:42 +0000", "Sun, 22 Nov 2026 07:37:42 +0000"),
            ("Sun, 22 Nov 2026 07:37:42 +0530", "Sun, 22 Nov 2026 02:07:42 +0000"),
            ("Sun, 22 Nov 2026 07:37:42 -0800 (PST)", "Sun, 22 Nov 2026 15:37:42 +0000"),
            ("22 nov 2026 07:37 GMT", "Sun, 22 Nov 2026 07:37:00 +0000"),
            ("Sun,22 Nov 2026 07:37:42 EST", "Sun, 22 Nov 2026 12:37:42 +0000"),
            ("Sun, 22 (day) Nov 2026 (year) 07:37:42 CEST", "Sun, 22 Nov 2026 05:37:42 +0000"),
            ("Fri, 21 Nov 97 09:55:06 -0600", "Fri, 21 Nov 1997 15:55:06 +0000"),
            ("1 Jan 05 00:00:00 Z", "Sat, 01 Jan 2005 00:00:00 +0000"),
            ("1 Jan 100 00:00:00 UT", "Sat, 01 Jan 2000 00:00:00 +0000"),
            ("Thu, 29 February 2024 23:59:60 +0000", "Fri, 01 Mar 2024 00:00:00 +0000"),
            ("Mon, 1 Jan 1900 00:00:00 +0000", "Mon, 01 Jan 1900 00:00:00 +0000"),
            ("Sun, 22 Nov 2026 07:37:42 GMT+0100", "Sun, 22 Nov 2026 06:37:42 +0000"),
            ("Sun, 22 Nov 2026 07:37:42 XYZ", "Sun, 22 Nov 2026 07:37:42 +0000"),
            ("Wed, 31 Dec 1969 23:59:59 -0000", "Wed, 31 Dec 1969 23:59:59 +0000"),
        ]
    )
    func reading(input: String, expected: String) throws {
        let date = try #require(MessageDate(parsing: Array(input.utf8)))
        #expect(MessageDate.format(date.secondsSince1970) == expected)
    }

    @Test(
        "are refused when something is missing or impossible",
        arguments: [
            "", "yesterday", "22 Nov 2026", "22 Nov 2026 07:37:42", "Sun Nov 22 07:37:42 2026",
            "31 Feb 2026 07:37:42 +0000",
            "29 Feb 2023 00:00:00 +0000", "0 Jan 2026 00:00:00 +0000", "1 Foo 2026 00:00:00 +0000",
            "1 Jan 2026 24:00:00 +0000",
            "1 Jan 2026 00:60:00 +0000", "1 Jan 2026 00:00:61 +0000", "1 Jan 2026 00 +0000",
            "1 Jan 1899 00:00:00 +0000",
            "1 Jan 99999 00:00:00 +0000", "1 Jan 2026 00:00:00 +9999", "1 Jan 2026 00:00:00 +1",
            "1 Jan 2026 00:00:00 +00x0",
            "99999999999999999999 Jan 2026 00:00:00 +0000", "(1 Jan 2026 00:00:00 +0000", "1 Jan 2026 1:2:3:4 +0000",
        ]
    )
    func refused(input: String) {
        #expect(MessageDate(parsing: Array(input.utf8)) == nil)
    }

    @Test(
        "keep their instant when written and read again",
        arguments: [0, 1, -1, 86_399, 951_782_400, 1_795_333_062, 4_102_444_800]
    )
    func roundTrip(seconds: Int64) throws {
        let text = MessageDate.format(seconds)
        #expect(try #require(MessageDate(parsing: Array(text.utf8))).secondsSince1970 == seconds)
    }

    @Test("beyond the calendar become its nearest end")
    func extremes() {
        #expect(MessageDate.format(.max) == "Fri, 31 Dec 9999 23:59:59 +0000")
        #expect(MessageDate.format(.min) == "Mon, 01 Jan 1900 00:00:00 +0000")
    }
}
