// SPDX-License-Identifier: Apache-2.0

package import Mail

/// What MAIL says: the reverse path and the parameters that we offer (RFC 5321 §4.1.1.2).
package struct MailParameters: Sendable, Hashable {
    /// BODY= (RFC 6152).
    ///
    /// BINARYMIME is never offered, so it never parses.
    package enum BodyType: Sendable, Hashable {
        case sevenBit
        case eightBitMIME
    }

    package var reversePath: ReversePath
    /// SIZE= in octets (RFC 1870); a number above `Int.max` reads as `Int.max`.
    package var size: Int?
    package var body: BodyType?
    /// SMTPUTF8 (RFC 6531 §3.4).
    package var smtpUTF8: Bool
    /// RET= (RFC 3461 §4.3).
    package var ret: DSNReturn?
    /// ENVID=, decoded: printable ASCII, at most 100 characters (RFC 3461 §4.4).
    package var envid: String?
    /// AUTH=, decoded: printable ASCII (RFC 4954 §5).
    ///
    /// Never believed; kept so that it parses.
    package var auth: String?
    /// REQUIRETLS (RFC 8689 §4): every hop must be encrypted and proven.
    package var requireTLS: Bool

    package init(
        reversePath: ReversePath,
        size: Int? = nil,
        body: BodyType? = nil,
        smtpUTF8: Bool = false,
        ret: DSNReturn? = nil,
        envid: String? = nil,
        auth: String? = nil,
        requireTLS: Bool = false
    ) {
        self.reversePath = reversePath
        self.size = size
        self.body = body
        self.smtpUTF8 = smtpUTF8
        self.ret = ret
        self.envid = envid
        self.auth = auth
        self.requireTLS = requireTLS
    }
}

extension MailParameters: CustomStringConvertible, CustomDebugStringConvertible, CustomReflectable {
    package var description: String { "MailParameters" }
    package var debugDescription: String { "MailParameters" }
    package var customMirror: Mirror { Mirror(self, children: EmptyCollection<Mirror.Child>()) }
}

/// How much of a message a failure report should return (RFC 3461 §4.3).
package enum DSNReturn: String, Sendable, Hashable {
    case full = "FULL"
    case headers = "HDRS"
}
