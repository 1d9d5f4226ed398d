// SPDX-License-Identifier: Apache-2.0

import Dispatch

/// Resolves and validates through libunbound, with its own cache; never asks the system's resolver.
///
/// libunbound works in a thread of its own; its answers are fetched on a serial queue when its pipe becomes readable.
/// No call blocks the caller's thread.
package final class UnboundResolver: DNSResolving {
    private let context: UnboundContext
    private let queue = DispatchQueue(label: "postern.dns")
    private let answers: AnswerSource
    private let timeout: Duration

    package init(_ options: ResolverOptions = ResolverOptions()) throws(ResolverError) {
        let context = try UnboundContext(options)
        self.context = context
        self.timeout = options.timeout
        self.answers = AnswerSource(context: context, queue: queue)
    }

    deinit { answers.stop() }

    package func resolve(_ name: String, _ type: RecordType) async -> DNSAnswer {
        guard !name.isEmpty, name.utf8.count <= 1024, !name.utf8.contains(0) else { return .failed }
        let ticket = PendingQueries.all.newTicket()
        return await withTaskCancellationHandler {
            await withCheckedContinuation { continuation in
                PendingQueries.all.add(ticket, continuation)
                // A task that was cancelled before the ticket was known has already run its handler in vain.
                if Task.isCancelled { abandon(ticket) } else { ask(name, type, ticket) }
            }
        } onCancel: {
            abandon(ticket)
        }
    }

    private func ask(_ name: String, _ type: RecordType, _ ticket: UInt) {
        guard let id = context.ask(name, type, ticket: ticket) else {
            PendingQueries.all.finish(ticket, .failed)
            return
        }
        PendingQueries.all.setAsyncID(ticket, id)
        let parts = timeout.components
        let nanoseconds = Double(parts.seconds) * 1e9 + Double(parts.attoseconds) / 1e9
        queue.asyncAfter(deadline: .now() + .nanoseconds(Int(min(nanoseconds, 1e17)))) { [weak self] in
            self?.abandon(ticket)
        }
    }

    private func abandon(_ ticket: UInt) {
        guard let id = PendingQueries.all.finish(ticket, .failed) else { return }
        context.cancel(id)
    }
}

/// Watches a context's pipe; deletes the context when stopped.
private final class AnswerSource: @unchecked Sendable {
    // @unchecked: set once, and a dispatch source may be cancelled from any thread.
    private let source: any DispatchSourceRead

    init(context: UnboundContext, queue: DispatchQueue) {
        source = DispatchSource.makeReadSource(fileDescriptor: context.descriptor, queue: queue)
        source.setEventHandler { context.process() }
        // On the queue, after the last event: only then is nobody inside the context.
        source.setCancelHandler { context.delete() }
        source.activate()
    }

    func stop() { source.cancel() }
}
