// SPDX-License-Identifier: Apache-2.0

package import ChannelPolicy
package import Mail
package import SMTPWire

/// One message content for one next hop, with everybody there who gets it.
package struct DeliveryGroup: Sendable {
    package struct Recipient: Sendable {
        package var address: EmailAddress
        package var notify: Notify?
        package var orcpt: OriginalRecipient?

        package init(_ address: EmailAddress, notify: Notify? = nil, orcpt: OriginalRecipient? = nil) {
            self.address = address
            self.notify = notify
            self.orcpt = orcpt
        }
    }

    package var hop: DeliveryHop
    package var reversePath: ReversePath
    package var recipients: [Recipient]
    /// The whole message, header and body, CRLF line ends, no dot-stuffing.
    package var content: any ByteSource
    /// What the content asks of a server that takes it.
    package var needs: ContentNeeds
    package var envid: String?
    package var ret: DSNReturn?
    /// What the next hop may be told of the client that the message came from first; only ever set by a filter that says so.
    package var client: ForwardedClient?
    /// What the message itself says about TLS.
    package var wish = TLSWish.none
    /// The copies fail for good when this try does not get them off.
    package var isLastTry = false

    package init(
        hop: DeliveryHop,
        reversePath: ReversePath,
        recipients: [Recipient],
        content: any ByteSource,
        needs: ContentNeeds = ContentNeeds(),
        envid: String? = nil,
        ret: DSNReturn? = nil,
        client: ForwardedClient? = nil
    ) {
        self.hop = hop
        self.reversePath = reversePath
        self.recipients = recipients
        self.content = content
        self.needs = needs
        self.envid = envid
        self.ret = ret
        self.client = client
    }
}

/// What a content asks of a server: properties of its bytes, measured when it came in.
package struct ContentNeeds: Sendable, Hashable {
    /// Bytes above 127 after the header: 8BITMIME (RFC 6152).
    package var has8BitBody: Bool
    /// Bytes above 127 in the header of a message that came with SMTPUTF8 (RFC 6531).
    ///
    /// False for raw header bytes that came without it: those are passed on as they came.
    package var hasUTF8Header: Bool

    package init(has8BitBody: Bool = false, hasUTF8Header: Bool = false) {
        self.has8BitBody = has8BitBody
        self.hasUTF8Header = hasUTF8Header
    }
}

/// One recipient's outcome.
package struct DeliveryResult: Sendable {
    /// The position in ``DeliveryGroup/recipients``.
    package let index: Int
    package let outcome: DeliveryOutcome

    package init(index: Int, outcome: DeliveryOutcome) {
        self.index = index
        self.outcome = outcome
    }
}
