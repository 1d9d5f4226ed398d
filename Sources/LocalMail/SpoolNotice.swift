// SPDX-License-Identifier: Apache-2.0

package import FoundationEssentials
import Vault

/// What stands readable in the spool directory for every program that may have to leave mail there: the public key to
/// seal to, and what a user may leave.
package struct SpoolNotice: Codable, Sendable, Equatable {
    /// Its name in the spool directory.
    package static let fileName = "postern-spool.json"

    package var version = 1
    /// X25519, 32 bytes.
    package var publicKey: Data
    /// What names without a domain get.
    package var domain: String
    /// How many messages of one user may lie in the spool.
    package var messages: Int
    /// How many bytes of one user may.
    package var bytes: Int

    package init(publicKey: [UInt8], domain: String, messages: Int, bytes: Int) {
        self.publicKey = Data(publicKey)
        self.domain = domain
        self.messages = messages
        self.bytes = bytes
    }

    package var encoded: [UInt8] {
        let encoder = JSONEncoder()
        encoder.outputFormatting = [.sortedKeys]
        return ((try? encoder.encode(self)).map { [UInt8]($0) } ?? []) + [10]
    }

    package init?(_ bytes: [UInt8]) {
        guard let notice = try? JSONDecoder().decode(SpoolNotice.self, from: Data(bytes)), notice.version == 1,
            notice.publicKey.count == SealedStream.keyBytes, notice.messages > 0, notice.bytes > 0
        else { return nil }
        self = notice
    }

    /// What the seal of a message binds: it opens only for the user who sealed it.
    package static func info(userID: UInt32) -> [UInt8] { Array("postern spool v1 user \(userID)".utf8) }
}

/// What a message in the spool begins with, sealed like the rest: one line of JSON, then the message with CRLF line ends.
package struct SpoolEnvelope: Codable, Sendable, Equatable {
    /// No line may be longer.
    package static let maxBytes = 1 << 20

    /// Nil: the user's own address; empty: the null sender.
    package var sender: String?
    package var recipients: [String]
    /// As RCPT's parameter carries it.
    package var notify: String?
    /// As MAIL's parameter carries it.
    package var ret: String?
    package var envelopeID: String?
    /// For a From that is missing.
    package var fullName: String?

    package init(
        sender: String?,
        recipients: [String],
        notify: String? = nil,
        ret: String? = nil,
        envelopeID: String? = nil,
        fullName: String? = nil
    ) {
        self.sender = sender
        self.recipients = recipients
        self.notify = notify
        self.ret = ret
        self.envelopeID = envelopeID
        self.fullName = fullName
    }

    /// The line, with its end.
    package var encoded: [UInt8] { ((try? JSONEncoder().encode(self)).map { [UInt8]($0) } ?? []) + [10] }

    /// Reads a line without its end.
    package init?(_ line: [UInt8]) {
        guard line.count <= Self.maxBytes,
            let envelope = try? JSONDecoder().decode(SpoolEnvelope.self, from: Data(line)), !envelope.recipients.isEmpty
        else { return nil }
        self = envelope
    }
}
