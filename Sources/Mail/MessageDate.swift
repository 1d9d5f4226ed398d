// SPDX-License-Identifier: Apache-2.0

/// A date and time as in the `Date` field (RFC 5322 3.3, obsolete forms of section 4.3 too).
package struct MessageDate: Sendable, Equatable {
    /// Seconds since 1970-01-01 00:00 UTC, leap seconds not counted; may be negative.
    package let secondsSince1970: Int64

    /// Reads a field value of any bytes; `nil` when date, time or zone is missing or impossible.
    ///
    /// Two- and three-digit years count as RFC 5322 4.3 says. A zone name that is neither in that section nor among the
    /// few common ones of Europe, Asia and Australia counts as UTC, as the section says too.
    package init?(parsing bytes: [UInt8]) {
        var tokens = Self.tokens(bytes)[...]
        if let first = tokens.first, let letter = first.first, ASCII.isLetter(letter) { tokens = tokens.dropFirst() }
        guard tokens.count >= 5 else { return nil }
        let words = Array(tokens.prefix(5))
        guard let day = ASCII.number(words[0], maxDigits: 2), let month = Self.month(words[1]),
            let year = Self.year(words[2]), let time = Self.timeOfDay(words[3]), let zone = Self.zone(words[4]),
            (1...Self.days(inMonth: month, year: year)).contains(day)
        else { return nil }
        let days = Self.daysSince1970(year: year, month: month, day: day)
        secondsSince1970 = Int64(days * 86400 + time - zone)
    }

    /// `Sun, 22 Nov 2026 07:37:42 +0000`: always UTC, so that it tells nothing of where.
    ///
    /// Times outside the years 1900...9999 become the nearest one inside.
    package static func format(_ secondsSince1970: Int64) -> String {
        let seconds = Int(min(max(secondsSince1970, -2_208_988_800), 253_402_300_799))
        let days = seconds >= 0 ? seconds / 86400 : -((86399 - seconds) / 86400)
        let rest = seconds - days * 86400
        let (year, month, day) = civil(days)
        var text: [UInt8] = []
        text.reserveCapacity(31)
        text += weekdays[((days % 7) + 11) % 7]
        text += [ASCII.comma, ASCII.space]
        appendTwoDigits(day, ASCII.space, to: &text)
        text += monthNames[month - 1]
        text.append(ASCII.space)
        appendTwoDigits(year / 100, nil, to: &text)
        appendTwoDigits(year % 100, ASCII.space, to: &text)
        appendTwoDigits(rest / 3600, ASCII.colon, to: &text)
        appendTwoDigits(rest / 60 % 60, ASCII.colon, to: &text)
        appendTwoDigits(rest % 60, ASCII.space, to: &text)
        text += utc
        return String(decoding: text, as: UTF8.self)
    }

    private static let weekdays = ["Sun", "Mon", "Tue", "Wed", "Thu", "Fri", "Sat"].map { Array($0.utf8) }
    private static let utc = Array("+0000".utf8)
    private static let monthNames = [
        "Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec",
    ].map { Array($0.utf8) }

    /// Hours east of UTC: RFC 5322 4.3, then names that programs do write.
    private static let zoneHours: [String: Int] = [
        "ut": 0, "gmt": 0, "utc": 0, "z": 0, "est": -5, "edt": -4, "cst": -6, "cdt": -5, "mst": -7, "mdt": -6,
        "pst": -8,
        "pdt": -7, "wet": 0, "west": 1, "bst": 1, "cet": 1, "met": 1, "cest": 2, "mest": 2, "mesz": 2, "mez": 1,
        "eet": 2,
        "eest": 3, "msk": 3, "jst": 9, "kst": 9, "aest": 10, "aedt": 11, "nzst": 12, "nzdt": 13,
    ]

    /// Words between blanks, commas and comments.
    private static func tokens(_ bytes: [UInt8]) -> [ArraySlice<UInt8>] {
        var tokens: [ArraySlice<UInt8>] = []
        var index = 0
        while index < bytes.count, tokens.count < 8 {
            if bytes[index] == ASCII.openParenthesis {
                index = StructuredLexer.endOfComment(in: bytes, from: index) ?? bytes.count
                continue
            }
            let start = index
            while index < bytes.count, !isSeparator(bytes[index]) { index += 1 }
            if index > start { tokens.append(bytes[start..<index]) } else { index += 1 }
        }
        return tokens
    }

    private static func isSeparator(_ byte: UInt8) -> Bool {
        ASCII.isSpace(byte) || byte == ASCII.comma || byte == ASCII.openParenthesis
    }

    private static func month(_ word: ArraySlice<UInt8>) -> Int? {
        guard word.count >= 3 else { return nil }
        return monthNames.firstIndex { ASCII.equalsIgnoringCase($0, word.prefix(3)) }.map { $0 + 1 }
    }

    private static func year(_ word: ArraySlice<UInt8>) -> Int? {
        guard let number = ASCII.number(word, maxDigits: 4) else { return nil }
        switch word.count {
        case 4: return number >= 1900 ? number : nil
        case 3: return number + 1900
        case 2: return number < 50 ? number + 2000 : number + 1900
        default: return nil
        }
    }

    private static func timeOfDay(_ word: ArraySlice<UInt8>) -> Int? {
        let parts = word.split(separator: ASCII.colon, maxSplits: 3, omittingEmptySubsequences: false)
        guard (2...3).contains(parts.count) else { return nil }
        let numbers = parts.compactMap { ASCII.number($0, maxDigits: 2) }
        guard numbers.count == parts.count, numbers[0] < 24, numbers[1] < 60 else { return nil }
        let second = numbers.count == 3 ? numbers[2] : 0
        guard second <= 60 else { return nil }
        return numbers[0] * 3600 + numbers[1] * 60 + second
    }

    /// Seconds east of UTC.
    private static func zone(_ word: ArraySlice<UInt8>) -> Int? {
        let name = word.prefix { ASCII.isLetter($0) }
        let offset = word.dropFirst(name.count)
        if !offset.isEmpty {
            // "+0100", and "GMT+0100" as some programs write it.
            guard name.isEmpty || ["gmt", "utc"].contains(String(decoding: ASCII.lower(name), as: UTF8.self)) else {
                return nil
            }
            return numericZone(offset)
        }
        guard word.count <= 8 else { return nil }
        return zoneHours[String(decoding: ASCII.lower(name), as: UTF8.self), default: 0] * 3600
    }

    private static func numericZone(_ word: ArraySlice<UInt8>) -> Int? {
        guard let sign = word.first, sign == 0x2B || sign == 0x2D, word.count == 5 else { return nil }
        guard let digits = ASCII.number(word.dropFirst(), maxDigits: 4), digits % 100 < 60, digits < 2400 else {
            return nil
        }
        let seconds = digits / 100 * 3600 + digits % 100 * 60
        return sign == 0x2D ? -seconds : seconds
    }

    private static func days(inMonth month: Int, year: Int) -> Int {
        let isLeap = year % 4 == 0 && (year % 100 != 0 || year % 400 == 0)
        return month == 2 ? (isLeap ? 29 : 28) : [4, 6, 9, 11].contains(month) ? 30 : 31
    }

    /// Days of the proleptic Gregorian calendar, counted in years that begin in March, so that a leap day ends them.
    private static func daysSince1970(year: Int, month: Int, day: Int) -> Int {
        let year = month <= 2 ? year - 1 : year
        let dayOfYear = (153 * ((month + 9) % 12) + 2) / 5 + day - 1
        return year * 365 + year / 4 - year / 100 + year / 400 + dayOfYear - 719_468
    }

    private static func civil(_ days: Int) -> (year: Int, month: Int, day: Int) {
        let shifted = days + 719_468
        let era = shifted / 146_097
        let dayOfEra = shifted - era * 146_097
        let yearOfEra = (dayOfEra - dayOfEra / 1460 + dayOfEra / 36_524 - dayOfEra / 146_096) / 365
        let dayOfYear = dayOfEra - (365 * yearOfEra + yearOfEra / 4 - yearOfEra / 100)
        let shiftedMonth = (5 * dayOfYear + 2) / 153
        let month = shiftedMonth < 10 ? shiftedMonth + 3 : shiftedMonth - 9
        let year = yearOfEra + era * 400 + (month <= 2 ? 1 : 0)
        return (year, month, dayOfYear - (153 * shiftedMonth + 2) / 5 + 1)
    }

    private static func appendTwoDigits(_ number: Int, _ separator: UInt8?, to text: inout [UInt8]) {
        text.append(UInt8(truncatingIfNeeded: 48 + number / 10))
        text.append(UInt8(truncatingIfNeeded: 48 + number % 10))
        if let separator { text.append(separator) }
    }
}
