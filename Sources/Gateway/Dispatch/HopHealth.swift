// SPDX-License-Identifier: Apache-2.0

import Control
import Delivery
import Privacy
import Store
import Synchronization

/// Which next hops can't be reached, since when and why; in memory only.
///
/// A next hop that answers is not in trouble, whatever it says about a recipient.
final class HopHealth: Sendable {
    private struct Trouble {
        let hint: Sensitive<String>
        let since: BootTime
        var cause: FaultCause
        var tries: Int
    }

    private static let mostHops = 10_000
    private let troubles = Mutex<[NextHopHash: Trouble]>([:])
    private let time: Time

    init(time: Time) { self.time = time }

    /// Takes the outcome of one copy's delivery.
    func note(_ outcome: DeliveryOutcome, of copy: LeasedCopy) {
        switch outcome {
        case .delivered: clear(copy.nextHop)
        case .deferred(let fault), .failed(let fault):
            if fault.cause.isOfHop {
                add(fault.cause, copy)
            } else if fault.reply != nil {
                clear(copy.nextHop)
            }
        }
    }

    /// Forgets next hops that nothing waits for any more.
    func forget(where isGone: (NextHopHash) -> Bool) {
        let known = troubles.withLock { Array($0.keys) }
        let gone = known.filter(isGone)
        troubles.withLock { troubles in for hop in gone { troubles[hop] = nil } }
    }

    /// Those in trouble, longest first.
    func report(withNames: Bool) -> [StatusReport.TroubledHop] {
        let now = time.boot()
        let sorted = troubles.withLock { troubles in
            troubles.sorted { ($0.value.since, $0.key.shortText) < ($1.value.since, $1.key.shortText) }
        }
        return sorted.map { hash, trouble in
            let words = trouble.hint.exposed.split(separator: " ")
            return StatusReport.TroubledHop(
                id: hash.shortText,
                kind: words.first.map { String($0) } ?? "none",
                cause: "\(trouble.cause.fixedWord)",
                seconds: Int((now - trouble.since).wholeMilliseconds / 1000),
                tries: trouble.tries,
                name: withNames ? words.dropFirst().joined(separator: " ") : nil
            )
        }
    }

    private func clear(_ hop: NextHopHash) { troubles.withLock { $0[hop] = nil } }

    private func add(_ cause: FaultCause, _ copy: LeasedCopy) {
        let now = time.boot()
        troubles.withLock { troubles in
            if troubles[copy.nextHop] == nil {
                guard troubles.count < Self.mostHops else { return }
                let hint = Sensitive(copy.nextHopHint)
                troubles[copy.nextHop] = Trouble(hint: hint, since: now, cause: cause, tries: 0)
            }
            troubles[copy.nextHop]?.cause = cause
            troubles[copy.nextHop]?.tries += 1
        }
    }
}

extension FaultCause {
    /// Whether the next hop as a whole can't be used, not one recipient or one message.
    fileprivate var isOfHop: Bool {
        switch self {
        case .noUsableHost, .nameServiceFailed, .bogusDNS, .unreachable, .connectionLost, .timedOut, .tlsFailed,
            .tlsRequired, .authenticationFailed, .protocolError, .hostUnavailable, .mailboxError, .channelUnproven,
            .hostNotInPolicy, .floorUnmet, .linkMissing, .policiesUnreadable:
            true
        case .noRoute, .noFilter, .nullMX, .noSuchDomain, .routingLoop, .refusedByHost, .eightBitBody, .nonASCIIAddress,
            .nonASCIIHeader, .tooLarge, .flawedContent, .unreadable, .mailboxUnknown, .cancelled,
            .unprovenHostName, .requireTLSNotOffered:
            false
        }
    }
}
