// SPDX-License-Identifier: Apache-2.0

import Keyring
import Mail
import OpenPGP
import Privacy
import Settings
import Store

/// Makes the bytes of one message's copies: the clear ones share one content, each encrypted one has its own.
struct CopyComposer {
    /// Bodies up to this size are encrypted in memory; larger ones stream into the store.
    static let inMemoryLimit = 1 << 20
    /// What one message's copies may take in memory together; the rest of them stream.
    static let inMemoryTotal = 8 << 20

    let header: HeaderSection
    let body: any ByteSource
    /// False for a message that is all header: it gets no empty line for being relayed.
    let hasEmptyLine: Bool
    /// Decides which keys are live.
    let now: WallTime
    let gatewayLabel: Bool
    let worker: WorkerClient
    /// Marks what is sent on; nil for bytes that have their mark.
    let marks: ForwardMarks?

    /// A message that stands around another one.
    struct Wrapping {
        let header: HeaderSection
        let body: any ByteSource
    }

    private(set) var contents: [NewContent] = []
    private var clearIndices: [EmailAddress?: Int] = [:]
    private var bytesInMemory = 0

    init(
        header: HeaderSection,
        body: any ByteSource,
        hasEmptyLine: Bool,
        now: WallTime,
        gatewayLabel: Bool,
        worker: WorkerClient,
        marks: ForwardMarks? = nil
    ) {
        self.header = header
        self.body = body
        self.hasEmptyLine = hasEmptyLine
        self.now = now
        self.gatewayLabel = gatewayLabel
        self.worker = worker
        self.marks = marks
    }

    /// The index of the content that goes out as it came; `forwarder` is who sends it on.
    mutating func clear(forwarder: EmailAddress? = nil) async throws -> Int {
        if let index = clearIndices[forwarder] { return index }
        let head = MemorySource(header(from: forwarder).bytes + (hasEmptyLine ? Array("\r\n".utf8) : []))
        let whole = ConcatenatedSource([head, body])
        let index = contents.count
        if whole.count <= Self.inMemoryLimit {
            contents.append(.bytes(try await SourceProducer(whole).collected()))
        } else {
            contents.append(.source(whole))
        }
        clearIndices[forwarder] = index
        return index
    }

    private func header(from forwarder: EmailAddress?) -> HeaderSection {
        guard let forwarder, let marks else { return header }
        return marks.marked(header, by: forwarder)
    }

    /// The index of a content encrypted to one recipient's keys.
    mutating func encrypted(
        to keys: KeyFinding.Usable,
        effective: ProtectionSettings.Effective,
        outline: MIMEOutline,
        forwarder: EmailAddress? = nil
    ) async throws -> Int {
        let message = Wrapping(header: header(from: forwarder), body: body)
        return try await encrypt(message, to: keys, effective: effective, outline: outline)
    }

    /// The same for a message around this one.
    mutating func encrypted(
        _ message: Wrapping,
        to keys: KeyFinding.Usable,
        effective: ProtectionSettings.Effective
    ) async throws -> Int {
        try await encrypt(message, to: keys, effective: effective, outline: MIMEOutline())
    }

    private mutating func encrypt(
        _ message: Wrapping,
        to keys: KeyFinding.Usable,
        effective: ProtectionSettings.Effective,
        outline: MIMEOutline
    ) async throws -> Int {
        let options = ProtectionOptions(
            headerProtection: effective.headerProtection,
            wrapSigned: effective.wrapSigned,
            gatewayLabel: gatewayLabel
        )
        let layout = PGPMIME.layout(
            header: message.header,
            outline: outline,
            options: options,
            boundary: Boundary.random(),
            innerBoundary: Boundary.random()
        )
        let cipher = try Encryption.producer(
            for: keys,
            at: now,
            plaintext: layout.plaintext(of: message.body),
            worker: worker
        )
        let producer = AssembledProducer(prefix: layout.outerPrefix, middle: cipher, suffix: layout.outerSuffix)
        if body.count <= Self.inMemoryLimit, bytesInMemory < Self.inMemoryTotal {
            let bytes = try await producer.collected()
            bytesInMemory += bytes.count
            contents.append(.bytes(bytes))
        } else {
            contents.append(.producer(producer))
        }
        return contents.count - 1
    }

    /// About what a copy of this body will come to: armor adds 4/3 and line ends.
    static func expandedSize(of bodyCount: Int) -> Int {
        bodyCount + bodyCount / 2 + 65_536
    }
}
