// SPDX-License-Identifier: Apache-2.0

import SMTPWire

/// Asks the DNS.
///
/// Two conformers: ``UnboundResolver``, and ``FixedResolver`` for tests.
package protocol DNSResolving: Sendable {
    /// One question.
    ///
    /// Never throws: what went wrong is in the answer's ``DNSAnswer/security``. Cancelling the task ends the wait with
    /// ``DNSAnswer/failed``.
    ///
    /// `name` is in presentation form, A-labels, with or without a trailing dot; no search list is applied.
    func resolve(_ name: String, _ type: RecordType) async -> DNSAnswer
}

/// Answers from a table: what a test says the DNS holds.
///
/// A name that is not in the table does not exist.
package struct FixedResolver: DNSResolving {
    private struct Question: Hashable {
        let name: String
        let type: RecordType
    }

    private var answers: [Question: DNSAnswer] = [:]
    private var names: Set<String> = []
    /// What every answer of the table says about itself, unless it was put in whole.
    private let security: DNSSecurity

    package init(security: DNSSecurity = .insecure) { self.security = security }

    /// MX records in the order in which the server gives them; an empty exchange is a null MX.
    package mutating func mx(_ name: String, _ exchanges: (UInt16, String)...) {
        let records = exchanges.map { DNSRecord.mx(preference: $0.0, exchange: $0.1) }
        put(name, .mx, DNSAnswer(security: security, records: records))
    }

    /// Addresses, IPv4 and IPv6 mixed; text that is no address is left out.
    package mutating func host(_ name: String, _ addresses: String...) {
        let parsed = addresses.compactMap { IPAddress($0) }
        put(name, .a, DNSAnswer(security: security, records: parsed.filter(\.isIPv4).map(DNSRecord.address)))
        put(name, .aaaa, DNSAnswer(security: security, records: parsed.filter { !$0.isIPv4 }.map(DNSRecord.address)))
    }

    /// TXT records.
    package mutating func txt(_ name: String, _ texts: String...) {
        put(name, .txt, DNSAnswer(security: security, records: texts.map { .text(Array($0.utf8)) }))
    }

    /// TLSA records, each as usage, selector, matching type and data.
    package mutating func tlsa(_ name: String, _ records: (UInt8, UInt8, UInt8, [UInt8])...) {
        let records = records.map { DNSRecord.tlsa(usage: $0.0, selector: $0.1, matching: $0.2, data: $0.3) }
        put(name, .tlsa, DNSAnswer(security: security, records: records))
    }

    /// The name of an address.
    package mutating func reverse(_ address: String, _ name: String) {
        guard let address = IPAddress(address) else { return }
        put(address.reverseName, .ptr, DNSAnswer(security: security, records: [.name(name)]))
    }

    /// A whole answer.
    package mutating func put(_ name: String, _ type: RecordType, _ answer: DNSAnswer) {
        let key = FixedResolver.key(name)
        answers[Question(name: key, type: type)] = answer
        names.insert(key)
    }

    package func resolve(_ name: String, _ type: RecordType) async -> DNSAnswer {
        let key = FixedResolver.key(name)
        if let answer = answers[Question(name: key, type: type)] { return answer }
        return DNSAnswer(security: security, code: names.contains(key) ? .noError : .nameError)
    }

    private static func key(_ name: String) -> String {
        (name.hasSuffix(".") ? String(name.dropLast()) : name).lowercased()
    }
}
