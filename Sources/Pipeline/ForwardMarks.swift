// SPDX-License-Identifier: Apache-2.0

import Mail
import Vault

/// `Postern-Forwarded`: says to this gateway alone which of its addresses has sent a message on, so that a forward that
/// comes back ends there.
///
/// Each value is a nonce and a keyed hash of nonce and address: nobody else can tell the address, or that two messages
/// came by the same one.
struct ForwardMarks: Sendable {
    static let field = "Postern-Forwarded"

    let vault: Vault

    /// A new mark for `address`.
    func make(for address: EmailAddress) -> String {
        let nonce = Base32.encode(Vault.randomBytes(15))
        return nonce + "." + hash(nonce, address)
    }

    /// Whether `address` has sent this message on before.
    func isMarked(_ header: HeaderSection, by address: EmailAddress) -> Bool {
        header.fields(Self.field).contains { line in
            let parts = String(decoding: line.value, as: UTF8.self).split(separator: ".")
            return parts.count == 2 && parts[0].utf8.count == 24 && hash(String(parts[0]), address) == parts[1]
        }
    }

    /// The header of a copy that `address` sends on.
    func marked(_ header: HeaderSection, by address: EmailAddress) -> HeaderSection {
        var header = header
        header.prepend(Self.field, make(for: address))
        return header
    }

    private func hash(_ nonce: String, _ address: EmailAddress) -> String {
        Base32.encode(vault.keyedHash("forward mark", Array((nonce + "\0" + address.lookupKey).utf8)).prefix(15))
    }
}
