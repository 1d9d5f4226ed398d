// SPDX-License-Identifier: Apache-2.0

import Foundation
import Testing

@testable import Mail

/// Real and odd messages from a corpus outside the repository: `$POSTERN_CORPUS`, else `../shared/corpus` beside it.
@Suite("Corpus")
struct CorpusTests {
    static let files: [URL] = {
        let beside = URL(filePath: #filePath).deletingLastPathComponent().appending(path: "../../../shared/corpus")
        let root =
            ProcessInfo.processInfo.environment["POSTERN_CORPUS"].map { URL(filePath: $0) }
            ?? beside.standardizedFileURL
        let found = FileManager.default.enumerator(
            at: root.appending(path: "mail/emails"),
            includingPropertiesForKeys: nil
        )
        return (found?.compactMap { $0 as? URL } ?? []).filter { $0.pathExtension == "eml" }.sorted {
            $0.path() < $1.path()
        }
    }()

    @Test("every message keeps its bytes through header, outline and layout, in any slicing", arguments: files)
    func roundTrip(file: URL) throws {
        let bytes = crlf(bytes: [UInt8](try Data(contentsOf: file)))
        let message = TestMessage(bytes)
        let rebuilt = message.header.bytes + (message.hasEmptyLine ? [13, 10] : []) + message.body
        #expect(rebuilt == bytes)

        let outline = message.outline()
        let sliced = message.outline(slice: 13)
        #expect(outline.existingEncryption == sliced.existingEncryption)
        #expect(outline.isSigned == sliced.isSigned && outline.isAmbiguous == sliced.isAmbiguous)
        #expect(outline.has8BitBody == sliced.has8BitBody && outline.hasLineOver998 == sliced.hasLineOver998)

        for options in [
            ProtectionOptions(), ProtectionOptions(headerProtection: false), ProtectionOptions(wrapSigned: true),
        ] {
            let layout = PGPMIME.layout(
                header: message.header,
                outline: outline,
                options: options,
                boundary: "OUTERxyz",
                innerBoundary: "INNERxyz"
            )
            let inner = TestMessage(layout.plaintextPrefix + message.body + layout.plaintextSuffix)
            #expect(inner.header.lines.allSatisfy { !$0.isOdd })
            let body = layout.plaintextSuffix.isEmpty ? inner.body : try unwrapped(inner.body)
            #expect(body == message.body)
            let outer = TestMessage(layout.outerPrefix + Array(FakePGP.armor().utf8) + layout.outerSuffix)
            #expect(outer.outline().existingEncryption == .openPGP || outer.header.lines.contains { $0.isOdd })
        }
    }

    /// The content of the one part in our multipart/mixed.
    private func unwrapped(_ body: [UInt8]) throws -> [UInt8] {
        let opening = Array("--INNERxyz\r\n".utf8)
        let closing = Array("\r\n--INNERxyz--\r\n".utf8)
        try #require(body.starts(with: opening) && body.suffix(closing.count).elementsEqual(closing))
        return TestMessage(Array(body.dropFirst(opening.count).dropLast(closing.count))).body
    }

    private func crlf(bytes: [UInt8]) -> [UInt8] {
        var result: [UInt8] = []
        for byte in bytes {
            if byte == 10, result.last != 13 { result.append(13) }
            result.append(byte)
        }
        return result
    }
}
