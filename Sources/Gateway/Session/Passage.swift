// SPDX-License-Identifier: Apache-2.0

import ChannelPolicy
import Delivery
import Mail
import Pipeline
import Privacy
import SMTPWire
import Settings
import Store

/// Hands a stranger's message on to an inbound filter's next hop while the client waits for the answer.
///
/// The `250` says that the next hop has the message, and a refusal of the next hop reaches the client in its session, so
/// that nobody gets a report about mail that was never sent.
struct Passage: Sendable {
    let delivery: MailDelivery
    let queue: QueueStore
    /// Where a large copy waits, sealed, while it is sent.
    let spoolDirectory: String
    let bodyMemory: ByteBudget
    let time: Time

    /// Shorter than the 100 seconds that Postfix gives a proxy filter: then it still hears our answer.
    static let patience = Duration.seconds(90)

    /// Some copies of one content.
    fileprivate struct Group: Sendable {
        let copies: [Int]
        let content: any ByteSource
        let delivery: DeliveryGroup
    }

    /// What came of it.
    struct Result {
        /// One for each copy.
        var outcomes: [DeliveryOutcome]
        fileprivate let groups: [Group]
    }

    /// One attempt for every copy.
    @concurrent
    func attempt(_ message: NewMessage, by filter: FilterSettings, client: ForwardedClient?) async throws -> Result {
        let groups = try await groups(of: message, by: filter, client: client)
        let results = await withTaskGroup(of: [(Int, DeliveryOutcome)]?.self) { tasks in
            for group in groups {
                tasks.addTask {
                    let results = await delivery.deliver(group.delivery)
                    return results.map { (group.copies[$0.index], $0.outcome) }
                }
            }
            tasks.addTask {
                try? await time.sleep(for: Self.patience)
                return nil
            }
            var found: [(Int, DeliveryOutcome)] = []
            var open = groups.count
            // The clock's own end cancels the rest, which then says that it was deferred.
            while open > 0, let next = await tasks.next() {
                guard let next else {
                    tasks.cancelAll()
                    continue
                }
                found += next
                open -= 1
            }
            tasks.cancelAll()
            return found
        }
        var outcomes = [DeliveryOutcome](
            repeating: .deferred(.init(.systemOther, .cancelled)),
            count: message.copies.count
        )
        for (copy, outcome) in results { outcomes[copy] = outcome }
        return Result(outcomes: outcomes, groups: groups)
    }

    /// Queues the copies that the next hop has not taken, because it has taken others and the client knows one answer only.
    func keepRest(of message: NewMessage, after result: Result) async throws {
        var contents: [NewContent] = []
        var copies: [NewCopy] = []
        for group in result.groups {
            let rest = group.copies.filter { !result.outcomes[$0].isDelivered }
            guard !rest.isEmpty else { continue }
            for index in rest {
                var copy = message.copies[index]
                copy.content = contents.count
                copies.append(copy)
            }
            contents.append(.source(group.content))
        }
        try await queue.enqueue(
            NewMessage(id: message.id, envelope: message.envelope, contents: contents, copies: copies)
        )
    }

    private func groups(
        of message: NewMessage,
        by filter: FilterSettings,
        client: ForwardedClient?
    ) async throws -> [Group] {
        var groups: [Group] = []
        for (index, content) in message.contents.enumerated() {
            let copies = message.copies.indices.filter { message.copies[$0].content == index }
            guard let first = copies.first else { continue }
            let source = try await source(content)
            let envelope = message.envelope
            var group = DeliveryGroup(
                hop: DeliveryHop(filter),
                reversePath: envelope.reversePath,
                recipients: copies.map { copy in
                    let copy = message.copies[copy]
                    return .init(copy.recipient, notify: copy.dsn.notify, orcpt: copy.dsn.originalRecipient)
                },
                content: source,
                needs: try await ContentNeeds(
                    of: source,
                    protection: message.copies[first].protection,
                    envelope: envelope
                ),
                envid: envelope.envelopeID,
                ret: envelope.returnContent.map { $0 == .full ? .full : .headers },
                client: client
            )
            group.wish = TLSWish(envelope)
            groups.append(Group(copies: copies, content: source, delivery: group))
        }
        return groups
    }

    /// The content's bytes, as often as they are wanted.
    private func source(_ content: NewContent) async throws -> any ByteSource {
        switch content {
        case .bytes(let bytes): return MemorySource(bytes)
        case .source(let source): return source
        case .producer(var producer):
            let spool = BodySpool(directory: spoolDirectory, budget: bodyMemory)
            while let chunk = try await producer.next() { try await spool.append(chunk) }
            return try await spool.finish()
        }
    }
}

extension DeliveryOutcome {
    var isDelivered: Bool { if case .delivered = self { true } else { false } }
}
