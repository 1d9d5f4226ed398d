// SPDX-License-Identifier: Apache-2.0

package import ChannelPolicy
package import Mail

/// A TLS report as it comes in: JSON, the same packed, or a message that carries either (RFC 8460 §5.3).
package enum TLSReportInput {
    package enum Flaw: Error, Sendable, Hashable {
        case tooLarge
        /// The message has no part that could be one.
        case noReport
        case damaged
        case unpacksTooLarge
        case report(TLSReport.Flaw)

        package var text: String {
            switch self {
            case .tooLarge: "the report is over \(TLSReportInput.maxBytes) octets"
            case .noReport: "the message carries no TLS report"
            case .damaged: "the report's compression is damaged"
            case .unpacksTooLarge: "the report unpacks to over \(TLSReport.maxBytes) octets"
            case .report(let flaw): flaw.text
            }
        }
    }

    /// Of a report as it comes, packed or not.
    package static let maxBytes = 1 << 20
    /// Of a message that carries one in base64.
    package static let maxMessageBytes = 2 << 20

    private static let types = [
        "application/tlsrpt+gzip", "application/tlsrpt+json", "application/gzip", "application/x-gzip",
        "application/json",
    ]

    /// Reads whatever of these it is.
    package static func read(_ bytes: [UInt8]) throws(Flaw) -> TLSReport {
        guard bytes.count <= maxMessageBytes else { throw .tooLarge }
        if bytes.starts(with: [0x1f, 0x8b]) || bytes.first(where: { !isSpace($0) }) == UInt8(ascii: "{") {
            return try content(bytes)
        }
        var splitter = HeaderSplitter()
        guard case .complete(let start) = splitter.consume(bytes.withCRLF[...]) else { throw .noReport }
        return try read(HeaderSection(parsing: splitter.header), Array(bytes.withCRLF[start...]))
    }

    /// Reads the report that a message carries.
    package static func read(_ header: HeaderSection, _ body: [UInt8]) throws(Flaw) -> TLSReport {
        guard body.count <= maxMessageBytes else { throw .tooLarge }
        guard let found = Attachment.first(of: types, header: header, body: body) else { throw .noReport }
        return try content(found)
    }

    private static func content(_ bytes: [UInt8]) throws(Flaw) -> TLSReport {
        guard bytes.count <= maxBytes else { throw .tooLarge }
        var json = bytes
        if bytes.starts(with: [0x1f, 0x8b]) {
            do throws(Gzip.Flaw) {
                json = try Gzip.unpacked(bytes, limit: TLSReport.maxBytes)
            } catch {
                throw error == .tooLarge ? .unpacksTooLarge : .damaged
            }
        }
        do throws(TLSReport.Flaw) {
            return try TLSReport(parsing: json)
        } catch {
            throw .report(error)
        }
    }

    private static func isSpace(_ byte: UInt8) -> Bool { [0x20, 0x09, 0x0a, 0x0d].contains(byte) }
}

extension [UInt8] {
    /// A message from a file may have lines that end in LF alone.
    fileprivate var withCRLF: [UInt8] {
        if contains(0x0d) || !contains(0x0a) { return self }
        var bytes: [UInt8] = []
        bytes.reserveCapacity(count + count / 32)
        for byte in self {
            if byte == 0x0a { bytes.append(0x0d) }
            bytes.append(byte)
        }
        return bytes
    }
}
