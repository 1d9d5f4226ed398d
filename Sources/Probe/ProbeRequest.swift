// SPDX-License-Identifier: Apache-2.0

package import Dial
package import Mail

/// One SMTP conversation that an operator wants to see.
package struct ProbeRequest: Sendable {
    /// After what the conversation ends with QUIT, in the order of a conversation.
    package enum Phase: String, Sendable, CaseIterable, Comparable {
        case banner
        /// The first EHLO, in clear unless TLS came first.
        case firstHello = "first-helo"
        case tls
        /// The EHLO that counts: inside TLS where there is TLS.
        case hello = "helo"
        case auth, mail, rcpt, data

        package static func < (one: Phase, other: Phase) -> Bool {
            let all = Phase.allCases
            return all.firstIndex(of: one) ?? 0 < all.firstIndex(of: other) ?? 0
        }
    }

    package enum Encryption: Sendable, Hashable {
        case none
        /// STARTTLS where it is offered.
        case whereOffered
        case startTLS
        /// TLS from the first byte.
        case implicit
    }

    package struct SignIn: Sendable {
        package let user: String
        package let password: String
        package let mechanisms: Set<String>

        package init(user: String, password: String, mechanisms: Set<String> = ["PLAIN", "LOGIN"]) {
            self.user = user
            self.password = password
            self.mechanisms = mechanisms
        }
    }

    /// A name or an address.
    package var host: String
    package var port: Int
    package var encryption = Encryption.whereOffered
    /// What EHLO says.
    package var name: Domain
    package var signIn: SignIn?
    package var sender = ReversePath.null
    package var recipients: [EmailAddress] = []
    /// With CRLF line ends.
    package var message: [UInt8]?
    package var lastPhase = Phase.data
    /// Where to go through; then nothing is looked up in the DNS, neither addresses nor TLSA records.
    package var proxy: SOCKSProxy?
    /// For each thing that is waited for.
    package var patience = Duration.seconds(30)

    package init(host: String, port: Int, name: Domain) {
        self.host = host
        self.port = port
        self.name = name
    }
}
