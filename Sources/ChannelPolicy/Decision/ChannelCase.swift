// SPDX-License-Identifier: Apache-2.0

/// All that decides about the channel for a message to a domain by one of its hosts.
package struct ChannelCase: Sendable, Hashable {
    /// The recipient domain, lower case, A-labels.
    package var domain: String
    /// The mail host as the MX record names it, lower case; or an address.
    package var host: String
    package var hostIsAddress: Bool
    /// Of the MX answer.
    package var mx: LookupSecurity
    /// The level that this gateway keeps, 1 to 3.
    package var level: Int
    package var floor: ChannelFloor?
    package var wish: TLSWish
    package var onion: OnionRoute?
    package var link: LinkFacts?
    package var pins: PinSet?
    package var dane: DANEFacts
    package var sts: STSFacts
    package var ratchet: RatchetEntry?
    /// In seconds since 1970.
    package var now: Int64

    package init(
        domain: String,
        host: String,
        hostIsAddress: Bool = false,
        mx: LookupSecurity,
        level: Int,
        floor: ChannelFloor? = nil,
        wish: TLSWish = .none,
        onion: OnionRoute? = nil,
        link: LinkFacts? = nil,
        pins: PinSet? = nil,
        dane: DANEFacts,
        sts: STSFacts = .none(.notAsked),
        ratchet: RatchetEntry? = nil,
        now: Int64
    ) {
        self.domain = domain
        self.host = host
        self.hostIsAddress = hostIsAddress
        self.mx = mx
        self.level = level
        self.floor = floor
        self.wish = wish
        self.onion = onion
        self.link = link
        self.pins = pins
        self.dane = dane
        self.sts = sts
        self.ratchet = ratchet
        self.now = now
    }
}

/// What follows from a ``ChannelCase``.
package struct ChannelDecision: Sendable, Hashable {
    package enum Verdict: Sendable, Hashable {
        case connect(RequiredChannel)
        /// Not this host; another one may do. When none is left, the copy waits.
        case skipHost(ChannelFault)
        /// No host of the domain may be used now.
        case deferDelivery(ChannelFault)
    }

    package let verdict: Verdict
    /// Every rule that was asked, in order.
    package let trail: [ChannelStep]
    /// What the domain's TLS report says about a verdict that never connects.
    package let report: TLSReportEvent?
}
