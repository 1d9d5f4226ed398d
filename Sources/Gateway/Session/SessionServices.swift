// SPDX-License-Identifier: Apache-2.0

import Accounts
import Mail
import Pipeline
import Privacy
import Settings
import Store

/// What every session uses and none owns.
struct SessionServices: Sendable {
    let settings: PosternSettings
    let accounts: Accounts
    let signIn: SignInDesk
    let sending: SendingGate
    let pipeline: Pipeline
    let recipients: RecipientCheck
    /// The users of this machine whose programs may send.
    let callers: LocalCallers
    /// Which servers must prove whose mail they bring.
    let inbound: InboundProof
    /// For inbound filters.
    let passage: Passage
    /// Where large bodies wait, sealed, in unnamed files.
    let spoolDirectory: String
    /// Memory for bodies on their way in, of all sessions together.
    let bodyMemory: ByteBudget
    let counters: Counters
    let time: Time
    let log: Log
}
