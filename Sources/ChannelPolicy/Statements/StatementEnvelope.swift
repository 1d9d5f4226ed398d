// SPDX-License-Identifier: Apache-2.0

import SMTPWire

/// A statement as it is served: the signed bytes, who signed them, and the signature.
///
/// Nothing in it is to be believed before the signature is verified; the payload is not even read until then.
package struct StatementEnvelope: Sendable, Hashable {
    package static let maxBytes = 131_072
    package static let maxCertificateBytes = 65_536
    package static let maxSignatureBytes = 4096

    package let payload: [UInt8]
    /// One transferable public key, in binary (RFC 9580 §10.1).
    package let certificate: [UInt8]
    /// One signature packet, in binary.
    package let signature: [UInt8]

    package init(payload: [UInt8], certificate: [UInt8], signature: [UInt8]) throws(StatementFault) {
        guard payload.count <= CommitmentStatement.maxPayloadBytes else {
            throw .tooLarge(maxBytes: CommitmentStatement.maxPayloadBytes)
        }
        guard certificate.count <= Self.maxCertificateBytes else { throw .tooLarge(maxBytes: Self.maxCertificateBytes) }
        guard signature.count <= Self.maxSignatureBytes else { throw .tooLarge(maxBytes: Self.maxSignatureBytes) }
        self.payload = payload
        self.certificate = certificate
        self.signature = signature
    }

    /// Reads what a domain serves; total and bounded.
    package init(served: [UInt8]) throws(StatementFault) {
        guard served.count <= Self.maxBytes else { throw .tooLarge(maxBytes: Self.maxBytes) }
        let members = try StatementMembers(served)
        try self.init(
            payload: Self.octets("payload", in: members),
            certificate: Self.octets("certificate", in: members),
            signature: Self.octets("signature", in: members)
        )
    }

    private static func octets(_ name: String, in members: StatementMembers) throws(StatementFault) -> [UInt8] {
        let text = Array(try members.text(name).utf8)
        guard let octets = Base64.decode(text[...]), !octets.isEmpty else {
            throw .malformed(name, mustBe: "base64 on one line, padded")
        }
        return octets
    }

    /// What the signature is over.
    package var signedBytes: [UInt8] { CommitmentStatement.signedBytes(payload: payload) }

    /// As a web server is to serve it.
    package var served: [UInt8] {
        let members = [("payload", payload), ("certificate", certificate), ("signature", signature)].map {
            "  \"\($0.0)\": \"\(String(decoding: Base64.encode($0.1), as: UTF8.self))\""
        }
        return Array("{\n\(members.joined(separator: ",\n"))\n}\n".utf8)
    }
}
