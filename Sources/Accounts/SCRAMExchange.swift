// SPDX-License-Identifier: Apache-2.0

import FoundationEssentials
import Vault

/// Why a SCRAM exchange ends; the client hears the same for each.
package enum SCRAMFailure: Error, Sendable, Equatable {
    case malformed
    /// The client's idea of channel binding is not ours: another type, or a list of mechanisms that somebody shortened.
    case channelBinding
    case wrongProof
}

/// The server's side of SCRAM-SHA-256 and SCRAM-SHA-256-PLUS (RFC 5802, RFC 7677), apart from the channel.
///
/// Channel binding is `tls-server-end-point` (RFC 5929 section 4). Extensions that a client calls mandatory are refused.
package struct SCRAMExchange: Sendable {
    private let usesBinding: Bool
    private let endPoints: [[UInt8]]
    private let ownNonce: String
    /// What the client may bind to.
    private var bindings: [[UInt8]] = []
    private var clientFirst = ""
    private var serverFirst = ""
    private var nonce = ""
    private var verifier: SCRAMVerifier?

    /// - Parameter usesBinding: whether the client chose the -PLUS mechanism.
    /// - Parameter endPoints: the hashes of our certificates, of which the client was shown one; empty when -PLUS is not offered.
    package init(usesBinding: Bool, endPoints: [[UInt8]]) {
        self.init(
            usesBinding: usesBinding,
            endPoints: endPoints,
            nonce: Data(Vault.randomBytes(18)).base64EncodedString()
        )
    }

    init(usesBinding: Bool, endPoints: [[UInt8]], nonce: String) {
        self.usesBinding = usesBinding
        self.endPoints = endPoints
        ownNonce = nonce
    }

    /// Reads the client's first message; the login in it.
    package mutating func readFirst(_ bytes: [UInt8]) throws(SCRAMFailure) -> String {
        guard bytes.count <= 2048, let text = String(validating: bytes, as: UTF8.self) else { throw .malformed }
        let parts = text.split(separator: ",", omittingEmptySubsequences: false)
        guard parts.count >= 4, let login = Self.value("n", parts[2]).flatMap(Self.unescaped),
            let clientNonce = Self.value("r", parts[3]), (1...512).contains(clientNonce.utf8.count),
            clientNonce.utf8.allSatisfy({ (0x21...0x7e).contains($0) })
        else { throw .malformed }
        try checkBinding(flag: parts[0])
        if !parts[1].isEmpty {
            // To act as somebody else is not offered.
            guard Self.value("a", parts[1]).flatMap(Self.unescaped) == login else { throw .malformed }
        }
        let header = Array("\(parts[0]),\(parts[1]),".utf8)
        bindings = usesBinding ? endPoints.map { header + $0 } : [header]
        clientFirst = parts[2...].joined(separator: ",")
        nonce = clientNonce + ownNonce
        return login
    }

    /// The server's first message.
    package mutating func challenge(_ verifier: SCRAMVerifier) -> [UInt8] {
        self.verifier = verifier
        serverFirst = "r=\(nonce),s=\(verifier.salt.base64EncodedString()),i=\(verifier.iterations)"
        return Array(serverFirst.utf8)
    }

    /// Checks the client's last message; the server's last one.
    package func finish(_ bytes: [UInt8]) throws(SCRAMFailure) -> [UInt8] {
        guard bytes.count <= 4096, let verifier, let text = String(validating: bytes, as: UTF8.self) else {
            throw .malformed
        }
        let parts = text.split(separator: ",", omittingEmptySubsequences: false)
        guard parts.count >= 3, let bound = Self.value("c", parts[0]).flatMap(Self.decoded),
            let theirNonce = Self.value("r", parts[1]),
            let proof = parts.last.flatMap({ Self.value("p", $0) }).flatMap(Self.decoded),
            !parts.contains(where: { $0.hasPrefix("m=") })
        else { throw .malformed }
        let withoutProof = parts.dropLast().joined(separator: ",")
        let message = Array("\(clientFirst),\(serverFirst),\(withoutProof)".utf8)
        let isProven = verifier.accepts(proof: proof, of: message)
        guard bindings.contains(bound) else { throw .channelBinding }
        guard theirNonce == nonce, isProven else { throw .wrongProof }
        return Array("v=\(verifier.serverSignature(of: message).base64EncodedString())".utf8)
    }

    /// Whether the client's flag fits the mechanism.
    ///
    /// `n` says that it can't bind; `y` that it could, but believes that we can't, which is untrue when we offered -PLUS.
    private func checkBinding(flag: Substring) throws(SCRAMFailure) {
        switch flag {
        case "n": if usesBinding { throw .channelBinding }
        case "y": if usesBinding || !endPoints.isEmpty { throw .channelBinding }
        case "p=tls-server-end-point": if !usesBinding || endPoints.isEmpty { throw .channelBinding }
        default: throw flag.hasPrefix("p=") ? .channelBinding : .malformed
        }
    }

    private static func value(_ name: Character, _ part: Substring) -> String? {
        guard part.first == name, part.dropFirst().first == "=" else { return nil }
        return String(part.dropFirst(2))
    }

    private static func decoded(_ text: String) -> [UInt8]? { Data(base64Encoded: text).map { [UInt8]($0) } }

    /// `=2C` is a comma, `=3D` an equals sign, and no other may stand (RFC 5802 section 5.1).
    ///
    /// A login with anything but printable ASCII has no record, because nothing here prepares it.
    private static func unescaped(_ name: String) -> String? {
        guard !name.isEmpty, SCRAMVerifier.isPlain(name.utf8) else { return nil }
        let pieces = name.split(separator: "=", omittingEmptySubsequences: false)
        var text = String(pieces.first ?? "")
        for piece in pieces.dropFirst() {
            if piece.hasPrefix("2C") {
                text += ","
            } else if piece.hasPrefix("3D") {
                text += "="
            } else {
                return nil
            }
            text += piece.dropFirst(2)
        }
        return text
    }
}
