// SPDX-License-Identifier: Apache-2.0

/// Dates of the Gregorian calendar in UTC, as seconds since 1970.
package enum CivilTime {
    /// The day of the year 1970's first day is 0 (Hinnant's `days_from_civil`).
    static func days(year: Int, month: Int, day: Int) -> Int64 {
        let shifted = month <= 2 ? year - 1 : year
        let era = (shifted >= 0 ? shifted : shifted - 399) / 400
        let yearOfEra = shifted - era * 400
        let dayOfYear = (153 * (month > 2 ? month - 3 : month + 9) + 2) / 5 + day - 1
        let dayOfEra = yearOfEra * 365 + yearOfEra / 4 - yearOfEra / 100 + dayOfYear
        return Int64(era * 146_097 + dayOfEra - 719_468)
    }

    /// Nil for a date or time of day that doesn't exist; a leap second counts as the second before it.
    static func seconds(year: Int, month: Int, day: Int, hour: Int, minute: Int, second: Int) -> Int64? {
        guard (0...9999).contains(year), (1...12).contains(month), (1...length(ofMonth: month, year)).contains(day),
            (0...23).contains(hour), (0...59).contains(minute), (0...60).contains(second)
        else { return nil }
        let clock = hour * 3600 + minute * 60 + min(second, 59)
        return days(year: year, month: month, day: day) * 86_400 + Int64(clock)
    }

    /// `MMDDhhmmss` of a year.
    static func seconds(year: Int, compact: ArraySlice<UInt8>) -> Int64? {
        guard compact.count == 10 else { return nil }
        let parts = stride(from: compact.startIndex, to: compact.endIndex, by: 2).map { number(compact[$0..<($0 + 2)]) }
        guard let month = parts[0], let day = parts[1], let hour = parts[2], let minute = parts[3],
            let second = parts[4]
        else { return nil }
        return seconds(year: year, month: month, day: day, hour: hour, minute: minute, second: second)
    }

    /// At most four digits and nothing else.
    static func number(_ digits: ArraySlice<UInt8>) -> Int? {
        guard (1...4).contains(digits.count), digits.allSatisfy({ (0x30...0x39).contains($0) }) else { return nil }
        return digits.reduce(0) { $0 * 10 + Int($1 - 0x30) }
    }

    /// `2026-11-22T16:00:00Z` (RFC 3339); years outside 0 to 9999 are clamped.
    package static func text(_ seconds: Int64) -> String {
        let bounded = max(-62_167_219_200, min(253_402_300_799, seconds))
        let day = (bounded >= 0 ? bounded : bounded - 86_399) / 86_400
        let clock = Int(bounded - day * 86_400)
        let date = date(ofDay: Int(day))
        let padded = { (value: Int, width: Int) in
            String(repeating: "0", count: max(0, width - String(value).count)) + String(value)
        }
        return "\(padded(date.year, 4))-\(padded(date.month, 2))-\(padded(date.day, 2))T"
            + "\(padded(clock / 3600, 2)):\(padded(clock / 60 % 60, 2)):\(padded(clock % 60, 2))Z"
    }

    /// RFC 3339 §5.6, with any offset; one without an offset, which some reporters write, counts as UTC.
    static func parse(_ text: [UInt8]) -> Int64? {
        guard text.count >= 19, text.count <= 40, text[4] == 0x2d, text[7] == 0x2d, text[13] == 0x3a,
            text[16] == 0x3a, [0x54, 0x74, 0x20].contains(text[10]),
            let year = number(text[0..<4]), let month = number(text[5..<7]), let day = number(text[8..<10]),
            let hour = number(text[11..<13]), let minute = number(text[14..<16]), let second = number(text[17..<19]),
            let local = seconds(year: year, month: month, day: day, hour: hour, minute: minute, second: second)
        else { return nil }
        var rest = text[19...]
        if rest.first == 0x2e { rest = rest.dropFirst().drop { (0x30...0x39).contains($0) } }
        return offset(rest).map { local - $0 }
    }

    /// `Z`, `+hh:mm`, `-hh:mm` or nothing.
    private static func offset(_ text: ArraySlice<UInt8>) -> Int64? {
        if text.isEmpty || text.elementsEqual([0x5a]) || text.elementsEqual([0x7a]) { return 0 }
        let parts = Array(text)
        guard parts.count == 6, parts[3] == 0x3a, let hours = number(parts[1..<3]), let minutes = number(parts[4..<6]),
            hours <= 23, minutes <= 59
        else { return nil }
        switch parts[0] {
        case 0x2b: return Int64(hours * 3600 + minutes * 60)
        case 0x2d: return -Int64(hours * 3600 + minutes * 60)
        default: return nil
        }
    }

    private static func length(ofMonth month: Int, _ year: Int) -> Int {
        switch month {
        case 2: year % 4 == 0 && (year % 100 != 0 || year % 400 == 0) ? 29 : 28
        case 4, 6, 9, 11: 30
        default: 31
        }
    }

    /// Hinnant's `civil_from_days`.
    private static func date(ofDay day: Int) -> (year: Int, month: Int, day: Int) {
        let shifted = day + 719_468
        let era = (shifted >= 0 ? shifted : shifted - 146_096) / 146_097
        let dayOfEra = shifted - era * 146_097
        let yearOfEra = (dayOfEra - dayOfEra / 1460 + dayOfEra / 36_524 - dayOfEra / 146_096) / 365
        let dayOfYear = dayOfEra - (365 * yearOfEra + yearOfEra / 4 - yearOfEra / 100)
        let index = (5 * dayOfYear + 2) / 153
        let month = index < 10 ? index + 3 : index - 9
        return (yearOfEra + era * 400 + (month <= 2 ? 1 : 0), month, dayOfYear - (153 * index + 2) / 5 + 1)
    }
}
