// SPDX-License-Identifier: Apache-2.0

/// What is answered to an HTTP request on the metrics port: `GET /metrics` and nothing else (RFC 9110, RFC 9112).
enum MetricsRequest {
    enum Answer: String {
        case metrics = "200 OK"
        case badRequest = "400 Bad Request"
        case notFound = "404 Not Found"
        case methodNotAllowed = "405 Method Not Allowed"
        case misdirected = "421 Misdirected Request"
        case tooLarge = "431 Request Header Fields Too Large"
        case versionNotSupported = "505 HTTP Version Not Supported"
    }

    static let maxBytes = 8192

    /// The answer to what came so far; nil while the head is not whole.
    static func answer(to bytes: [UInt8]) -> Answer? {
        guard bytes.count <= maxBytes else { return .tooLarge }
        guard let head = head(of: bytes) else { return nil }
        guard bytes.allSatisfy({ $0 < 0x80 }) else { return .badRequest }
        let lines = String(decoding: head, as: UTF8.self).split(separator: "\r\n", omittingEmptySubsequences: false)
        let words = (lines.first ?? "").split(separator: " ", omittingEmptySubsequences: false)
        guard words.count == 3, words[2].hasPrefix("HTTP/") else { return .badRequest }
        guard ["HTTP/1.0", "HTTP/1.1"].contains(words[2]) else { return .versionNotSupported }
        guard words[0] == "GET" else { return .methodNotAllowed }
        if let refusal = refusal(of: lines.dropFirst(), needsHost: words[2] == "HTTP/1.1") { return refusal }
        return words[1] == "/metrics" ? .metrics : .notFound
    }

    /// The whole response.
    static func response(_ answer: Answer, body: String = "") -> String {
        let text = answer == .metrics ? body : answer.rawValue + "\n"
        let type = answer == .metrics ? "text/plain; version=0.0.4; charset=utf-8" : "text/plain; charset=utf-8"
        let allow = answer == .methodNotAllowed ? "Allow: GET\r\n" : ""
        return "HTTP/1.1 \(answer.rawValue)\r\nContent-Type: \(type)\r\nContent-Length: \(text.utf8.count)\r\n"
            + "Cache-Control: no-store\r\nConnection: close\r\n\(allow)\r\n\(text)"
    }

    private static func head(of bytes: [UInt8]) -> ArraySlice<UInt8>? {
        guard bytes.count >= 4 else { return nil }
        let end = (0...(bytes.count - 4)).first { Array(bytes[$0..<($0 + 4)]) == [13, 10, 13, 10] }
        return end.map { bytes[..<$0] }
    }

    /// A page in somebody's browser must not reach this by a name that it made point here, so the host must be ours.
    private static func refusal(of fields: some Sequence<Substring>, needsHost: Bool) -> Answer? {
        var hosts: [Substring] = []
        for field in fields {
            guard let colon = field.firstIndex(of: ":"), field.first != " ", field.first != "\t" else {
                return .badRequest
            }
            let value = field[field.index(after: colon)...].drop { $0 == " " || $0 == "\t" }
            switch field[..<colon].lowercased() {
            case "host": hosts.append(value)
            case "content-length" where value != "0": return .badRequest
            case "transfer-encoding": return .badRequest
            default: break
            }
        }
        guard hosts.count == 1 || (hosts.isEmpty && !needsHost) else { return .badRequest }
        guard let host = hosts.first else { return nil }
        let name = host.hasPrefix("[") ? host.prefix { $0 != "]" } + "]" : host.prefix { $0 != ":" }
        return ["localhost", "127.0.0.1", "[::1]"].contains(name.lowercased()) ? nil : .misdirected
    }
}
