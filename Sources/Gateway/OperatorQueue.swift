// SPDX-License-Identifier: Apache-2.0

import Control
import Mail
import Privacy
import Store

extension Operator {
    /// Ten years: what an operator holds waits for the operator.
    private static let holdByHand = Duration.seconds(3650 * 86_400)
    /// How much of a discarded message is shown.
    private static let readableBytes = 256 << 10
    /// Changes at once, so that many of them share one commit.
    private static let changesAtOnce = 64

    // MARK: - Looking

    func trace(_ text: String) async throws -> ControlResponse {
        let id = try Self.messageID(text)
        let entries = try await data.queue.trace(id)
        guard !entries.isEmpty else {
            throw Refused(
                "No message with the id \(id.text) waits here, and none left in the last day since the gateway's start."
            )
        }
        let copies = entries.map { entry in
            TraceReport.Copy(
                number: entry.copy?.index ?? 0,
                state: entry.state.rawValue,
                protection: entry.protection,
                attempts: entry.attempts,
                nextTry: entry.state == .ready ? entry.due.map { Int($0.seconds) } : nil,
                lastReply: entry.lastReply?.exposed
            )
        }
        return .trace(TraceReport(id: id.text, copies: copies))
    }

    func waiting(_ filter: Control.QueueFilter) async throws -> [QueueEntry] {
        let entries = try await entries(in: filter.state, limit: filter.limit)
        return entries.map { Self.entry($0, withAddresses: filter.withAddresses) }
    }

    func show(_ text: String, withAddresses: Bool) async throws -> ControlResponse {
        let (id, copy) = try Self.selection(text)
        let entries = try await data.queue.trace(id).filter {
            Self.isWaiting($0) && (copy == nil || $0.copy?.index == copy)
        }
        guard !entries.isEmpty else {
            throw Refused("No message with the id \(text) waits; `postern queue list` shows all.")
        }
        return .queue(entries.map { Self.entry($0, withAddresses: withAddresses) })
    }

    func count(_ state: String?) async throws -> ControlResponse {
        let entries = try await entries(in: state, limit: .max)
        return .count(messages: Set(entries.compactMap { $0.copy?.message }).count, copies: entries.count)
    }

    func discarded() async throws -> ControlResponse {
        let entries = try await data.queue.list(Store.QueueFilter(states: [.discarded]))
        return .discarded(
            entries.map { entry in
                DiscardedEntry(
                    id: Self.name(entry),
                    arrived: Int(entry.arrival.seconds),
                    gone: entry.due.map { Int($0.seconds) },
                    reason: entry.lastReply?.exposed ?? "",
                    bytes: entry.size
                )
            }
        )
    }

    func readDiscarded(_ text: String) async throws -> ControlResponse {
        let (id, copy) = try Self.selection(text)
        guard let leased = try await data.queue.peek(CopyID(message: id, index: copy ?? 0)),
            try await data.queue.trace(id).contains(where: { $0.copy == leased.id && $0.state == .discarded })
        else { throw Refused("No discarded message has the id \(text); `postern queue discarded` lists them.") }
        let content = data.queue.content(of: leased)
        var bytes: [UInt8] = []
        while bytes.count < Self.readableBytes {
            let chunk = try await content.read(at: bytes.count, maxCount: Self.readableBytes - bytes.count)
            if chunk.isEmpty { break }
            bytes += chunk
        }
        return .exported(String(decoding: bytes, as: UTF8.self))
    }

    private func entries(in state: String?, limit: Int) async throws -> [TraceEntry] {
        let states: Set<CopyState>
        switch state {
        case nil, "leased": states = [.ready, .held, .setAside]
        case "ready": states = [.ready]
        case "held": states = [.held]
        case "set-aside": states = [.setAside]
        default: throw Refused("\(state ?? "") is no state; the states are ready, held, leased and set-aside.")
        }
        guard let state else { return try await data.queue.list(Store.QueueFilter(states: states, limit: limit)) }
        // What is leased is known only in memory, so the limit comes after the look.
        let entries = try await data.queue.list(Store.QueueFilter(states: states, limit: .max))
        return Array(entries.filter { $0.state.rawValue == state }.prefix(limit))
    }

