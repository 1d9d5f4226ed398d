// SPDX-License-Identifier: Apache-2.0

import ChannelPolicy
import DNSResolver

extension LookupSecurity {
    init(_ security: DNSSecurity) {
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
    init(_ answer: DNSAnswer) {
        let records = answer.records.compactMap { record -> TLSARecord? in
            guard case .tlsa(let usage, let selector, let matching, let data) = record else { return nil }
            return TLSARecord(usage: usage, selector: selector, matching: matching, data: data)
        }
        self.init(LookupSecurity(answer.security), records)
    }
}
