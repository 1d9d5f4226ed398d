// SPDX-License-Identifier: Apache-2.0

extension DeliveryReport {
    /// The machine part (RFC 3464 2.1): fields about the message, then a block for each recipient.
    func statusFields() -> String {
        var lines: [String] = []
        if let envelopeID { lines.append("Original-Envelope-Id: " + ReportText.printableASCII(envelopeID)) }
        lines.append("Reporting-MTA: dns; " + reportingMTA.key)
        lines.append("Arrival-Date: " + MessageDate.format(arrival))
        for recipient in recipients {
            lines.append("")
            lines += Self.fields(of: recipient)
        }
        return lines.map { $0 + "\r\n" }.joined()
    }

    private static func fields(of recipient: Recipient) -> [String] {
        var lines: [String] = []
        if let original = recipient.original {
            let address = ReportText.clean(original.address)
            lines.append("Original-Recipient: " + ReportText.printableASCII(original.addressType) + "; " + address)
        }
        // RFC 6533 3: an address outside ASCII has a type of its own.
        let final = recipient.final
        lines.append("Final-Recipient: " + (final.isASCII ? "rfc822; " : "utf-8; ") + final.wire)
        lines.append("Action: " + recipient.action.rawValue)
        lines.append("Status: " + ReportText.printableASCII(recipient.status))
        if let host = recipient.remoteMTA { lines.append("Remote-MTA: dns; " + ReportText.printableASCII(host)) }
        if let diagnostic = recipient.diagnostic {
            lines.append("Diagnostic-Code: smtp; " + ReportText.printableASCII(diagnostic))
        }
        if recipient.action == .delayed, let until = recipient.willRetryUntil {
            lines.append("Will-Retry-Until: " + MessageDate.format(until))
        }
        return lines
    }
}

/// Makes text from elsewhere fit for a report.
enum ReportText {
    private static let limit = 500

    /// One line without controls and without marks that turn the direction of writing; at most 500 bytes.
    static func clean(_ text: String) -> String {
        var result = String.UnicodeScalarView()
        var count = 0
        for scalar in text.unicodeScalars {
            let kept = isHarmful(scalar) ? " " : scalar
            count += UTF8.width(kept)
            guard count <= limit else { break }
            result.append(kept)
        }
        return String(String(result).drop { $0 == " " })
    }

    /// The same in ASCII, `?` for the rest: machine fields outside `message/global-delivery-status` have no other
    /// letters.
    static func printableASCII(_ text: String) -> String {
        String(String.UnicodeScalarView(clean(text).unicodeScalars.map { $0.isASCII ? $0 : "?" }))
    }

    private static func isHarmful(_ scalar: Unicode.Scalar) -> Bool {
        switch scalar.properties.generalCategory {
        case .control, .format, .lineSeparator, .paragraphSeparator, .privateUse, .unassigned, .surrogate: true
        default: false
        }
    }
}
