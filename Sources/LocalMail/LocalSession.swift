// SPDX-License-Identifier: Apache-2.0

import Glibc
package import Mail
package import SMTPWire

/// The program's end of the gateway's unix socket: SMTP as a client, one message, blocking.
package final class LocalSession {
    /// The gateway does not answer there, or ended in mid-dialogue.
    package struct Gone: Error {
        package init() {}
    }

    /// What EHLO told: what names without a domain get, and the caller's own address.
    package struct Greeting: Sendable, Equatable {
        package let domain: Domain
        /// Nil when the gateway does not know this user.
        package let address: EmailAddress?

        /// Reads the answer to EHLO.
        package init?(_ reply: RemoteReply) {
            for line in reply.lines {
                let words = line.split(separator: " ")
                guard words.first == "XPOSTERN", words.count >= 2, let domain = Domain(String(words[1])) else {
                    continue
                }
                self.domain = domain
                address = words.count > 2 ? EmailAddress(String(words[2])) : nil
                return
            }
            return nil
        }
    }

    package let descriptor: Int32
    private var parser = ReplyParser()

    /// Connects; throws ``Gone`` when nobody listens.
    package init(path: String) throws(Gone) {
        descriptor = socket(AF_UNIX, Int32(SOCK_STREAM.rawValue) | Int32(SOCK_CLOEXEC.rawValue), 0)
        guard descriptor >= 0 else { throw Gone() }
        // Longer than any gateway takes for a message; a program must not wait for ever.
        var patience = timeval(tv_sec: 600, tv_usec: 0)
        for option in [SO_RCVTIMEO, SO_SNDTIMEO] {
            setsockopt(descriptor, SOL_SOCKET, option, &patience, socklen_t(MemoryLayout<timeval>.size))
        }
        var address = sockaddr_un()
        address.sun_family = sa_family_t(AF_UNIX)
        let name = Array(path.utf8)
        let fits = name.count < MemoryLayout.size(ofValue: address.sun_path)
        if fits { withUnsafeMutableBytes(of: &address.sun_path) { $0.copyBytes(from: name) } }
        let length = socklen_t(MemoryLayout<sockaddr_un>.size)
        let isConnected =
            fits
            && withUnsafePointer(to: &address) { pointer in
                pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) { connect(descriptor, $0, length) == 0 }
            }
        guard isConnected else {
            close(descriptor)
            throw Gone()
        }
    }

    deinit { close(descriptor) }

    /// The next whole reply.
    package func reply() throws(Gone) -> RemoteReply {
        var buffer = [UInt8](repeating: 0, count: 4096)
        while true {
            do {
                if let reply = try parser.next() { return reply }
            } catch {
                throw Gone()
            }
            let count = recv(descriptor, &buffer, buffer.count, 0)
            if count < 0 && errno == EINTR { continue }
            guard count > 0 else { throw Gone() }
            parser.append(buffer[..<count])
        }
    }

    /// Sends a command and waits for its reply.
    package func ask(_ command: String) throws(Gone) -> RemoteReply {
        try send(Array((command + "\r\n").utf8))
        return try reply()
    }

    package func send(_ bytes: [UInt8]) throws(Gone) {
        var sent = 0
        while sent < bytes.count {
            let count = bytes[sent...].withUnsafeBytes {
                Glibc.send(descriptor, $0.baseAddress, $0.count, Int32(MSG_NOSIGNAL))
            }
            if count < 0 && errno == EINTR { continue }
            guard count > 0 else { throw Gone() }
            sent += count
        }
    }

    /// Greets; what EHLO told, or the refusal.
    package func greet() throws(Gone) -> Result<Greeting, Refused> {
        let opening = try reply()
        guard opening.isSuccess else { return .failure(Refused(opening, .greeting)) }
        let answer = try ask("EHLO localhost")
        guard answer.isSuccess, let greeting = Greeting(answer) else { return .failure(Refused(answer, .greeting)) }
        return .success(greeting)
    }

    /// What the gateway refused, and at which step.
    package struct Refused: Error {
        package enum Step: Sendable {
            case greeting
            case sender
            case recipient
            case content
        }

        package let reply: RemoteReply
        package let step: Step

        init(_ reply: RemoteReply, _ step: Step) {
            self.reply = reply
            self.step = step
        }

        /// Whether the gateway itself is the reason (closing down, locked, no room), and not this message.
        package var isGatewayDown: Bool {
            reply.code == 421 || (reply.isTransientFailure && reply.enhanced?.status.subject == 3)
        }
    }

    /// Hands over one message to all recipients or to none; the gateway's words.
    package func send(
        from sender: EmailAddress?,
        to recipients: [EmailAddress],
        message: any ByteSource,
        options: SendmailArguments
    ) async throws -> RemoteReply {
        var mail = "MAIL FROM:<" + (sender?.wire ?? "") + "> SIZE=\(message.count)"
        if ([sender].compactMap { $0 } + recipients).contains(where: { !$0.isASCII }) { mail += " SMTPUTF8" }
        if let ret = options.ret { mail += " RET=" + ret.rawValue }
        if let identifier = options.envelopeID { mail += " ENVID=" + XText.encode(identifier) }
        try check(try ask(mail), .sender)
        let notify = options.notify.map { " NOTIFY=" + $0.wire } ?? ""
        for recipient in recipients { try check(try ask("RCPT TO:<" + recipient.wire + ">" + notify), .recipient) }
        let goAhead = try ask("DATA")
        guard goAhead.isIntermediate else { throw Refused(goAhead, .content) }
        var stuffer = DotStuffer()
        var producer = SourceProducer(message)
        while let chunk = try await producer.next() {
            var wire: [UInt8] = []
            try stuffer.encode(chunk[...], into: &wire)
            try send(wire)
        }
        var end: [UInt8] = []
        try stuffer.finish(into: &end)
        try send(end)
        let answer = try reply()
        try check(answer, .content)
        try? send(Array("QUIT\r\n".utf8))
        return answer
    }

    private func check(_ reply: RemoteReply, _ step: Refused.Step) throws(Refused) {
        guard reply.isSuccess else { throw Refused(reply, step) }
    }
}
