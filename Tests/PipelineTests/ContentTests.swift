// SPDX-License-Identifier: Apache-2.0

import Mail
import Settings
import Store
import Testing

@testable import Pipeline

@Suite("Contents: sources, producers and what is stored")
struct ContentTests {
    /// Hands out at most three bytes at a time.
    private struct Trickle: ByteSource {
        let bytes: [UInt8]
        var count: Int { bytes.count }

        func read(at offset: Int, maxCount: Int) async throws -> [UInt8] {
            Array(bytes.dropFirst(offset).prefix(min(3, maxCount)))
        }
    }

    private struct Chunks: ChunkProducer {
        struct Broken: Error {}

        var chunks: [[UInt8]]
        var breaks = false

        mutating func next() async throws -> [UInt8]? {
            if chunks.isEmpty {
                guard breaks else { return nil }
                throw Broken()
            }
            return chunks.removeFirst()
        }
    }

    @Test("a tail begins where it is told and ends with its source", arguments: [-1, 0, 1, 5, 6, 7, Int.max])
    func tail(start: Int) async throws {
        let tail = SourceTail(Trickle(bytes: Array("abcdef".utf8)), from: start)
        let expected = Array("abcdef".utf8.dropFirst(min(6, max(0, start))))
        #expect(tail.count == expected.count)
        #expect(try await SourceProducer(tail).collected() == expected)
        #expect(try await tail.read(at: -1, maxCount: 1).isEmpty)
        #expect(try await tail.read(at: tail.count, maxCount: 1).isEmpty)
        #expect(try await tail.read(at: .max, maxCount: 1).isEmpty)
    }

    @Test(
        "a stored message is header and body again",
        arguments: [
            ("A: b\r\n\r\nbody\r\n\r\nmore", "A: b\r\n", "body\r\n\r\nmore", true),
            ("A: b\r\n\r\n", "A: b\r\n", "", true),
            ("A: b\r\n", "A: b\r\n", "", false),
            ("A: b", "A: b", "", false),
            ("\r\nbody", "", "body", true),
            ("", "", "", false),
            ("A: b\n\nno body\r\n", "A: b\n\nno body\r\n", "", false),
        ]
    )
    func stored(text: String, header: String, body: String, hasEmptyLine: Bool) async throws {
        for source in [Trickle(bytes: Array(text.utf8)), MemorySource(Array(text.utf8))] as [any ByteSource] {
            let message = try await StoredMessage(source)
            #expect(message.header.bytes == Array(header.utf8))
            #expect(try await SourceProducer(message.body).collected() == Array(body.utf8))
            #expect(message.hasEmptyLine == hasEmptyLine)
        }
    }

    @Test("a source that ends before its count is damaged")
    func short() async throws {
        struct Short: ByteSource {
            let count = 10
            func read(at offset: Int, maxCount: Int) async throws -> [UInt8] { offset == 0 ? [65] : [] }
        }
        await #expect(throws: StoreError.damaged) { try await StoredMessage(Short()) }
    }

    @Test(
        "an assembled producer hands out all three parts and no empty chunk",
        arguments: [("<", ["a", "b"], ">"), ("", ["a"], ""), ("<", [], ">"), ("", [], "")]
    )
    func assembled(prefix: String, middle: [String], suffix: String) async throws {
        var producer = AssembledProducer(
            prefix: Array(prefix.utf8),
            middle: Chunks(chunks: middle.map { Array($0.utf8) }),
            suffix: Array(suffix.utf8)
        )
        var text = ""
        while let chunk = try await producer.next() {
            #expect(!chunk.isEmpty)
            text += String(decoding: chunk, as: UTF8.self)
        }
        #expect(text == prefix + middle.joined() + suffix)
        #expect(try await producer.next() == nil)
    }

    @Test("what breaks in the middle never looks finished")
    func broken() async throws {
        var producer = AssembledProducer(prefix: [60], middle: Chunks(chunks: [[97]], breaks: true), suffix: [62])
        #expect(try await producer.next() == [60])
        #expect(try await producer.next() == [97])
        for _ in 0..<2 { await #expect(throws: Chunks.Broken.self) { try await producer.next() } }
    }

    @Test("many ciphertexts are not all in memory at once")
    func memory() async throws {
        let key = try await Keys.judged("cv25519")
        let header = HeaderSection(parsing: Array("Subject: x\r\n".utf8))
        let body = MemorySource([UInt8](repeating: 65, count: 1 << 20))
        var composer = CopyComposer(
            header: header,
            body: body,
            hasEmptyLine: true,
            now: PipelineFixture.start,
            gatewayLabel: true,
            worker: Keys.worker
        )
        let outline = try await Pipeline.outline(of: body, header: header)
        let effective = try PipelineFixture.settings().protection.effective(for: try address("x@far.test"))
        for index in 0..<10 {
            #expect(try await composer.encrypted(to: [key], effective: effective, outline: outline) == index)
        }
        let inMemory = composer.contents.map { if case .bytes(let bytes) = $0 { bytes.count } else { 0 } }
        #expect(inMemory.reduce(0, +) <= CopyComposer.inMemoryTotal + CopyComposer.expandedSize(of: body.count))
        #expect(inMemory.contains(0) && inMemory[0] > 0)
        #expect(inMemory[0] <= CopyComposer.expandedSize(of: body.count))
    }

    @Test("the clear content is made once")
    func clearOnce() async throws {
        var composer = CopyComposer(
            header: HeaderSection(parsing: Array("A: b\r\n".utf8)),
            body: MemorySource(Array("c".utf8)),
            hasEmptyLine: true,
            now: PipelineFixture.start,
            gatewayLabel: true,
            worker: Keys.worker
        )
        #expect(try await composer.clear() == 0)
        #expect(try await composer.clear() == 0)
        guard case .bytes(let bytes)? = composer.contents.first, composer.contents.count == 1 else {
            Issue.record("not one content in memory")
            return
        }
        #expect(bytes == Array("A: b\r\n\r\nc".utf8))
    }
}
