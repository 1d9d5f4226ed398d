// SPDX-License-Identifier: Apache-2.0

import Mail
import Privacy

/// The inside of a message's row.
struct MessageRecord: Sendable {
    struct Copy: Sendable {
        var recipient: EmailAddress
        var dsn: CopyDSN
        var content: Int
        var protection: String
        var nextHopHint: String
        var initialHold: HoldReason?
        var journey = CopyJourney()
    }

    var id: MessageID
    var envelope: Envelope
    /// Bytes of each content.
    var contentSizes: [Int]
    var copies: [Copy]

    private static let version: UInt8 = 1

    func encoded() -> [UInt8] {
        var writer = RowWriter(version: Self.version)
        writer.text(id.text)
        envelope.write(to: &writer)
        writer.number(contentSizes.count)
        for size in contentSizes { writer.number(size) }
        writer.number(copies.count)
        for copy in copies { copy.write(to: &writer) }
        writer.optional(envelope.filter) { $0.text($1) }
        writer.moment(envelope.released)
        for copy in copies { copy.journey.write(to: &writer) }
        writer.byte(envelope.tls.rawValue)
        return writer.bytes
    }

    init(id: MessageID, envelope: Envelope, contentSizes: [Int], copies: [Copy]) {
        self.id = id
        self.envelope = envelope
        self.contentSizes = contentSizes
        self.copies = copies
    }

    init(decoding bytes: [UInt8]) throws(StoreError) {
        var reader = try RowReader(bytes, version: Self.version)
        guard let id = MessageID(text: try reader.text()) else { throw .damaged }
        self.id = id
        envelope = try Envelope(from: &reader)
        contentSizes = []
        for _ in 0..<(try reader.count()) {
            let size = try reader.number()
            guard size >= 0 else { throw .damaged }
            contentSizes.append(Int(size))
        }
        copies = []
        for _ in 0..<(try reader.count()) {
            let copy = try Copy(from: &reader)
            guard contentSizes.indices.contains(copy.content) else { throw .damaged }
            copies.append(copy)
        }
        // The first builds, before filters and forwards, ended a record here.
        guard !reader.isAtEnd else { return }
        envelope.filter = try reader.optional { reader throws(StoreError) in try reader.text() }
        envelope.released = try reader.moment()
        for index in copies.indices { copies[index].journey = try CopyJourney(from: &reader) }
        // Records from before REQUIRETLS end here.
        guard !reader.isAtEnd else { return }
        guard let tls = Envelope.TLSWish(rawValue: try reader.byte()) else { throw .damaged }
        envelope.tls = tls
        guard reader.isAtEnd else { throw .damaged }
    }
}

extension CopyJourney {
    fileprivate func write(to writer: inout RowWriter) {
        writer.optional(written) { $1.write(to: &$0) }
        writer.flag(isForward)
        writer.flag(wantsReceipt)
    }

    fileprivate init(from reader: inout RowReader) throws(StoreError) {
        self.init(
            written: try reader.optional { reader throws(StoreError) in try EmailAddress(from: &reader) },
            isForward: try reader.flag(),
            wantsReceipt: try reader.flag()
        )
    }
}

extension MessageRecord.Copy {
    fileprivate func write(to writer: inout RowWriter) {
        recipient.write(to: &writer)
        writer.optional(dsn.notify) { $0.byte($1.rawValue) }
        writer.optional(dsn.originalRecipient) {
            $0.text($1.addressType)
            $0.text($1.address)
        }
        writer.number(content)
        writer.text(protection)
        writer.text(nextHopHint)
        writer.byte(initialHold?.rawValue ?? 0)
    }

    fileprivate init(from reader: inout RowReader) throws(StoreError) {
        recipient = try EmailAddress(from: &reader)
        let notify = try reader.optional { reader throws(StoreError) in try reader.byte() }
        let original = try reader.optional { reader throws(StoreError) in
            let type = try reader.text()
            guard let original = OriginalRecipient(addressType: type, address: try reader.text()) else {
                throw .damaged
            }
            return original
        }
        dsn = CopyDSN(notify: notify.map { Notify(rawValue: $0) }, originalRecipient: original)
        content = Int(truncatingIfNeeded: try reader.number())
        protection = try reader.text()
        nextHopHint = try reader.text()
        initialHold = HoldReason(rawValue: try reader.byte())
    }
}

extension Envelope {
    fileprivate func write(to writer: inout RowWriter) {
        writer.optional(reversePath.address) { $1.write(to: &$0) }
        writer.byte(origin.rawValue)
        writer.number(arrival.milliseconds)
        writer.text(protocolName)
        writer.optional(envelopeID) { $0.text($1) }
        writer.optional(returnContent) { $0.byte($1.rawValue) }
        writer.flag(smtpUTF8)
        writer.flag(body8Bit)
    }

