// SPDX-License-Identifier: Apache-2.0

import Accounts
import DovecotAuth
import Mail
import Privacy

/// Where passwords are verified: our own users here, everybody else by Dovecot when the settings name its socket.
///
/// Wrong passwords are slowed whichever it is, and have one answer.
struct SignInDesk: Sendable {
    let accounts: Accounts
    /// Nil when only our own users may sign in.
    let dovecot: DovecotAuthClient?
    let brake: SignInBrake
    /// Whether an address in this domain is ours, so that a login at Dovecot may send as itself.
    let owns: @Sendable (Domain) -> Bool
    let counters: Counters
    let alarms: AlarmBoard
    let time: Time

    /// With two places to ask, a refusal takes at least this long from whichever: longer than Dovecot's own delay of two
    /// seconds, so that the time does not tell whose user a login is, nor whether there is one.
    static let refusalTime = Duration.seconds(3)

    /// Somebody at the desk: what the slowing is counted by.
    struct Visitor: Sendable {
        let login: Sensitive<String>
        /// The client's address in network order; empty for a local process.
        let source: Sensitive<[UInt8]>
    }

    /// Verifies a password, after the wait that earlier wrong ones cost.
    func verify(_ visitor: Visitor, password: [UInt8]) async -> SignIn {
        guard await admit(visitor) else { return .busy }
        let earliest = time.boot() + Self.refusalTime
        let outcome = await ask(visitor.login, password)
        settle(visitor, outcome)
        if outcome == .rejected, dovecot != nil { try? await time.sleep(until: earliest) }
        return outcome
    }

    /// Waits for the visitor's turn; false when there are too many in line before it, or the gateway stops.
    func admit(_ visitor: Visitor) async -> Bool {
        let now = time.boot()
        switch brake.admit(login: visitor.login.exposed, source: visitor.source.exposed, now: now) {
        case .turnedAway:
            counters.add("sign-ins turned away")
            return false
        case .at(let start):
            guard start > now else { return true }
            counters.add("sign-ins slowed")
            do {
                try await time.sleep(until: start)
                return true
            } catch {
                settle(visitor, .busy)
                return false
            }
        }
    }

    /// Tells the brake what came of an admitted visit.
    func settle(_ visitor: Visitor, _ outcome: SignIn) {
        let result: SignInBrake.Result =
            switch outcome {
            case .accepted: .right
            case .rejected: .wrong
            case .busy: .unknown
            }
        if outcome == .rejected { counters.add("authentication failures") }
        brake.settle(login: visitor.login.exposed, source: visitor.source.exposed, result, now: time.boot())
    }

    private func ask(_ login: Sensitive<String>, _ password: [UInt8]) async -> SignIn {
        guard let dovecot, !accounts.isOwn(login: login.exposed) else {
            return await accounts.verify(login: login.exposed, password: password)
        }
        switch await dovecot.verify(login: login, password: password) {
        case .accepted(let known):
            alarms.clear(.dovecotSilent)
            guard let name = AccountName(dovecotLogin: known) else { return .rejected }
            return .accepted(await accounts.dovecotAccount(name, now: time.wall(), owns: owns))
        case .rejected:
            alarms.clear(.dovecotSilent)
            return .rejected
        case .unavailable:
            counters.add("sign-ins that Dovecot could not answer")
            alarms.raise(.dovecotSilent)
            return .busy
        }
    }
}
