// SPDX-License-Identifier: Apache-2.0

import Keyring
package import Mail
import Privacy
import Settings
package import Store

/// A message that the gateway writes to its operator: ASCII, and nothing in it about anybody's mail.
package struct OwnMail: Sendable {
    package var subject: String
    package var lines: [String]

    package init(subject: String, lines: [String]) {
        self.subject = subject
        self.lines = lines
    }
}

/// Why a message of the gateway's own did not leave.
package enum OwnMailProblem: Error {
    case noRoute
    /// The policy for the address asks for a key, and none is known.
    case noKey
    /// A confirmed key is expired, revoked or unusable; nothing falls back to clear.
    case keyUnusable
    case notStored
}

extension Pipeline {
    /// Queues a message of the gateway's own, encrypted for everybody who has a key, whatever the mode.
    ///
    /// It has the null sender: nothing ever comes back because of it.
    @concurrent
    package func send(_ mail: OwnMail, to address: EmailAddress) async throws(OwnMailProblem) -> MessageID {
        do {
            return try await compose(mail, to: address)
        } catch let problem as OwnMailProblem {
            throw problem
        } catch {
            throw .notStored
        }
    }

    private func compose(_ mail: OwnMail, to address: EmailAddress) async throws -> MessageID {
        let id = MessageID()
        let now = time.wall()
        let header = header(of: mail, to: address, id: id)
        let body = MemorySource(Array((mail.lines.joined(separator: "\r\n") + "\r\n").utf8))
        let outline = try await Self.outline(of: body, header: header)
        var composer = CopyComposer(
            header: header,
            body: body,
            hasEmptyLine: true,
            now: now,
            gatewayLabel: settings.protection.gatewayLabel,
            worker: worker
        )
        var copies: [NewCopy] = []
        var problem = OwnMailProblem.noRoute
        for target in try await aliases.destinations(for: address).map(\.address) {
            guard let hint = nextHopHint(target) else { continue }
            let effective = rules.effective(for: target)
            let content: Int
            var protection = Protection.clear(.noKey)
            switch try await rules.finding(for: target, at: now) {
            case .usable(let keys):
                protection = .encrypt(keys)
                content = try await composer.encrypted(to: keys, effective: effective, outline: outline)
            case .unusable:
                problem = .keyUnusable
                continue
            case .none where effective.mode == .required:
                problem = .noKey
                continue
            case .none: content = try await composer.clear()
            }
            copies.append(
                NewCopy(
                    recipient: target,
                    dsn: CopyDSN(notify: .never),
                    content: content,
                    protection: protection.word,
                    nextHopHint: hint
                )
            )
        }
        guard !copies.isEmpty else { throw problem }
        let envelope = Envelope(
            reversePath: .null,
            origin: .ours,
            arrival: now,
            protocolName: "LOCAL",
            smtpUTF8: !address.isASCII
        )
        try await queue.enqueue(NewMessage(id: id, envelope: envelope, contents: composer.contents, copies: copies))
        return id
    }

    private func header(of mail: OwnMail, to address: EmailAddress, id: MessageID) -> HeaderSection {
        let host = settings.hostname.key
        let fields = [
            "From: Postern <postern@\(host)>", "To: \(address.wire)", "Subject: \(mail.subject)",
            "Date: \(MessageDate.format(time.calendar().seconds))", "Message-ID: <\(id.logText)@\(host)>",
            "Auto-Submitted: auto-generated", "MIME-Version: 1.0", "Content-Type: text/plain; charset=us-ascii",
        ]
        return HeaderSection(parsing: Array(fields.map { $0 + "\r\n" }.joined().utf8))
    }
}
