// SPDX-License-Identifier: Apache-2.0

package import ChannelPolicy
package import Mail
package import Privacy

/// What is known of a domain's MTA-STS policy (RFC 8461), looked up and fetched as far as that is needed.
package protocol STSPolicies: Sendable {
    /// - Parameter givingUp: a copy would fail for good under a cached `enforce`: then the policy is fetched anew first.
    func facts(for domain: Domain, now: WallTime, givingUp: Bool) async -> STSFacts
}
