// SPDX-License-Identifier: Apache-2.0

package import ChannelPolicy
import ChannelProof
package import SMTPTransport

extension TLSFacts {
    /// SHA-256 of the peer's certificate and of its public key; nil without a certificate whose outline can be read.
    package var fingerprints: CertificateFingerprints? {
        chain.first.flatMap { CertificateOutline(der: $0) }?.fingerprints
    }
}
