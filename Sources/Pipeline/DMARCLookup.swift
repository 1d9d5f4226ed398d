// SPDX-License-Identifier: Apache-2.0

import DNSResolver
import Mail

/// Finds out what the author's domain asks of receivers (RFC 7489 section 6.6.3).
///
/// There is no list of public suffixes: where the domain itself says nothing, its parents are asked one after the other
/// (the DNS tree walk of draft-ietf-dmarc-dmarcbis section 4.10).
struct DMARCLookup: Sendable {
    enum Answer: Sendable, Hashable {
        /// Neither the domain nor one above it says anything.
        case absent
        case policy(DMARCRecord.Policy)
        /// The DNS did not say.
        case unknown
    }

    private enum Found {
        case absent
        case record(DMARCRecord)
        case unknown
    }

    let resolver: any DNSResolving

    func policy(of domain: Domain) async -> Answer {
        switch await record(at: domain.key) {
        case .unknown: return .unknown
        case .record(let record): return .policy(record.policy)
        case .absent: return await parents(of: domain.key)
        }
    }

    /// The policy for the names below it that the organization's domain publishes.
    private func parents(of name: String) async -> Answer {
        var organization: DMARCRecord?
        for parent in Self.parents(of: name) {
            switch await record(at: parent) {
            case .unknown: return .unknown
            case .absent: continue
            case .record(let record):
                // Above a public suffix stands nobody of the same organization; what was found below it is the answer.
                if record.publicSuffix == .yes { return Self.answer(organization ?? record) }
                organization = record
                if record.publicSuffix == .no { return Self.answer(record) }
            }
        }
        return organization.map(Self.answer) ?? .absent
    }

    private static func answer(_ record: DMARCRecord) -> Answer { .policy(record.subdomainPolicy ?? record.policy) }

    /// The names above, longest first, at most seven: of a long name those of seven labels and less.
    static func parents(of name: String) -> [String] {
        let labels = name.split(separator: ".")
        let most = min(labels.count - 1, 7)
        guard most > 0 else { return [] }
        return (1...most).reversed().map { labels.suffix($0).joined(separator: ".") }
    }

    private func record(at name: String) async -> Found {
        let question = "_dmarc." + name
        // A longer name can't exist, and so holds no record.
        guard question.utf8.count <= 253 else { return .absent }
        let answer = await resolver.resolve(question, .txt)
        guard answer.isUsable else { return .unknown }
        let records = answer.texts.compactMap { DMARCRecord(parsing: $0) }
        // RFC 7489 section 6.6.3: several records are none.
        return records.count == 1 ? .record(records[0]) : .absent
    }
}
