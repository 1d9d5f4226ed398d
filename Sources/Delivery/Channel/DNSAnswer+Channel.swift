// SPDX-License-Identifier: Apache-2.0

package import ChannelPolicy
package import DNSResolver

extension LookupSecurity {
    /// What a resolver says of an answer, in the channel policy's terms.
    package init(_ security: DNSSecurity) {
        self =
            switch security {
            case .secure: .secure
            case .insecure: .insecure
            case .bogus: .bogus
            case .failed: .failed
            }
    }
}

extension TLSAAnswer {
    /// Records of other types are passed over.
    package init(_ answer: DNSAnswer) {
        let records = answer.records.compactMap { record -> TLSARecord? in
            guard case .tlsa(let usage, let selector, let matching, let data) = record else { return nil }
            return TLSARecord(usage: usage, selector: selector, matching: matching, data: data)
        }
        self.init(LookupSecurity(answer.security), records)
    }
}
