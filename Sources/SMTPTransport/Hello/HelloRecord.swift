// SPDX-License-Identifier: Apache-2.0

/// What both sides said in clear while a handshake was tried, as far as it was seen.
package struct HelloRecord: Sendable, Hashable {
    /// What we offered.
    package let offer: ClientOffer?
    /// What the server chose from it.
    package let choice: ServerChoice?
    /// With what the server broke off; nil when it did not, or inside encryption.
    package let serverAlert: TLSAlert?
    /// With what we broke off.
    package let ownAlert: TLSAlert?
    /// What the server sent is no TLS.
    package let isServerMalformed: Bool

    init(client: HelloReader, server: HelloReader) {
        offer = client.offer
        choice = server.choice
        serverAlert = server.alert
        ownAlert = client.alert
        isServerMalformed = server.end == .malformed
    }

    /// Why the handshake came to nothing and which side offered what, in one sentence without a stop.
    package func sentence(_ failure: TLSFailure) -> String {
        [failure.text, ours, theirs].compactMap { $0 }.joined(separator: "; ")
    }

    /// Which side offered what, without a stop; nil when neither said hello.
    package var offers: String? {
        let parts = [ours, theirs].compactMap { $0 }
        return parts.isEmpty ? nil : parts.joined(separator: "; ")
    }

    private var ours: String? {
        guard let offer else { return nil }
        let parts = [
            offer.versions.map(TLSNames.version), offer.ciphers.map(TLSNames.cipher), offer.groups.map(TLSNames.group),
        ]
        return "we offered " + parts.map { $0.joined(separator: ", ") }.joined(separator: " with ")
    }

    private var theirs: String? {
        if isServerMalformed { return "the server's answer is not TLS" }
        if let serverAlert { return "the server answered \(serverAlert.text)" }
        guard let choice else { return nil }
        let chosen = "the server chose \(TLSNames.version(choice.version)) with \(TLSNames.cipher(choice.cipher))"
        return chosen + (choice.group.map { " and \(TLSNames.group($0))" } ?? "")
    }
}

extension TLSFailure {
    /// In words, without a stop.
    package var text: String {
        switch self {
        case .noCommonVersion: "there is no TLS version that both sides have"
        case .noCommonCipher: "there is no cipher that both sides have"
        case .alert: "the server broke the handshake off with an alert"
        case .closed: "the server closed the connection in the handshake"
        case .timedOut: "the handshake took too long"
        case .malformed: "the handshake can't be read"
        case .untrusted: "the certificate has expired or leads to no authority that is trusted"
        case .otherName: "the certificate is for another name"
        }
    }
}
