// SPDX-License-Identifier: Apache-2.0

package import ChannelPolicy
package import OpenPGP

/// All that is kept of a peer.
package struct PeerRecord: Sendable, Codable {
    package var life: PeerLife
    /// Of the key whose statements count, with all that was ever seen of it.
    @Base64Coded package var certificate: [UInt8]
    /// Seconds since 1970, as all times here.
    package var added: Int64
    /// When its statement was last looked at, and when one was last accepted.
    package var lastLook: Int64
    package var lastAccepted: Int64
    package var nextLook: Int64
    /// How many looks in a row have failed.
    package var failures = 0
    /// What was wrong with the last look; nil when all was well.
    package var trouble: Trouble?

    package struct Trouble: Sendable, Codable {
        package var sentence: String
        /// Whether a statement was served that must not be accepted.
        package var isRefusal: Bool
    }

    package init(_ life: PeerLife, certificate: [UInt8], now: Int64, nextLook: Int64) {
        self.life = life
        self.certificate = certificate
        added = now
        lastLook = now
        lastAccepted = now
        self.nextLook = nextLook
    }
}