    fileprivate init(from reader: inout RowReader) throws(StoreError) {
        let sender = try reader.optional { reader throws(StoreError) in try EmailAddress(from: &reader) }
        guard let origin = Origin(rawValue: try reader.byte()) else { throw .damaged }
        self.init(
            reversePath: sender.map { .address($0) } ?? .null,
            origin: origin,
            arrival: WallTime(milliseconds: try reader.number()),
            protocolName: try reader.text()
        )
        envelopeID = try reader.optional { reader throws(StoreError) in try reader.text() }
        returnContent = try reader.optional { reader throws(StoreError) in try reader.byte() }.flatMap {
            Return(rawValue: $0)
        }
        smtpUTF8 = try reader.flag()
        body8Bit = try reader.flag()
    }
}

extension EmailAddress {
    fileprivate func write(to writer: inout RowWriter) {
        writer.text(localPart)
        writer.text(domain.wire)
    }

    fileprivate init(from reader: inout RowReader) throws(StoreError) {
        let localPart = try reader.text()
        guard let domain = Domain(try reader.text()), let address = EmailAddress(localPart: localPart, domain: domain)
        else {
            throw .damaged
        }
        self = address
    }
}

/// The inside of a copy's progress row: what changes while the copy waits.
struct CopyProgress: Sendable, Equatable {
    var attempts = 0
    var firstFailure: WallTime?
    var delayWarned = false
    var lastReply: String?
    var hold: HoldReason?
    /// When an operator let the copy go.
    var released: WallTime?

    /// Version 2 has at its end when the copy was released.
    private static let versions: ClosedRange<UInt8> = 1...2
    /// More of a peer's reply is not kept.
    static let longestReply = 2048

    func encoded() -> [UInt8] {
        var writer = RowWriter(version: Self.versions.upperBound)
        writer.number(attempts)
        writer.moment(firstFailure)
        writer.flag(delayWarned)
        writer.optional(lastReply) { $0.text(String($1.prefix(Self.longestReply))) }
        writer.byte(hold?.rawValue ?? 0)
        writer.moment(released)
        return writer.bytes
    }

    init(
        attempts: Int = 0,
        firstFailure: WallTime? = nil,
        delayWarned: Bool = false,
        lastReply: String? = nil,
        hold: HoldReason? = nil,
        released: WallTime? = nil
    ) {
        self.attempts = attempts
        self.firstFailure = firstFailure
        self.delayWarned = delayWarned
        self.lastReply = lastReply
        self.hold = hold
        self.released = released
    }

    init(decoding bytes: [UInt8]) throws(StoreError) {
        var reader = try RowReader(bytes, versions: Self.versions)
        attempts = Int(truncatingIfNeeded: try reader.number())
        firstFailure = try reader.moment()
        delayWarned = try reader.flag()
        lastReply = try reader.optional { reader throws(StoreError) in try reader.text() }
        hold = HoldReason(rawValue: try reader.byte())
        if reader.version >= 2 { released = try reader.moment() }
    }
}

extension RowWriter {
    fileprivate mutating func moment(_ value: WallTime?) { optional(value) { $0.number($1.milliseconds) } }
}

extension RowReader {
    fileprivate mutating func moment() throws(StoreError) -> WallTime? {
        try optional { reader throws(StoreError) in try reader.number() }.map { WallTime(milliseconds: $0) }
    }
}

/// Where a sealed part belongs: table and column, row numbers, and for chunks index and end.
///
/// The associated data.
enum SealContext {
    static func message(_ number: Int64) -> [UInt8] { make("queue.messages.sealed", number) }
    static func progress(_ row: CopyRow) -> [UInt8] { make("queue.progress.sealed", row.number) }
    static func epoch(_ number: Int64) -> [UInt8] { make("queue.epochs.sealed", number) }
    static func record(_ kind: String) -> [UInt8] { make("keys.records." + kind, 0) }

    static func chunk(content: Int64, index: Int, isLast: Bool) -> [UInt8] {
        make("queue.chunks.data", ChunkRow.number(content: content, index: index)) + [isLast ? 1 : 0]
    }

    private static func make(_ column: String, _ row: Int64) -> [UInt8] {
        var context = Array(column.utf8)
        context.append(0)
        var rest = UInt64(bitPattern: row)
        for _ in 0..<8 {
            context.append(UInt8(truncatingIfNeeded: rest))
            rest >>= 8
        }
        return context
    }
}
