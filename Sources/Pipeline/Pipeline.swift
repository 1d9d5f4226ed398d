// SPDX-License-Identifier: Apache-2.0

package import Accounts
package import DNSResolver
package import Keyring
package import Mail
package import OpenPGP
package import Privacy
package import Settings
package import Store
package import Vault

/// What every message goes through, whichever way it came in: admit → scrub → protect → enqueue.
package struct Pipeline: Sendable {
    let settings: PosternSettings
    let queue: QueueStore
    let accounts: Accounts
    let worker: WorkerClient
    let time: Time
    let log: Log
    let rules: ProtectionRules
    let aliases: AliasExpansion
    let dmarc: DMARCLookup
    let marks: ForwardMarks
    /// Return paths of forwarded mail.
    package let rewriting: SenderRewriting
    /// A word that groups copies for the same next hop; nil when no route leads there.
    let nextHopHint: @Sendable (EmailAddress) -> String?
    /// Nil where reports about us come to no address of ours.
    let tlsReports: (any TLSReportTaking)?

    private let admission: Admission
    private let preparation: HeaderPreparation
    package let reports: ReportComposer

    package init(
        settings: PosternSettings,
        queue: QueueStore,
        records: RecordStore,
        accounts: Accounts,
        keyring: Keyring,
        vault: Vault,
        worker: WorkerClient,
        resolver: any DNSResolving,
        time: Time,
        log: Log,
        tlsReports: (any TLSReportTaking)? = nil,
        nextHopHint: @escaping @Sendable (EmailAddress) -> String?
    ) {
        self.settings = settings
        self.queue = queue
        self.accounts = accounts
        self.worker = worker
        self.time = time
        self.log = log
        self.nextHopHint = nextHopHint
        self.tlsReports = tlsReports
        rules = ProtectionRules(settings: settings, keyring: keyring)
        dmarc = DMARCLookup(resolver: resolver)
        marks = ForwardMarks(vault: vault)
        rewriting = SenderRewriting(settings: settings, vault: vault, records: records, time: time)
        aliases = AliasExpansion(settings: settings, accounts: accounts, rewriting: rewriting)
        admission = Admission(settings: settings, accounts: accounts, vault: vault)
        preparation = HeaderPreparation(settings: settings, vault: vault, time: time)
        reports = ReportComposer(settings: settings, rules: rules, worker: worker, time: time, nextHopHint: nextHopHint)
    }

    /// A longer body is worked on off the caller's event loop.
    private static let shortBody = 64 << 10

    /// Takes a message, or says why not.
    ///
    /// Returns `accepted` only when every copy is durable.
    ///
    /// Runs where its caller runs, because a change of threads costs more than a short message does. What takes long, a
    /// long body or an encryption, leaves the event loop to the other sessions.
    package func accept(_ message: IncomingMessage) async -> Acceptance {
        guard message.body.count > Self.shortBody else { return await take(message) }
        return await withTaskExecutorPreference(globalConcurrentExecutor) { await take(message) }
    }

    private func take(_ message: IncomingMessage) async -> Acceptance {
        do {
            let prepared = try await prepared(message)
            try await enqueue(prepared)
            return .accepted(prepared.summary)
        } catch {
            return .refused(refusal(for: error, of: message))
        }
    }

    /// Everything but the queue: the copies, ready to be handed on while the client waits.
    @concurrent
    package func prepare(_ message: IncomingMessage) async -> Result<PreparedMessage, Refusal> {
        do {
            return .success(try await prepared(message))
        } catch {
            return .failure(refusal(for: error, of: message))
        }
    }

    private func prepared(_ message: IncomingMessage) async throws -> PreparedMessage {
        if let refusal = admission.refusal(
            for: message.header,
            hasEmptyLine: message.hasEmptyLine,
            origin: message.origin,
            filter: message.filter
        ) {
            throw refusal
        }
        let message = try await takingReport(from: message)
        let header = preparation.prepared(message)
        let plan = try await plan(message, header: header)
        try refuse(plan, of: message)
        return try await compose(plan, of: message, header: header)
    }

    private func refusal(for error: any Error, of message: IncomingMessage) -> Refusal {
        switch error {
        case let refusal as Refusal: return refusal
        case StoreError.full: return .storeFull
        case StoreError.tooLarge: return .expandsTooFar
        default:
            log.error("a message could not be taken", .id("id", message.id))
            return .unavailable
        }
    }

    /// `enqueue`: the message and the reports about it become durable together.
    private func enqueue(_ prepared: PreparedMessage) async throws {
        if prepared.reports.isEmpty, !prepared.message.copies.isEmpty {
            return try await queue.enqueue(prepared.message)
        }
        let message = prepared.message.copies.isEmpty ? [] : [prepared.message]
        // All of it was taken on the way.
        if message.isEmpty, prepared.reports.isEmpty { return }
        try await queue.settle([], alsoEnqueue: message + prepared.reports)
    }
}
