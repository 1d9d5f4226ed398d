// SPDX-License-Identifier: Apache-2.0

import SMTPWire

/// What Dovecot says of a login and its password.
package enum DovecotVerdict: Sendable, Equatable {
    /// The login as Dovecot knows it.
    case accepted(login: String)
    case rejected
    /// Dovecot is not there, broke off, or can't tell now.
    case unavailable
}

/// One sign-in at Dovecot's auth socket, apart from the socket: bytes in, bytes out.
///
/// The client's half of protocol version 1.2: `VERSION`, `CPID`, then, once the server's handshake is done, `AUTH` with
/// PLAIN. The client's address is not told: Dovecot would write it down.
struct DovecotAuthDialogue: Sendable {
    enum Step: Sendable, Equatable {
        /// Send this (nothing, if empty) and read on.
        case send([UInt8])
        case ended(DovecotVerdict)
    }

    /// Beyond it the other side is no Dovecot.
    private static let longestLine = 8192
    private static let mostBytes = 65_536
    private static let requestID = 1

    private let login: String
    private let response: String
    private let clientID: UInt32
    private var rest: [UInt8] = []
    private var read = 0
    private var hasVersion = false
    private var hasPlain = false
    private var hasAsked = false

    /// - Parameter clientID: the `CPID`, which no two connections may share; Dovecot drops the second one.
    init(login: String, password: [UInt8], clientID: UInt32) {
        self.login = login
        self.clientID = clientID
        let message = [0] + Array(login.utf8) + [0] + password
        response = String(decoding: Base64.encode(message), as: UTF8.self)
    }

    /// What the client says at once.
    var opening: [UInt8] { Array("VERSION\t1\t2\nCPID\t\(clientID)\n".utf8) }

    /// Takes what the server sent.
    mutating func take(_ bytes: some Collection<UInt8>) -> Step {
        read += bytes.count
        guard read <= Self.mostBytes else { return .ended(.unavailable) }
        rest += bytes
        var answer: [UInt8] = []
        while let end = rest.firstIndex(of: UInt8(ascii: "\n")) {
            let line = Array(rest[..<end])
            rest.removeSubrange(...end)
            guard line.count <= Self.longestLine, let message = DovecotAuthMessage.parse(line[...]) else {
                return .ended(.unavailable)
            }
            switch step(message) {
            case .send(let more): answer += more
            case .ended(let verdict): return .ended(verdict)
            }
        }
        return rest.count > Self.longestLine ? .ended(.unavailable) : .send(answer)
    }

    private mutating func step(_ message: DovecotAuthMessage) -> Step {
        switch message {
        case .version(let major):
            guard major == 1 else { return .ended(.unavailable) }
            hasVersion = true
        case .mechanism(let name):
            if name == "PLAIN" { hasPlain = true }
        case .done:
            guard hasVersion, hasPlain, !hasAsked else { return .ended(.unavailable) }
            hasAsked = true
            // `resp` must be the last parameter.
            return .send(
                Array("AUTH\t\(Self.requestID)\tPLAIN\tservice=smtp\tnologin\tsecured\tresp=\(response)\n".utf8)
            )
        case .accepted(let id, let user):
            guard hasAsked, id == Self.requestID else { return .ended(.unavailable) }
            return .ended(.accepted(login: user.flatMap { $0.isEmpty ? nil : $0 } ?? login))
        case .rejected(let id, let isTemporary):
            guard hasAsked, id == Self.requestID else { return .ended(.unavailable) }
            return .ended(isTemporary ? .unavailable : .rejected)
        case .challenge(let id, _):
            guard hasAsked, id == Self.requestID else { return .ended(.unavailable) }
            return .send(Array("CONT\t\(Self.requestID)\t\(response)\n".utf8))
        case .other:
            break
        }
        return .send([])
    }
}
