// SPDX-License-Identifier: Apache-2.0

extension DeliveryReport {
    /// The part that people read: what happened, to whom, why, and what to do.
    func humanText() -> String {
        let intro =
            "This is the mail system at host \(reportingMTA.wire).\r\n\r\n"
            + "It reports on a message that it took in on\r\n\(MessageDate.format(arrival)).\r\n"
        let order: [Action] = [.failed, .delayed, .delivered, .relayed, .expanded]
        let sections = order.compactMap { action -> String? in
            let concerned = recipients.filter { $0.action == action }
            guard !concerned.isEmpty else { return nil }
            return Self.opening(action) + "\r\n\r\n" + concerned.map(Self.paragraph).joined(separator: "\r\n")
                + Self.advice(action)
        }
        return ([intro] + sections).joined(separator: "\r\n") + Self.closing(returned)
    }

    private static func opening(_ action: Action) -> String {
        switch action {
        case .failed: "Your message could NOT be delivered to:"
        case .delayed: "Your message has not been delivered YET to:"
        case .delivered: "Your message was delivered to:"
        case .relayed:
            "Your message was handed on to a mail system that sends no delivery reports, for:"
        case .expanded: "Your message was delivered to this list or alias, which may pass it on:"
        }
    }

    private static func paragraph(_ recipient: Recipient) -> String {
        var lines = ["  <" + recipient.final.wire + ">"]
        if let explanation = recipient.explanation { lines.append("    " + ReportText.clean(explanation)) }
        if let diagnostic = recipient.diagnostic {
            let host =
                recipient.remoteMTA.map { "The host " + ReportText.clean($0) + " said:" } ?? "The last answer was:"
            lines.append("    " + host)
            lines.append("    " + ReportText.clean(diagnostic))
        } else if recipient.explanation == nil, let sentence = sentence(for: recipient.status) {
            lines.append("    " + sentence)
        }
        if recipient.action == .delayed, let until = recipient.willRetryUntil {
            lines.append("    It will be tried until " + MessageDate.format(until) + ".")
        }
        return lines.map { $0 + "\r\n" }.joined()
    }

    private static func advice(_ action: Action) -> String {
        switch action {
        case .failed:
            "\r\nNothing more will be tried for these addresses. Check the address and the reason\r\n"
                + "given, then send the message again, or ask the recipient in another way.\r\n"
        case .delayed: "\r\nYou need do nothing now: the message is kept safe and tried again by itself.\r\n"
        case .relayed: "\r\nNo further report will come.\r\n"
        case .delivered, .expanded: ""
        }
    }

    private static func closing(_ returned: Returned) -> String {
        switch returned {
        case .headers: "\r\nThe header of the message follows below.\r\n"
        case .encryptedMessage: "\r\nThe message follows below, encrypted to your key.\r\n"
        case .nothing: ""
        }
    }

    /// What the status says in general (RFC 3463 3), for when nobody said anything better.
    private static func sentence(for status: String) -> String? {
        switch status.split(separator: ".").dropFirst().joined(separator: ".") {
        case "1.1": "There is no such mailbox."
        case "1.2", "1.10": "The domain takes no mail, or does not exist."
        case "2.2": "The mailbox is full."
        case "3.4", "2.3": "The message is larger than the other side takes."
        case "4.1", "4.2": "The other mail server could not be reached."
        case "4.6": "The message went round in a loop."
        case "4.7": "The time for trying has run out."
        case "6.3": "The other mail server can't take a body with 8-bit characters."
        case "6.7": "The other mail server can't take addresses outside ASCII."
        case "6.9": "The other mail server can't take header fields outside ASCII."
        case "7.1": "The rules of a mail server forbid it."
        default: nil
        }
    }
}
