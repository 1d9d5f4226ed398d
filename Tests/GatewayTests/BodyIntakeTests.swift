// SPDX-License-Identifier: Apache-2.0

import Foundation
import Mail
import NIOCore
import SMTPWire
import Store
import Testing

@testable import Gateway

@Suite("Taking in the content of one message")
struct BodyIntakeTests {
    private let directory = FileManager.default.temporaryDirectory.path

    private func intake(
        maxBytes: Int = 1000,
        maxHeaderBytes: Int = 100,
        budget: ByteBudget = ByteBudget(limit: 1 << 20)
    ) -> BodyIntake {
        BodyIntake(
            maxBytes: maxBytes,
            maxHeaderBytes: maxHeaderBytes,
            spool: BodySpool(directory: directory, budget: budget)
        )
    }

    private func body(of source: any ByteSource) async throws -> String {
        var bytes: [UInt8] = []
        while bytes.count < source.count { bytes += try await source.read(at: bytes.count, maxCount: 4096) }
        return String(decoding: bytes, as: UTF8.self)
    }

    @Test(
        "the first empty line ends the header, however the bytes are cut",
        arguments: [
            ("A: b\r\n\r\nbody\r\n\r\nmore\r\n", "A: b\r\n", "body\r\n\r\nmore\r\n", true),
            ("A: b\r\n\r\n", "A: b\r\n", "", true),
            ("\r\nbody\r\n", "", "body\r\n", true),
            ("A: b\r\n", "A: b\r\n", "", false),
            ("From x\r\nA: b\r\nodd\r\n\r\nbody\r\n", "From x\r\nA: b\r\nodd\r\n", "body\r\n", true),
            ("", "", "", false),
        ]
    )
    func emptyLine(text: String, header: String, body: String, hasEmptyLine: Bool) async throws {
        let bytes = Array(text.utf8)
        for size in [1, 2, 3, 7, 1000] {
            var intake = intake()
            for start in stride(from: 0, to: bytes.count, by: size) {
                await intake.take(ByteBuffer(bytes: bytes[start..<min(bytes.count, start + size)]))
            }
            #expect(intake.failure == nil && intake.count == bytes.count)
            let content = try #require(await intake.finish())
            #expect(content.header.bytes == Array(header.utf8) && content.hasEmptyLine == hasEmptyLine)
            #expect(try await self.body(of: content.body) == body)
        }
    }

    @Test("a message of just the size that is allowed passes, one byte more is refused and swallowed")
    func size() async {
        var exact = intake(maxBytes: 10)
        await exact.take(ByteBuffer(string: "\r\n12345678"))
        #expect(exact.failure == nil)
        await exact.take(ByteBuffer(string: "9"))
        #expect(exact.failure == .messageTooLarge)
        for _ in 0..<3 { await exact.take(ByteBuffer(string: "more")) }
        #expect(exact.failure == .messageTooLarge)
        let content = await exact.finish()
        #expect(content == nil)
    }

    @Test("the header has a limit of its own")
    func headerLimit() async {
        var exact = intake(maxHeaderBytes: 10)
        await exact.take(ByteBuffer(string: "A: 345678\r"))
        #expect(exact.failure == nil)
        await exact.take(ByteBuffer(string: "\nB: more\r\n"))
        #expect(exact.failure == .headerTooLarge)
        let content = await exact.finish()
        #expect(content == nil)
        var long = intake(maxHeaderBytes: 10)
        await long.take(ByteBuffer(string: "A: 3\r\n\r\n" + String(repeating: "x", count: 500)))
        #expect(long.failure == nil)
    }

    @Test("a body beyond the memory for bodies is refused, and the memory comes back")
    func budget() async {
        let budget = ByteBudget(limit: 100)
        do {
            var intake = intake(budget: budget)
            await intake.take(ByteBuffer(string: "\r\n" + String(repeating: "x", count: 80)))
            #expect(intake.failure == nil && budget.used > 0)
            await intake.take(ByteBuffer(string: String(repeating: "x", count: 80)))
            #expect(intake.failure == .insufficientStorage)
        }
        #expect(budget.used == 0)
    }

    @Test("what was refused before it came is swallowed with that refusal")
    func discarding() async {
        var intake = BodyIntake.discarding(reply: .badSequence)
        await intake.take(ByteBuffer(string: "anything"))
        #expect(intake.failure == .badSequence)
        let content = await intake.finish()
        #expect(content == nil)
    }
}
