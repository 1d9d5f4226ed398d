// SPDX-License-Identifier: Apache-2.0

import Accounts
import SMTPWire

/// The answers of a SASL exchange (RFC 4616 PLAIN, and LOGIN), apart from the channel.
struct SASLExchange {
    /// What to do next.
    enum Step {
        /// Send this challenge and wait for an answer.
        case challenge([UInt8])
        /// Ask the accounts.
        case verify(login: String, password: [UInt8])
        case refuse(Reply)
    }

    private enum Stage {
        case plain
        case loginName
        case loginPassword(String)
    }

    private var stage: Stage

    /// Nil for a mechanism that is not offered.
    init?(mechanism: String) {
        switch mechanism.uppercased() {
        case "PLAIN": stage = .plain
        case "LOGIN": stage = .loginName
        default: return nil
        }
    }

    /// The first step: with the initial response when the client sent one.
    mutating func begin(_ initial: [UInt8]?) -> Step {
        if let initial { return answer(initial) }
        return switch stage {
        case .plain: .challenge([])
        case .loginName, .loginPassword: .challenge(Array("Username:".utf8))
        }
    }

    mutating func answer(_ bytes: [UInt8]) -> Step {
        switch stage {
        case .plain:
            return plain(bytes)
        case .loginName:
            guard let name = String(validating: bytes, as: UTF8.self), !name.isEmpty else {
                return .refuse(.badCredentials)
            }
            stage = .loginPassword(name)
            return .challenge(Array("Password:".utf8))
        case .loginPassword(let name):
            return .verify(login: name, password: bytes)
        }
    }

    /// `authzid NUL authcid NUL password`; to act as somebody else is not offered.
    private func plain(_ bytes: [UInt8]) -> Step {
        let parts = bytes.split(separator: 0, omittingEmptySubsequences: false)
        guard parts.count == 3, let name = String(validating: parts[1], as: UTF8.self), !name.isEmpty,
            parts[0].isEmpty || parts[0].elementsEqual(parts[1])
        else { return .refuse(.badCredentials) }
        return .verify(login: name, password: Array(parts[2]))
    }
}
