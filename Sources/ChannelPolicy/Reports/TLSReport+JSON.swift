// SPDX-License-Identifier: Apache-2.0

extension TLSReport {
    /// Why a text is no report.
    package enum Flaw: Error, Sendable, Hashable {
        case tooLarge
        case notJSON
        /// What a report must have and this one lacks, by its key.
        case missing(String)
        case tooManyPolicies

        package var text: String {
            switch self {
            case .tooLarge: "the report is over \(TLSReport.maxBytes) octets"
            case .notJSON: "the report is no JSON, or has too many values"
            case .missing(let key): "the report has no readable \(key)"
            case .tooManyPolicies: "the report has over \(TLSReport.maxPolicies) policies"
            }
        }
    }

    /// 16 MiB, unpacked.
    package static let maxBytes = 16 << 20
    package static let maxPolicies = 1000
    /// So many failures of one policy are kept.
    package static let maxFailures = 1000
    private static let maxValues = 1_000_000
    private static let maxText = 512

    // MARK: - Writing

    /// The report as JSON.
    package var encoded: [UInt8] {
        JSONText.object([
            ("organization-name", .string(organization)),
            (
                "date-range",
                .object([
                    ("start-datetime", .string(CivilTime.text(start))), ("end-datetime", .string(CivilTime.text(end))),
                ])
            ),
            ("contact-info", .string(contact)),
            ("report-id", .string(id)),
            ("policies", .array(policies.map(\.json))),
        ]).encoded
    }

    // MARK: - Reading

    /// Reads a report by somebody else.
    ///
    /// Unknown keys are left out, control characters in texts become spaces, and long texts are cut: what is left can be shown.
    package init(parsing bytes: [UInt8]) throws(Flaw) {
        guard bytes.count <= TLSReport.maxBytes else { throw .tooLarge }
        guard let json = JSONReader.read(bytes, maxValues: TLSReport.maxValues) else { throw .notJSON }
        guard let range = json["date-range"],
            let start = range["start-datetime"]?.asString.flatMap({ CivilTime.parse(Array($0.utf8)) }),
            let end = range["end-datetime"]?.asString.flatMap({ CivilTime.parse(Array($0.utf8)) })
        else { throw .missing("date-range") }
        guard let policies = json["policies"]?.asArray else { throw .missing("policies") }
        guard policies.count <= TLSReport.maxPolicies else { throw .tooManyPolicies }
        guard let id = TLSReport.text(json["report-id"]) else { throw .missing("report-id") }
        var read: [Policy] = []
        for policy in policies {
            guard let policy = Policy(json: policy) else { throw .missing("policy") }
            read.append(policy)
        }
        self.init(
            organization: TLSReport.text(json["organization-name"]) ?? "",
            contact: TLSReport.text(json["contact-info"]) ?? "",
            id: id,
            start: start,
            end: end,
            policies: read
        )
    }

    /// Text that can be shown.
    fileprivate static func text(_ value: JSONText?) -> String? {
        guard let text = value?.asString else { return nil }
        var shown = ""
        for scalar in text.unicodeScalars.prefix(maxText) {
            switch scalar.properties.generalCategory {
            case .control, .format, .lineSeparator, .paragraphSeparator: shown.unicodeScalars.append(" ")
            default: shown.unicodeScalars.append(scalar)
            }
        }
        return shown
    }

    /// One text or several: reporters differ.
    fileprivate static func texts(_ value: JSONText?) -> [String] {
        if let one = text(value) { return [one] }
        return value?.asArray?.prefix(100).compactMap { text($0) } ?? []
    }

    fileprivate static func count(_ value: JSONText?) -> Int { max(0, value?.asNumber ?? 0) }
}

extension TLSReport.Policy {
    fileprivate var json: JSONText {
        var policy: [(key: String, value: JSONText)] = [("policy-type", .string(kind))]
        if !strings.isEmpty { policy.append(("policy-string", .array(strings.map(JSONText.string)))) }
        policy.append(("policy-domain", .string(domain)))
        if !hosts.isEmpty { policy.append(("mx-host", .array(hosts.map(JSONText.string)))) }
        var members: [(key: String, value: JSONText)] = [
            ("policy", .object(policy)),
            (
                "summary",
                .object([
                    ("total-successful-session-count", .number(succeeded)),
                    ("total-failure-session-count", .number(failed)),
                ])
            ),
        ]
        if !failures.isEmpty { members.append(("failure-details", .array(failures.map(\.json)))) }
        return .object(members)
    }

    fileprivate init?(json: JSONText) {
        guard let policy = json["policy"], let kind = TLSReport.text(policy["policy-type"]),
            let domain = TLSReport.text(policy["policy-domain"]), let summary = json["summary"]
        else { return nil }
        self.init(
            kind: kind,
            strings: TLSReport.texts(policy["policy-string"]),
            domain: domain,
            hosts: TLSReport.texts(policy["mx-host"]),
            succeeded: TLSReport.count(summary["total-successful-session-count"]),
            failed: TLSReport.count(summary["total-failure-session-count"]),
            failures: json["failure-details"]?.asArray?.prefix(TLSReport.maxFailures)
                .compactMap(TLSReport.Failure.init) ?? []
        )
    }
}

extension TLSReport.Failure {
    fileprivate var json: JSONText {
        var members: [(key: String, value: JSONText)] = [("result-type", .string(result))]
        let optional = [
            ("sending-mta-ip", sendingIP), ("receiving-mx-hostname", host), ("receiving-ip", receivingIP),
        ]
        for (key, value) in optional {
            if let value { members.append((key, .string(value))) }
        }
        members.append(("failed-session-count", .number(count)))
        if let reason { members.append(("failure-reason-code", .string(reason))) }
        return .object(members)
    }

    fileprivate init?(json: JSONText) {
        guard let result = TLSReport.text(json["result-type"]) else { return nil }
        self.init(
            result: result,
            host: TLSReport.text(json["receiving-mx-hostname"]),
            reason: TLSReport.text(json["failure-reason-code"]),
            sendingIP: TLSReport.text(json["sending-mta-ip"]),
            receivingIP: TLSReport.text(json["receiving-ip"]),
            count: TLSReport.count(json["failed-session-count"])
        )
    }
}
