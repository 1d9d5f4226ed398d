// SPDX-License-Identifier: Apache-2.0

import Control
import Delivery
import Mail
import Privacy
import Settings
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
                lastReply: entry.lastReply.map { ReplyText.withoutAddresses($0.exposed) },
                replacedBy: entry.replacement?.text
            )
        }
        return .trace(TraceReport(id: id.text, copies: copies))
    }

    func waiting(_ filter: Control.QueueFilter) async throws -> [QueueEntry] {
        let entries = try await entries(filter, limit: filter.limit)
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

    func count(_ filter: Control.QueueFilter) async throws -> ControlResponse {
        let now = time.wall()
        let entries = try await entries(filter, limit: .max)
        let messages = Set(entries.compactMap { $0.copy?.message }).count
        return .count(messages: messages, copies: entries.count, asOf: now.milliseconds)
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

    private func entries(_ filter: Control.QueueFilter, limit: Int) async throws -> [TraceEntry] {
        let states: Set<CopyState>
        switch filter.state {
        case nil, "leased": states = [.ready, .held, .setAside]
        case "ready": states = [.ready]
        case "held": states = [.held]
        case "set-aside": states = [.setAside]
        default:
            throw Refused("\(filter.state ?? "") is no state; the states are ready, held, leased and set-aside.")
        }
        let hops = filter.hop.map { nextHops($0) }
        var latest = filter.arrivedBy.map { WallTime(milliseconds: $0) }
        if let age = filter.olderThan {
            let then = time.wall() + .seconds(-age)
            latest = latest.map { min($0, then) } ?? then
        }
        guard filter.state != nil || latest != nil else {
            return try await data.queue.list(Store.QueueFilter(states: states, nextHops: hops, limit: limit))
        }
        // What is leased is known only in memory, and when a message came only once it is open, so the limit comes after the look.
        let entries = try await data.queue.list(Store.QueueFilter(states: states, nextHops: hops, limit: .max))
        let found = entries.filter { entry in
            (filter.state.map { entry.state.rawValue == $0 } ?? true) && (latest.map { entry.arrival <= $0 } ?? true)
        }
        return Array(found.prefix(limit))
    }

    /// The next hops that an operator means by a domain, a host, `host:port`, `maildir`, or the digits that lists show.
    private func nextHops(_ text: String) -> Set<NextHopHash> {
        let name = text.lowercased()
        let routes = settings.routes.compactMap { route -> String? in
            guard let hop = route.target.nextHop, hop.endpoint.isNamed(name) else { return nil }
            guard let domain = Domain("any.invalid") else { return nil }
            return DeliveryHop(route, for: domain).hint
        }
        let domain = Domain(text).map { DeliveryHop.mx($0).hint }
        let hints = routes + [domain].compactMap { $0 } + (name == "maildir" ? [DeliveryHop.maildir.hint] : [])
        return data.queue.nextHops(named: name).union(hints.map { data.queue.nextHop($0) })
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

    func actOnAll(_ action: QueueAction, _ filter: Control.QueueFilter) async throws -> ControlResponse {
        let copies = try await entries(filter, limit: .max).compactMap(\.copy)
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
            hop: entry.nextHop?.shortText,
            lastReply: entry.lastReply.map { withAddresses ? $0.exposed : ReplyText.codes($0.exposed) },
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

extension Endpoint {
    /// Whether an operator means this by `name`: the host, host and port, or the socket's path.
    fileprivate func isNamed(_ name: String) -> Bool {
        switch self {
        case .tcp(let host, let port):
            let host = host.lowercased()
            return name == host || name == "\(host):\(port)" || name == "[\(host)]:\(port)"
        case .unix(let path): return name == path.lowercased()
        }
    }
}

/// What the other side said, as far as it tells nothing about anybody.
enum ReplyText {
    /// The codes of a reply; a sentence of our own as it is, without words that hold an address.
    static func codes(_ text: String) -> String {
        let words = text.split(separator: " ")
        guard let code = words.first, code.count == 3, code.allSatisfy({ $0.isASCII && $0.isNumber }) else {
            return withoutAddresses(text)
        }
        let enhanced = words.dropFirst().first.flatMap { word in
            let parts = word.split(separator: ".", omittingEmptySubsequences: false)
            return parts.count == 3 && parts.allSatisfy { Int($0) != nil } ? word : nil
        }
        return enhanced.map { "\(code) \($0)" } ?? String(code)
    }

    /// The text with every word that holds an `@` left out.
    static func withoutAddresses(_ text: String) -> String {
        text.split(separator: " ", omittingEmptySubsequences: false)
            .map { $0.contains("@") ? "…" : String($0) }
            .joined(separator: " ")
    }
}
