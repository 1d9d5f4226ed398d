// SPDX-License-Identifier: Apache-2.0

/// Finds a part of a message that lies in memory.
package enum Attachment {
    private static let maxDepth = 8
    private static let maxParts = 1000

    /// The content of the first part that has one of `types` (`type/subtype`, lower case), its transfer encoding undone.
    ///
    /// Nil when there is none, or the first can't be decoded.
    package static func first(of types: [String], header: HeaderSection, body: [UInt8]) -> [UInt8]? {
        var left = maxParts
        return find(types, header, body[...], depth: 0, &left)
    }

    private static func find(
        _ types: [String],
        _ header: HeaderSection,
        _ body: ArraySlice<UInt8>,
        depth: Int,
        _ left: inout Int
    ) -> [UInt8]? {
        left -= 1
        guard depth < maxDepth, left >= 0 else { return nil }
        let type = ContentType(of: header)
        if types.contains(where: { isType(type, $0) }) {
            var decoder = TransferDecoder(header.fields("Content-Transfer-Encoding").first?.value)
            return decoder.decode(body).map { Array($0) }
        }
        guard type.isType("multipart"), let boundary = type.boundary else { return nil }
        for part in parts(of: body, boundary) {
            var splitter = HeaderSplitter()
            guard case .complete(let start) = splitter.consume(part) else { continue }
            let header = HeaderSection(parsing: splitter.header)
            if let found = find(types, header, part[start...], depth: depth + 1, &left) { return found }
        }
        return nil
    }

    private static func isType(_ type: ContentType, _ wanted: String) -> Bool {
        let sides = wanted.split(separator: "/")
        return sides.count == 2 && type.isType(String(sides[0]), String(sides[1]))
    }

    /// What stands between the boundary's lines, without the line break before each.
    private static func parts(of body: ArraySlice<UInt8>, _ boundary: [UInt8]) -> [ArraySlice<UInt8>] {
        let mark = [ASCII.hyphen, ASCII.hyphen] + boundary
        var parts: [ArraySlice<UInt8>] = []
        var start: Int?
        var line = body.startIndex
        while line < body.endIndex, parts.count < maxParts {
            let end = body[line...].firstIndex(of: ASCII.lineFeed).map { $0 + 1 } ?? body.endIndex
            if body[line..<end].starts(with: mark) {
                if let start { parts.append(body[start..<max(start, line - 2)]) }
                let rest = body[(line + mark.count)..<end]
                if rest.starts(with: [ASCII.hyphen, ASCII.hyphen]) { return parts }
                start = end
            }
            line = end
        }
        // A missing last boundary ends with the message.
        if let start, parts.count < maxParts { parts.append(body[start...]) }
        return parts
    }
}
