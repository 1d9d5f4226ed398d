// SPDX-License-Identifier: Apache-2.0

import Mail
import Privacy
import SMTPTransport
import SMTPWire

/// How far a group has come: which recipients have an outcome, and which are still to be sent.
struct Progress {
    let group: DeliveryGroup
    private(set) var outcomes: [DeliveryOutcome?]
    /// What the last attempt that came to nothing ran into; the outcome of whoever is left in the end.
    var lastFault: ConversationFault?

    init(_ group: DeliveryGroup) {
        self.group = group
        self.outcomes = Array(repeating: nil, count: group.recipients.count)
    }

    var pending: [Int] { outcomes.indices.filter { outcomes[$0] == nil } }
    var isDone: Bool { !outcomes.contains { $0 == nil } }

    /// Notes what an attempt ran into.
    ///
    /// A host that will never do for the message does not end what another host may do later.
    mutating func note(_ fault: ConversationFault) {
        if fault.isPermanent, fault.fault.channel != nil, let lastFault, !lastFault.isPermanent { return }
        lastFault = fault
    }

    mutating func settle(_ indices: [Int], _ outcome: DeliveryOutcome) {
        for index in indices { outcomes[index] = outcome }
    }

    /// One result for every recipient; those still open get `outcome`, or what the last fault means.
    func results(open outcome: DeliveryOutcome? = nil) -> [DeliveryResult] {
        let rest = outcome ?? lastFault?.outcome ?? .deferred(.init(.unableToRoute, .noUsableHost))
        return outcomes.enumerated().map { DeliveryResult(index: $0.offset, outcome: $0.element ?? rest) }
    }

    /// Refuses what the server cannot take; what is left is the next transaction's recipients, at most `limit`.
    mutating func nextBatch(
        for server: ServerExtensions,
        host: Sensitive<String>,
        limit: Int,
        keepsTLS: Bool
    ) -> [Int] {
        let open = pending
        if let fault = ServerFit.refusal(of: group, by: server, keepsTLS: keepsTLS) {
            settle(open, .failed(fault.at(host)))
            return []
        }
        var batch: [Int] = []
        for index in open where batch.count < limit {
            if let fault = ServerFit.refusal(of: group.recipients[index].address, by: server) {
                settle([index], .failed(fault.at(host)))
            } else {
                batch.append(index)
            }
        }
        return batch
    }

    func envelope(for batch: [Int], server: ServerExtensions, saysRequireTLS: Bool) -> ClientEnvelope {
        let addresses = batch.map { group.recipients[$0].address }
        let needsSMTPUTF8 = ServerFit.needsSMTPUTF8(group, to: addresses)
        let form = { (address: EmailAddress) in needsSMTPUTF8 ? address : ServerFit.envelopeForm(address) ?? address }
        return ClientEnvelope(
            reversePath: group.reversePath.address.map { .address(form($0)) } ?? .null,
            recipients: zip(batch, addresses).map { index, address in
                let recipient = group.recipients[index]
                return ClientEnvelope.Recipient(form(address), notify: recipient.notify, orcpt: recipient.orcpt)
            },
            isEightBit: group.needs.has8BitBody,
            needsSMTPUTF8: needsSMTPUTF8,
            ret: group.ret,
            envid: group.envid,
            client: group.client,
            requireTLS: saysRequireTLS
        )
    }
}

extension DeliveryOutcome.Fault {
    func at(_ host: Sensitive<String>) -> DeliveryOutcome.Fault {
        DeliveryOutcome.Fault(status, cause, reply: reply, host: host, channel: channel, hellos: hellos)
    }
}
