// SPDX-License-Identifier: Apache-2.0

import Accounts
import Privacy
import Settings

/// Holds each account to `[limits.account]`.
///
/// What a transaction sets aside is either counted, when the message is accepted, or given back.
struct SendingGate: Sendable {
    let allowance: SendingAllowance
    let accounts: Accounts
    let ledger: SendingLedger
    let counters: Counters
    let alarms: AlarmBoard
    let time: Time

    /// Whether the account may begin one more message, or add one more recipient.
    func begin(_ item: SendingLedger.Item, by account: Account) -> Bool {
        let fits = ledger.begin(
            item,
            by: account.name,
            allowance.times(accounts.limitTimes(of: account.name)),
            created: accounts.created(account.name),
            now: time.wall()
        )
        guard !fits else { return true }
        switch item {
        case .message: counters.add("messages beyond an account's limit")
        case .recipient: counters.add("recipients beyond an account's limit")
        }
        alarms.raise(.accountLimit)
        return false
    }

    func giveBack(_ charge: SendingCharge) {
        ledger.giveBack(messages: 1, recipients: charge.recipients, by: charge.name)
    }

    func count(_ charge: SendingCharge) async {
        await ledger.count(recipients: charge.recipients, by: charge.name, now: time.wall())
    }
}

/// What one transaction has set aside of an account's allowance: a message, and so many recipients.
struct SendingCharge: Sendable {
    let name: AccountName
    var recipients = 0
}

extension SendingAllowance {
    init(_ limits: AccountLimits) {
        self.init(
            messagesPerHour: limits.messagesPerHour,
            messagesPerDay: limits.messagesPerDay,
            recipientsPerHour: limits.recipientsPerHour,
            recipientsPerDay: limits.recipientsPerDay,
            softStart: limits.softStart
        )
    }
}
