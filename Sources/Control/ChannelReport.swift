// SPDX-License-Identifier: Apache-2.0

/// The whole decision about the way to a domain's mail hosts.
package struct ChannelReport: Codable, Sendable {
    package var domain: String
    /// What DNSSEC says about the MX answer: `secure`, `insecure`; nil when nothing may be sent by it.
    package var mailHosts: String?
    /// What MTA-STS says, in one sentence without a full stop.
    package var policy: String
    package var hosts: [Host] = []
    /// Why there is no host; nil when there is one.
    package var fault: String?

    package struct Host: Codable, Sendable {
        package var name: String
        package var preference: Int
        package var addresses: [String] = []
        /// What DNSSEC says about the addresses: `secure`, `insecure`, `bogus`, `failed`.
        package var addressSecurity: String?
        /// Where aliases of the host end; nil when it has none.
        package var alias: String?
        package var tlsa: [Question] = []
        package var rules: [Rule] = []
        /// `connect`, `skip`: not this host, `wait`: no host of the domain may be used now.
        package var verdict: String
        /// What the server will have to show, or why nothing is sent there.
        package var demand: String
        /// What stands in SNI; nil for none.
        package var serverName: String?
        /// What connecting came to; nil when nobody connected.
        package var trial: Trial?

        package init(name: String, preference: Int, verdict: String, demand: String) {
            self.name = name
            self.preference = preference
            self.verdict = verdict
            self.demand = demand
        }
    }

    /// A TLSA question and what it came to.
    package struct Question: Codable, Sendable {
        package var name: String
        package var answer: String

        package init(name: String, answer: String) {
            self.name = name
            self.answer = answer
        }
    }

    /// One rule and what it came to.
    package struct Rule: Codable, Sendable {
        package var rule: String
        /// `holds`, `passed-over`, `raises`, `blocks`.
        package var finding: String
        package var because: String

        package init(rule: String, finding: String, because: String) {
            self.rule = rule
            self.finding = finding
            self.because = because
        }
    }

    /// What connecting came to.
    package struct Trial: Codable, Sendable {
        package var isOpen: Bool
        /// How mail would go out, by rule and proof; or what went wrong.
        package var sentence: String
        /// Version, suite and group of TLS; nil in clear.
        package var tls: String?
        /// SHA-256 of the server's public key, `spki:` and 64 digits.
        package var pin: String?

        package init(isOpen: Bool, sentence: String, tls: String? = nil, pin: String? = nil) {
            self.isOpen = isOpen
            self.sentence = sentence
            self.tls = tls
            self.pin = pin
        }
    }

    package init(domain: String, policy: String) {
        self.domain = domain
        self.policy = policy
    }
}
