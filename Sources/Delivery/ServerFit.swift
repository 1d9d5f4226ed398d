// SPDX-License-Identifier: Apache-2.0

import ChannelPolicy
import Mail
import SMTPWire

/// May this message go to a server with these extensions? Nothing is ever converted to make it fit.
enum ServerFit {
    /// A message that cannot go at all.
    ///
    /// - Parameter keepsTLS: the channel is proven, and the server offers REQUIRETLS or ends the message's way.
    static func refusal(
        of group: DeliveryGroup,
        by server: ServerExtensions,
        keepsTLS: Bool
    ) -> DeliveryOutcome.Fault? {
        if !server.smtpUTF8 {
            if let sender = group.reversePath.address, envelopeForm(sender) == nil {
                return DeliveryOutcome.Fault(.nonASCIIAddress, .nonASCIIAddress)
            }
            if group.needs.hasUTF8Header {
                return DeliveryOutcome.Fault(.nonASCIIHeader, .nonASCIIHeader)
            }
        }
        if group.needs.has8BitBody && !server.eightBitMIME {
            return DeliveryOutcome.Fault(.conversionNotSupported, .eightBitBody)
        }
        if case .required(let isReport) = group.wish, !isReport, !keepsTLS {
            return DeliveryOutcome.Fault(.requireTLSSupport, .requireTLSNotOffered)
        }
        if let limit = server.maxSize, group.content.count > limit {
            return DeliveryOutcome.Fault(.messageTooLargeForSystem, .tooLarge)
        }
        return nil
    }

    /// A recipient that cannot be named to the server.
    static func refusal(of recipient: EmailAddress, by server: ServerExtensions) -> DeliveryOutcome.Fault? {
        if server.smtpUTF8 || envelopeForm(recipient) != nil { return nil }
        return DeliveryOutcome.Fault(.nonASCIIAddress, .nonASCIIAddress)
    }

    /// The address in ASCII: a domain has an equal A-label form, a local part has none (RFC 6531 §3.2).
    static func envelopeForm(_ address: EmailAddress) -> EmailAddress? {
        if address.isASCII { return address }
        guard address.localPart.utf8.allSatisfy({ $0 < 0x80 }), let domain = Domain(address.domain.key) else {
            return nil
        }
        return EmailAddress(localPart: address.localPart, domain: domain)
    }

    /// Whether MAIL must carry SMTPUTF8: only for what needs it (RFC 6531 §3.4), so that mail stays deliverable further on.
    static func needsSMTPUTF8(_ group: DeliveryGroup, to recipients: [EmailAddress]) -> Bool {
        group.needs.hasUTF8Header
            || (group.reversePath.address.map { envelopeForm($0) == nil } ?? false)
            || recipients.contains { envelopeForm($0) == nil }
    }
}
