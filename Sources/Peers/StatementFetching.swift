// SPDX-License-Identifier: Apache-2.0

package import ChannelPolicy
package import Mail

/// Gets the statement that a domain serves, from ``CommitmentStatement/wellKnownPath`` over https.
package protocol StatementFetching: Sendable {
    /// At most ``StatementEnvelope/maxBytes``, without redirects, from nobody but the domain itself; a failure is a
    /// ``StatementFault/notFetched(_:)`` or ``StatementFault/tooLarge(maxBytes:)``.
    func statement(of domain: Domain) async -> Result<[UInt8], StatementFault>
}
