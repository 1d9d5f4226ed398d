// SPDX-License-Identifier: Apache-2.0

import ChannelPolicy
import Delivery
import Mail
import Pipeline
import Privacy
import SMTPWire
import Store

extension Dispatcher {
    /// Copies of one content for one next hop as one delivery; nil when no route leads there any more.
    func deliveryGroup(_ copies: [LeasedCopy], content: any ByteSource) async throws -> DeliveryGroup? {
        guard let first = copies.first, let hop = hop(of: first) else { return nil }
        let envelope = first.envelope
        var group = DeliveryGroup(
            hop: hop,
            reversePath: try await reversePath(of: first),
            recipients: copies.map {
                DeliveryGroup.Recipient($0.recipient, notify: $0.dsn.notify, orcpt: $0.dsn.originalRecipient)
            },
            content: content,
            needs: try await ContentNeeds(of: content, protection: first.protection, envelope: envelope),
            envid: envelope.envelopeID,
            ret: envelope.returnContent.map { $0 == .full ? .full : .headers }
        )
        group.wish = TLSWish(envelope)
        let now = time.wall()
        group.isLastTry = copies.contains { schedule.isExpired(arrival: $0.triedSince, now: now) }
        return group
    }

    private func hop(of copy: LeasedCopy) -> DeliveryHop? {
        guard let filter = copy.envelope.filter else { return routes.hop(for: copy.recipient.domain) }
        return routes.hop(ofFilter: filter)
    }

    /// What is sent on for an address of ours leaves with a return path of ours.
    private func reversePath(of copy: LeasedCopy) async throws -> ReversePath {
        guard let forwarder = copy.journey.forwarder else { return copy.envelope.reversePath }
        return try await pipeline.rewriting.reversePath(for: copy.envelope.reversePath, forwarder: forwarder)
    }
}

extension TLSWish {
    /// What the message says about TLS; only our own users may set recipients' policies aside.
    init(_ envelope: Envelope) {
        self =
            switch envelope.tls {
            case .none: .none
            case .required: .required(isReport: envelope.reversePath == .null)
            case .optional: .optional(fromOurUser: envelope.origin == .ours)
            }
    }
}

extension ContentNeeds {
    /// What was encrypted here is ASCII; the rest is as it came.
    init(of content: any ByteSource, protection: String, envelope: Envelope) async throws {
        self.init()
        has8BitBody = envelope.body8Bit && protection != Dispatcher.encryptedWord
        if envelope.smtpUTF8 { hasUTF8Header = try await Self.hasUTF8Header(content) }
    }

    /// Whether the header section holds a byte that is not ASCII; a section of unheard-of length counts as one that does.
    private static func hasUTF8Header(_ content: any ByteSource) async throws -> Bool {
        var splitter = HeaderSplitter(limit: 1 << 20)
        var offset = 0
        while offset < content.count {
            let part = try await content.read(at: offset, maxCount: 65_536)
            offset += part.count
            switch splitter.consume(part[...]) {
            case .incomplete where !part.isEmpty: continue
            case .tooLarge: return true
            default: return splitter.header.contains { $0 >= 0x80 }
            }
        }
        return splitter.header.contains { $0 >= 0x80 }
    }
}
