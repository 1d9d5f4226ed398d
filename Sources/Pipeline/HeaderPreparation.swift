// SPDX-License-Identifier: Apache-2.0

import Mail
import Privacy
import Settings
import Store
import Vault

/// `scrub`, and the fields that every message that passes gets.
struct HeaderPreparation {
    private let hostname: Domain
    private let scrubber: Scrubber
    private let time: Time
    private let mark: FilterMark

    init(settings: PosternSettings, vault: Vault, time: Time) {
        self.time = time
        mark = FilterMark(vault: vault)
        hostname = settings.hostname
        var rules = ScrubRules(ourDomain: settings.hostname)
        let kept = Set(settings.scrub.keep.map { $0.lowercased() })
        rules.removedFields = rules.removedFields.filter { !kept.contains($0.lowercased()) } + settings.scrub.remove
        rules.localHostNames = Set(settings.scrub.localNames.map { $0.lowercased() })
        scrubber = Scrubber(rules: rules) { vault.keyedHash("message-id", $0) }
    }

    /// The header that leaves: scrubbed and completed for our users, only traced for strangers.
    func prepared(_ message: IncomingMessage) -> HeaderSection {
        var header = message.header
        if message.origin.isOurs {
            header = scrubber.scrub(header)
            header.remove { $0.isNamed(Receipt.field) }
            complete(&header, of: message)
        }
        if let filter = message.filter {
            mark.stamp(&header, filter: filter, after: mark.count(in: message.header, filter: filter))
        }
        let trace = TraceField.received(
            by: hostname,
            with: message.protocolName,
            id: message.id.logText,
            at: time.calendar().seconds
        )
        header.prepend("Received", trace)
        return header
    }

    /// RFC 6409 sections 8.2 and 8.3: a submission server adds Date and Message-ID where they are missing.
    private func complete(_ header: inout HeaderSection, of message: IncomingMessage) {
        if header.first("Date") == nil {
            header.append("Date", MessageDate.format(time.calendar().seconds))
        }
        if header.first("Message-ID") == nil {
            header.append("Message-ID", "<\(message.id.logText)@\(hostname.key)>")
        }
    }
}
