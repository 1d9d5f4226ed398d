// SPDX-License-Identifier: Apache-2.0

import NIOCore
import SMTPWire

@testable import SMTPTransport

/// A session without a network: feeds bytes to the framing in given slices and answers like the simplest of servers.
struct FramingDriver {
    /// What came out, in words.
    enum Seen: Equatable {
        case command(String)
        case bad(Int)
        case lineTooLong
        case message([UInt8])
        case chunkEnd
        case authLine([UInt8])
        case authLineTooLong
        case violation(FramingViolation)
        case other
    }

    private var framing: ServerFraming
    private var content: [UInt8] = []
    private(set) var seen: [Seen] = []
    /// Whether DATA is answered 354.
    var acceptsData = true

    init(maxDiscardedLineBytes: Int = 65_536) {
        framing = ServerFraming(maxDiscardedLineBytes: maxDiscardedLineBytes)
    }

    mutating func feed(_ bytes: some Collection<UInt8>) {
        framing.receive(ByteBuffer(bytes: Array(bytes)))
        while let event = framing.next() { take(event) }
    }

    /// Feeds `bytes` cut into pieces of `size`.
    mutating func feed(_ bytes: [UInt8], inPiecesOf size: Int) {
        for start in stride(from: 0, to: bytes.count, by: size) { feed(bytes[start..<min(start + size, bytes.count)]) }
    }

    var messages: [[UInt8]] { seen.compactMap { if case .message(let bytes) = $0 { bytes } else { nil } } }
    var violations: [FramingViolation] {
        seen.compactMap { if case .violation(let violation) = $0 { violation } else { nil } }
    }
    var verbs: [String] { seen.compactMap { if case .command(let verb) = $0 { verb } else { nil } } }
    var unparsedBytes: Int { framing.unparsedBytes }
    var isStopped: Bool { framing.isStopped }

    private mutating func take(_ event: ServerEvent) {
        switch event {
        case .command(let command):
            seen.append(.command(command.verb.description))
            switch command {
            case .data: resume(acceptsData ? .body : .commands)
            case .auth: resume(.authLine)
            case .startTLS: if let event = framing.startTLS() { take(event) }
            default: break
            }
        case .badCommand(let error): seen.append(.bad(error.reply.code))
        case .lineTooLong: seen.append(.lineTooLong)
        case .bodyChunk(let chunk): content += Array(buffer: chunk)
        case .bodyEnd(let last):
            guard last else {
                seen.append(.chunkEnd)
                return
            }
            seen.append(.message(content))
            content = []
            resume(.commands)
        case .authLine(let line):
            seen.append(.authLine(Array(buffer: line)))
            resume(.commands)
        case .authLineTooLong:
            seen.append(.authLineTooLong)
            resume(.commands)
        case .violation(let violation): seen.append(.violation(violation))
        default: seen.append(.other)
        }
    }

    private mutating func resume(_ expected: ExpectedInput) {
        if let event = framing.resume(expected) { take(event) }
    }
}