    // MARK: - Acting

    func act(_ action: QueueAction, _ ids: [String]) async throws -> ControlResponse {
        var changed = 0
        for text in ids {
            let (id, copy) = try Self.selection(text)
            let count = try await perform(action, id, copy)
            guard count > 0 else {
                let done =
                    changed == 0
                    ? "Nothing was changed." : "\(Self.copies(changed)) before it: \(Self.participle(action))."
                throw Refused(
                    "No copy of \(text) waits that this can be done to (what is on its way is left alone). \(done)"
                )
            }
            changed += count
        }
        await live?.wakeQueue()
        return .done("\(Self.copies(changed)) \(Self.participle(action)).")
    }

    func actOnAll(_ action: QueueAction, _ state: String?) async throws -> ControlResponse {
        let copies = try await entries(in: state, limit: .max).compactMap(\.copy)
        var changed = 0
        try await withThrowingTaskGroup(of: Int.self) { group in
            for (position, copy) in copies.enumerated() {
                if position >= Self.changesAtOnce { changed += try await group.next() ?? 0 }
                group.addTask { try await perform(action, copy.message, copy.index) }
            }
            for try await count in group { changed += count }
        }
        await live?.wakeQueue()
        return .done("\(Self.copies(changed)) \(Self.participle(action)).")
    }

    private func perform(_ action: QueueAction, _ id: MessageID, _ copy: Int?) async throws -> Int {
        switch action {
        case .retry: try await data.queue.retryNow(id, copy: copy)
        case .hold: try await hold(id, copy)
        case .release: try await data.queue.release(id, copy: copy)
        case .drop: try await data.queue.drop(id, copy: copy)
        }
    }

    /// Only what is ready: a copy that waits for a key already must not forget what it waits for.
    private func hold(_ id: MessageID, _ copy: Int?) async throws -> Int {
        var count = 0
        for entry in try await data.queue.trace(id) where entry.state == .ready {
            guard let index = entry.copy?.index, copy == nil || copy == index else { continue }
            count += try await data.queue.hold(id, copy: index, until: time.wall() + Self.holdByHand)
        }
        return count
    }

    // MARK: - Words

    private static func entry(_ entry: TraceEntry, withAddresses: Bool) -> QueueEntry {
        QueueEntry(
            id: entry.copy?.message.text ?? "unreadable",
            copy: entry.copy?.index ?? 0,
            state: entry.state.rawValue,
            protection: entry.protection,
            arrived: Int(entry.arrival.seconds),
            attempts: entry.attempts,
            nextTry: entry.state == .ready ? entry.due.map { Int($0.seconds) } : nil,
            lastReply: entry.lastReply?.exposed,
            sender: withAddresses ? entry.sender?.exposed : nil,
            recipient: withAddresses ? entry.recipient?.exposed : nil
        )
    }

    private static func isWaiting(_ entry: TraceEntry) -> Bool {
        [.ready, .leased, .held, .setAside].contains(entry.state)
    }

    private static func name(_ entry: TraceEntry) -> String {
        entry.copy.map { "\($0.message.text)/\($0.index)" } ?? "unreadable"
    }

    private static func copies(_ number: Int) -> String { number == 1 ? "1 copy is" : "\(number) copies are" }

    private static func participle(_ action: QueueAction) -> String {
        switch action {
        case .retry: "tried now"
        case .hold: "held until released"
        case .release: "released"
        case .drop: "dropped"
        }
    }

    private static func messageID(_ text: String) throws(Refused) -> MessageID {
        if let id = MessageID(text: text) { return id }
        throw Refused("\(text) is no message id; it has 16 letters and digits, as in the 250 that the sender got.")
    }

    /// The parts of `id` or `id/number`.
    private static func selection(_ text: String) throws(Refused) -> (MessageID, Int?) {
        guard let slash = text.firstIndex(of: "/") else { return (try messageID(text), nil) }
        guard let copy = Int(text[text.index(after: slash)...]), copy >= 0 else {
            throw Refused("\(text) names no copy; write the id, a slash and the copy's number.")
        }
        return (try messageID(String(text[..<slash])), copy)
    }
}
