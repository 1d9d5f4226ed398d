// SPDX-License-Identifier: Apache-2.0

package import Accounts
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
    /// A word that groups copies for the same next hop; nil when no route leads there.
    let nextHopHint: @Sendable (EmailAddress) -> String?

    private let admission: Admission
    private let preparation: HeaderPreparation
    package let reports: ReportComposer

    package init(
        settings: PosternSettings,
        queue: QueueStore,
        accounts: Accounts,
        keyring: Keyring,
        vault: Vault,
        worker: WorkerClient,
        time: Time,
        log: Log,
        nextHopHint: @escaping @Sendable (EmailAddress) -> String?
    ) {
        self.settings = settings
        self.queue = queue
        self.accounts = accounts
        self.worker = worker
        self.time = time
        self.log = log
        self.nextHopHint = nextHopHint
        rules = ProtectionRules(settings: settings, keyring: keyring)
        aliases = AliasExpansion(settings: settings, accounts: accounts)
        admission = Admission(settings: settings, accounts: accounts)
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
            if let refusal = admission.refusal(
                for: message.header,
                hasEmptyLine: message.hasEmptyLine,
                origin: message.origin
            ) {
                return .refused(refusal)
            }
            let header = preparation.prepared(message)
            let plan = try await plan(message, header: header)
            try refuse(plan, of: message)
            let prepared = try await compose(plan, of: message, header: header)
            try await enqueue(prepared)
            return .accepted(prepared.summary)
        } catch let refusal as Refusal {
            return .refused(refusal)
        } catch StoreError.full {
            return .refused(.storeFull)
        } catch StoreError.tooLarge {
            return .refused(.expandsTooFar)
        } catch {
            log.error("a message could not be taken", .id("id", message.id))
            return .refused(.unavailable)
        }
    }

    /// `enqueue`: the message and the reports about it become durable together.
    private func enqueue(_ prepared: PreparedMessage) async throws {
        if prepared.reports.isEmpty, !prepared.message.copies.isEmpty {
            return try await queue.enqueue(prepared.message)
        }
        let message = prepared.message.copies.isEmpty ? [] : [prepared.message]
        try await queue.settle([], alsoEnqueue: message + prepared.reports)
    }
}
