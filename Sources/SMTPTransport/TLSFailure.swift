// SPDX-License-Identifier: Apache-2.0

import NIOSSL

/// Why a client's handshake failed.
package enum TLSFailure: String, Sendable, Hashable, CaseIterable {
    /// There is no TLS version that both sides have.
    case noCommonVersion
    /// There is no suite, group or signature scheme that both sides have.
    case noCommonCipher
    /// The server broke off with another alert.
    case alert
    /// The server closed the connection, or reset it.
    case closed
    case timedOut
    /// What came can't be read as TLS, or breaks its rules.
    case malformed
    /// The certificate's chain does not lead to a root that we trust, or it has expired.
    ///
    /// Only where the TLS library verifies (``ClientTLS/Verification/byContext``); likewise ``otherName``.
    case untrusted
    /// The certificate is for another name.
    case otherName
}

extension TLSFailure {
    /// What stopped the handshake, by the error that the TLS handler reported.
    init(_ error: any Error) {
        if let error = error as? NIOSSLExtraError, error == .failedToValidateHostname {
            self = .otherName
        } else if error is NIOSSLError {
            // The library tells its reasons only in the text of its error stack.
            self.init(errorStack: String(describing: error))
        } else {
            self = .closed
        }
    }

    private init(errorStack text: String) {
        self = TLSFailure.words.first { text.contains($0.word) }?.failure ?? .malformed
    }

    /// The first that fits counts.
    private static let words: [(word: String, failure: TLSFailure)] = [
        ("CERTIFICATE_VERIFY_FAILED", .untrusted),
        ("ALERT_PROTOCOL_VERSION", .noCommonVersion),
        ("UNSUPPORTED_PROTOCOL", .noCommonVersion),
        ("ALERT_HANDSHAKE_FAILURE", .noCommonCipher),
        ("HANDSHAKE_FAILURE_ON_CLIENT_HELLO", .noCommonCipher),
        ("ALERT_INSUFFICIENT_SECURITY", .noCommonCipher),
        ("WRONG_CIPHER_RETURNED", .noCommonCipher),
        ("UNKNOWN_CIPHER_RETURNED", .noCommonCipher),
        ("WRONG_CURVE", .noCommonCipher),
        ("_ALERT_", .alert),
        ("EOF during handshake", .closed),
        ("EOF during addition", .closed),
    ]
}
