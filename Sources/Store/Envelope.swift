// SPDX-License-Identifier: Apache-2.0

package import Mail
package import Privacy

/// What the SMTP session said about a message, apart from its recipients.
///
/// Kept sealed.
package struct Envelope: Sendable {
    /// Whose mail this is; decides scrubbing, notices and bounces.
    package enum Origin: UInt8, Sendable {
        case ours = 0
        case strangers = 1
    }

    /// `RET` (RFC 3461 section 4.3).
    package enum Return: UInt8, Sendable {
        case full = 0
        case headers = 1
    }

    /// What the message itself says about TLS (RFC 8689).
    package enum TLSWish: UInt8, Sendable {
        case none = 0
        /// REQUIRETLS.
        case required = 1
        /// The header field `TLS-Required: No`.
        case optional = 2
    }

    package var reversePath: ReversePath
    package var origin: Origin
    /// When the message was accepted.
    package var arrival: WallTime
    /// When the message was let go after it had been held; nil for one that never was.
    package var released: WallTime?
    /// The word for the `Received` field and reports: `ESMTPS`, `ESMTPSA`, `LOCAL`.
    package var protocolName: String
    /// `ENVID`, decoded (RFC 3461 section 4.4).
    package var envelopeID: String?
    package var returnContent: Return?
    /// The sender asked for SMTPUTF8 (RFC 6531).
    package var smtpUTF8: Bool
    /// The sender said `BODY=8BITMIME`, or the body has octets above 127.
    package var body8Bit: Bool
    /// The name of the filter that the message came by and whose next hop gets it; nil: the routes say where it goes.
    package var filter: String?
    package var tls: TLSWish

    package init(
        reversePath: ReversePath,
        origin: Origin,
        arrival: WallTime,
        released: WallTime? = nil,
        protocolName: String,
        envelopeID: String? = nil,
        returnContent: Return? = nil,
        smtpUTF8: Bool = false,
        body8Bit: Bool = false,
        filter: String? = nil,
        tls: TLSWish = .none
    ) {
        self.reversePath = reversePath
        self.origin = origin
        self.arrival = arrival
        self.released = released
        self.protocolName = protocolName
        self.envelopeID = envelopeID
        self.returnContent = returnContent
        self.smtpUTF8 = smtpUTF8
        self.body8Bit = body8Bit
        self.filter = filter
        self.tls = tls
    }
}

/// What the sender wants to hear about one recipient (RFC 3461 sections 4.1 and 4.2).
package struct CopyDSN: Sendable, Equatable {
    /// Nil: the sender did not say; the default of RFC 3461 holds (failure, and delay as the server likes).
    package var notify: Notify?
    /// `ORCPT`.
    package var originalRecipient: OriginalRecipient?

    package init(notify: Notify? = nil, originalRecipient: OriginalRecipient? = nil) {
        self.notify = notify
        self.originalRecipient = originalRecipient
    }
}
