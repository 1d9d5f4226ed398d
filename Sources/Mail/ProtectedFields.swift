// SPDX-License-Identifier: Apache-2.0

/// Which header fields go where when a message is protected (RFC 9788 1.1 and 3).
enum ProtectedFields {
    /// Fields that the way adds, or that only Postern may write: they never go inside.
    ///
    /// A trailing `*` stands for any rest.
    static let outsideOnly = [
        "Received", "Return-Path", "Delivered-To", "X-Delivered-To", "X-Original-To", "Envelope-To", "X-Envelope-*",
        "X-Received", "Received-SPF", "DKIM-Signature", "DomainKey-Signature", "X-Google-DKIM-Signature", "ARC-*",
        "Authentication-Results", "X-Authentication-Results", "Original-Authentication-Results", "VBR-Info", "X-Spam-*",
        "X-Rspamd-*", "X-Virus-*", "HP-Outer", "Postern-Protection", "Postern-Filter", "Postern-Forwarded",
    ]

    private static let outsideNames = Set(outsideOnly.filter { $0.last != "*" }.map { ASCII.lower($0.utf8) })
    private static let outsidePrefixes = outsideOnly.filter { $0.last == "*" }.map { ASCII.lower($0.utf8.dropLast()) }
    private static let contentPrefix = Array("content-".utf8)
    private static let mimeVersion = Array("mime-version".utf8)

    /// What a line is to the protection.
    enum Role {
        /// No field: stays outside.
        case odd
        /// `Content-...`: belongs to the body and goes inside with it.
        case content
        /// `MIME-Version`: made anew outside.
        case version
        /// Stays outside only.
        case outside
        /// A copy goes inside.
        case protected
    }

    static func role(of line: HeaderSection.Line) -> Role {
        guard !line.isOdd else { return .odd }
        let name = line.loweredName
        if BodyScan.starts(name[...], with: contentPrefix) { return .content }
        if name == mimeVersion { return .version }
        if outsideNames.contains(name) { return .outside }
        return outsidePrefixes.contains { BodyScan.starts(name[...], with: $0) } ? .outside : .protected
    }

    /// A line with its role, which is found once.
    struct Field {
        let line: HeaderSection.Line
        let role: Role

        init(_ line: HeaderSection.Line, role: Role) {
            self.line = line
            self.role = role
        }
    }

    /// RFC 9788 3.2.1, hcp_baseline: Subject obscured, Comments and Keywords left out, all else as it is.
    ///
    /// Thread-Topic, in which some programs repeat the Subject, is left out too.
    static func obscured(_ fields: [Field]) -> [Field] {
        var hasSubject = false
        return fields.compactMap { field in
            guard field.role == .protected else { return field }
            if ["Comments", "Keywords", "Thread-Topic"].contains(where: { field.line.isNamed($0) }) { return nil }
            guard field.line.isNamed("Subject") else { return field }
            defer { hasSubject = true }
            return hasSubject ? nil : Field(HeaderSection.field("Subject", "[...]"), role: .protected)
        }
    }
}
