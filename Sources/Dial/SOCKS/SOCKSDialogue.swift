// SPDX-License-Identifier: Apache-2.0

import SMTPWire

/// The client's side of SOCKS5 up to the connection (RFC 1928, RFC 1929): bytes in, bytes out.
///
/// Total over any bytes, cut anywhere, and bounded.
struct SOCKSDialogue {
    enum Step: Equatable {
        /// More is needed.
        case wait
        case send([UInt8])
        /// The connection is there; the host's first octets may have come along.
        case connected(rest: [UInt8])
    }

    private enum Stage { case method, signIn, reply }

    private static let withoutSignIn: UInt8 = 0
    private static let userAndPassword: UInt8 = 2

    private let request: [UInt8]
    private let signIn: SOCKSProxy.SignIn
    private var stage = Stage.method
    private var buffer: [UInt8] = []

    /// `host` goes to the proxy as it is: a name is never resolved here.
    init(host: String, port: Int, signIn: SOCKSProxy.SignIn) throws(SOCKSFailure) {
        let destination: [UInt8]
        if let address = IPAddress(host) {
            destination = [address.isIPv4 ? 1 : 4] + address.bytes
        } else {
            let name = host.hasSuffix(".") ? host.dropLast() : host[...]
            guard (1...255).contains(name.utf8.count), name.utf8.allSatisfy({ $0 > 0x20 && $0 < 0x7F }) else {
                throw .unusableName
            }
            destination = [3, UInt8(name.utf8.count)] + Array(name.utf8)
        }
        guard (1...65_535).contains(port) else { throw .unusableName }
        request = [5, 1, 0] + destination + [UInt8(port >> 8), UInt8(port & 0xFF)]
        self.signIn = signIn
    }

    /// What is said first.
    var opening: [UInt8] {
        switch signIn {
        case .always: [5, 1, Self.userAndPassword]
        case .whereTaken: [5, 2, Self.withoutSignIn, Self.userAndPassword]
        }
    }

    /// Takes what the proxy said.
    mutating func take(_ bytes: some Sequence<UInt8>) throws(SOCKSFailure) -> Step {
        buffer += bytes
        switch stage {
        case .method: return try method()
        case .signIn: return try signedIn()
        case .reply: return try reply()
        }
    }

    private mutating func method() throws(SOCKSFailure) -> Step {
        guard let answer = try pair(first: 5) else { return .wait }
        switch (answer, signIn) {
        case (Self.userAndPassword, _):
            stage = .signIn
            let credentials = signIn.credentials
            return .send(
                [1, UInt8(credentials.user.utf8.count)] + Array(credentials.user.utf8)
                    + [UInt8(credentials.password.utf8.count)] + Array(credentials.password.utf8)
            )
        case (Self.withoutSignIn, .whereTaken):
            stage = .reply
            return .send(request)
        case (0xFF, _): throw .noCommonMethod
        default: throw .malformed
        }
    }

    private mutating func signedIn() throws(SOCKSFailure) -> Step {
        guard let answer = try pair(first: 1) else { return .wait }
        guard answer == 0 else { throw .signInRefused }
        stage = .reply
        return .send(request)
    }

    private mutating func reply() throws(SOCKSFailure) -> Step {
        guard buffer.first ?? 5 == 5 else { throw .malformed }
        guard buffer.count >= 2 else { return .wait }
        // A refusal may be cut short behind its code.
        guard buffer[1] == 0 else { throw .refused(buffer[1]) }
        guard buffer.count >= 5 else { return .wait }
        let length: Int
        switch buffer[3] {
        case 1: length = 4
        case 3: length = 1 + Int(buffer[4])
        case 4: length = 16
        default: throw .malformed
        }
        guard buffer.count >= 6 + length else { return .wait }
        return .connected(rest: Array(buffer[(6 + length)...]))
    }

    /// The second octet of an answer of two.
    private mutating func pair(first: UInt8) throws(SOCKSFailure) -> UInt8? {
        guard buffer.first ?? first == first else { throw .malformed }
        guard buffer.count >= 2 else { return nil }
        // Nothing may come before it was asked for.
        guard buffer.count == 2 else { throw .malformed }
        defer { buffer.removeAll() }
        return buffer[1]
    }
}
