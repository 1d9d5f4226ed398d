// SPDX-License-Identifier: Apache-2.0

/// What came of a probe.
package struct ProbeReport: Sendable, Encodable {
    package struct Channel: Sendable, Encodable {
        package let version: String
        package let cipher: String?
        package let group: String?
        /// The server's own first.
        package let certificates: [ShownCertificate]
        /// Whether a public authority that this machine trusts vouches for the host's name, and if not, why.
        package let isTrusted: Bool
        package let trust: String
        /// Nil where the DNS was not asked: for an address, and through a proxy.
        package var dane: DANEVerdict?
    }

    /// Why the conversation ended before it was done.
    package enum Failure: String, Sendable, Encodable {
        case noAddress = "no-address"
        case noConnection = "no-connection"
        case proxy
        case refused
        case broken
        case startTLSNotOffered = "starttls-not-offered"
        case handshake
        case signInImpossible = "sign-in-impossible"
        case daneMismatch = "dane-mismatch"
    }

    package let host: String
    package let port: Int
    /// Nil when the conversation went as asked.
    package var failure: Failure?
    /// What a failed handshake came to, with what each side offered.
    package var handshake: String?
    package var channel: Channel?
    package var lines: [ProbeLine] = []

    package init(host: String, port: Int) {
        self.host = host
        self.port = port
    }
}
