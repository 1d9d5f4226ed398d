// SPDX-License-Identifier: Apache-2.0

import ArgumentParser
import Glibc
import LocalMail
import Mail
import SMTPWire
import Settings
import Store
import Vault

/// The program behind `sendmail`, `mailq` and `newaliases`.
enum SendmailProgram {
    /// The name under which the process was started, when it is one of sendmail's.
    static func name(calledAs path: String?) -> String? {
        let name = path?.split(separator: "/").last.map { String($0) }
        return ["sendmail", "mailq", "newaliases"].first { $0 == name }
    }

    /// Does what the arguments ask, and ends the process.
    static func run(_ arguments: [String], calledAs name: String) async -> Never {
        signal(SIGPIPE, SIG_IGN)
        // The message is here in clear.
        ProcessHardening.apply()
        do {
            var options = try SendmailArguments(arguments)
            if name == "mailq" { options.mode = .queue }
            if name == "newaliases" { options.mode = .aliases }
            if options.wantsHelp {
                print(Postern.helpMessage(for: SendmailCommand.self))
                end(.done)
            }
            try await run(options)
            end(.done)
        } catch let failure as SendmailFailure {
            Terminal.complain("sendmail: " + failure.sentence)
            end(failure.exit)
        } catch let failure as CommandFailure {
            Terminal.complain("sendmail: " + failure.sentence)
            end(.settings)
        } catch {
            Terminal.complain("sendmail: The message could not be read or kept; is there room on the disk?")
            end(.tryAgain)
        }
    }

    private static func run(_ options: SendmailArguments) async throws {
        switch options.mode {
        case .queueRun: return
        case .aliases:
            print(
                "Aliases are kept by the gateway, where every change counts at once: `postern user alias add ADDRESS TARGET`."
            )
        case .queue: print("The queue is sealed; its operator sees it with `postern queue list`.")
        case .smtp: try SMTPRelay.run(try SendmailPlace(options))
        case .message: try await SendmailSubmission(options, try SendmailPlace(options)).run()
        }
    }

    private static func end(_ status: SendmailExit) -> Never {
        fflush(nil)
        exit(status.rawValue)
    }
}

/// Where the gateway's socket and spool are.
struct SendmailPlace {
    let socket: String
    let spool: String
    /// What names without a domain get while no gateway tells; nil when only it knows.
    let domain: Domain?

    init(_ options: SendmailArguments) throws {
        var socket = Listener.defaultPath
        var spool = SpoolSettings.defaultDirectory
        var domain: Domain?
        if options.place["config"] != nil || options.place["data"] != nil {
            var place = GatewayPlace()
            place.config = options.place["config"]
            place.data = options.place["data"]
            place.portBase = nil
            let settings = try place.locate().settings
            domain = settings.localDomain
            spool = settings.spool?.directory ?? ""
            guard let path = settings.listeners.first(where: { $0.role == .local })?.path ?? options.place["socket"]
            else {
                throw SendmailFailure(
                    .settings,
                    "These settings have no listener for programs of this machine; add a [[listener]] with role = \"local\"."
                )
            }
            socket = path
        }
        self.socket = options.place["socket"] ?? socket
        self.spool = options.place["spool"] ?? spool
        self.domain = domain
    }

    var downSentence: String {
        "No gateway takes mail at \(socket) now; try again later, or start or unlock it (`postern status`)."
    }
}

/// One message: read, prepared, handed over or left in the spool.
struct SendmailSubmission {
    private static let maxHeaderBytes = 16 << 20

    private let options: SendmailArguments
    private let place: SendmailPlace

    init(_ options: SendmailArguments, _ place: SendmailPlace) {
        self.options = options
        self.place = place
    }

    func run() async throws {
        if options.recipients.isEmpty, !options.readsRecipients {
            throw SendmailFailure(.usage, "No recipient was named; name one, or say -t to take them from the header.")
        }
        let message = try await read()
        do {
            try await submit(message)
        } catch let refused as LocalSession.Refused where refused.isGatewayDown {
            try await leave(message)
        } catch let refused as LocalSession.Refused {
            throw Self.failure(refused)
        } catch is LocalSession.Gone {
            try await leave(message)
        }
    }

    /// The header, edited, and the body, both with CRLF line ends.
    private struct Message {
        let header: HeaderSection
        let body: any ByteSource

        func source(_ header: HeaderSection) -> any ByteSource {
            ConcatenatedSource([MemorySource(header.bytes + [13, 10]), body])
        }
    }

    private func read() async throws -> Message {
        var text = TextToWire(ignoresDots: options.ignoresDots)
        var splitter = LocalHeaderSplitter()
        let body = BodySpool(directory: Self.temporaryDirectory, budget: ByteBudget(limit: 64 << 20))
        var buffer = [UInt8](repeating: 0, count: 65_536)
        do {
            while !text.hasEnded {
                let count = Glibc.read(STDIN_FILENO, &buffer, buffer.count)
                if count < 0 && errno == EINTR { continue }
                guard count > 0 else { break }
                var wire: [UInt8] = []
                try text.convert(buffer[..<count], into: &wire)
                try await body.append(splitter.consume(wire[...]))
                guard splitter.header.count <= Self.maxHeaderBytes else {
                    throw SendmailFailure(.badData, "The header of the message is larger than any mail's.")
                }
            }
            var rest: [UInt8] = []
            try text.finish(into: &rest)
            try await body.append(splitter.consume(rest[...]) + splitter.finish())
        } catch is TextToWire.LoneCarriageReturn {
            throw SendmailFailure(
                .badData,
                "The message holds a carriage return (CR) without a line feed, which has no meaning in mail; write lines that end "
                    + "in LF or CRLF."
            )
        }
        let header = LocalHeader.withoutMboxLine(HeaderSection(parsing: splitter.header))
        return Message(header: header, body: try await body.finish())
    }

    private static var temporaryDirectory: String {
        let named = getenv("TMPDIR").flatMap { String(validatingCString: $0) }
        return named.flatMap { $0.hasPrefix("/") ? $0 : nil } ?? "/tmp"
    }

    /// Whom the message goes to, and its header without Bcc.
    private func addressed(_ message: Message, domain: Domain) throws -> (
        recipients: [EmailAddress], header: HeaderSection
    ) {
        let local = LocalHeader(domain: domain)
        var recipients = try options.recipients.flatMap { $0.split(separator: ",") }.map { text in
            guard let address = local.address(String(text.drop { $0 == " " })) else {
                throw SendmailFailure(
                    .badData,
                    "One of the recipients is no mail address; write them as name@example.org."
                )
            }
            return address
        }
        var header = message.header
        if options.readsRecipients {
            recipients += local.recipients(in: header)
            header.remove { $0.isNamed("Bcc") || $0.isNamed("Resent-Bcc") }
        }
        var seen: Set<EmailAddress> = []
        recipients = recipients.filter { seen.insert($0).inserted }
        guard !recipients.isEmpty else {
            throw SendmailFailure(
                .badData,
                "The header names no recipient in To, Cc or Bcc, and none was named otherwise."
            )
        }
        return (recipients, header)
    }

    private func sender(_ text: String, domain: Domain) throws(SendmailFailure) -> EmailAddress? {
        if text.isEmpty { return nil }
        guard let address = LocalHeader(domain: domain).address(text) else {
            throw SendmailFailure(.badData, "The sender given by -f is no mail address; write it as name@example.org.")
        }
        return address
    }

    /// Hands the message to the gateway.
    private func submit(_ message: Message) async throws {
        let session = try LocalSession(path: place.socket)
        let greeting = try session.greet().get()
        let own = greeting.address
        var (recipients, header) = try addressed(message, domain: greeting.domain)
        if header.first("From") == nil, let own, let name = options.fullName {
            header = LocalHeader(domain: greeting.domain).completed(
                header,
                sender: own,
                maySend: { _ in true },
                fullName: name
            )
        }
        let sender = try options.sender.map { try self.sender($0, domain: greeting.domain) } ?? own
        let reply = try await session.send(
            from: sender,
            to: recipients,
            message: message.source(header),
            options: options
        )
        if options.isVerbose { print(reply.lines.joined(separator: " ")) }
    }

    /// Leaves it in the spool, where the operator asked for one.
    private func leave(_ message: Message) async throws {
        guard !place.spool.isEmpty, let outbox = SpoolOutbox(directory: place.spool) else {
            throw SendmailFailure(.tryAgain, place.downSentence)
        }
        guard let domain = place.domain ?? Domain(outbox.notice.domain) else {
            throw SendmailFailure(.tryAgain, place.downSentence)
        }
        let (recipients, header) = try addressed(message, domain: domain)
        let sender = try options.sender.map { try self.sender($0, domain: domain)?.wire ?? "" }
        let envelope = SpoolEnvelope(
            sender: sender,
            recipients: recipients.map(\.wire),
            notify: options.notify?.wire,
            ret: options.ret?.rawValue,
            envelopeID: options.envelopeID,
            fullName: options.fullName
        )
        try await outbox.leave(envelope, message: message.source(header))
        if options.isVerbose { print("left in the spool, sealed, until the gateway is up") }
    }

    /// What a refusal means, in a sentence with its remedy.
    private static func failure(_ refused: LocalSession.Refused) -> SendmailFailure {
        let exit = SendmailExit(refusal: refused.reply)
        let words = refused.reply.lines.joined(separator: " ")
        let remedy =
            switch (refused.step, exit) {
            case (.sender, .notAllowed):
                "Send without -f, or let the operator list this user and the address under send_as in a [[caller]] of postern.toml."
            case (.content, .notAllowed):
                "Write a From of yours, or let the operator list the address under send_as in a [[caller]] of postern.toml."
            case (.recipient, .noUser): "Look whether it is spelt right, or make an alias: `postern user alias add`."
            default: "The message was not taken."
            }
        return SendmailFailure(exit, "The gateway says: \(refused.reply.statusText) \(words). \(remedy)")
    }
}

/// `-bs`: passes an SMTP conversation between standard input and output and the gateway's socket.
enum SMTPRelay {
    static func run(_ place: SendmailPlace) throws {
        guard let session = try? LocalSession(path: place.socket) else {
            say("421 4.3.2 no gateway takes mail now, try again later\r\n")
            throw SendmailFailure(.tryAgain, place.downSentence)
        }
        var polled = [
            pollfd(fd: STDIN_FILENO, events: Int16(POLLIN), revents: 0),
            pollfd(fd: session.descriptor, events: Int16(POLLIN), revents: 0),
        ]
        var buffer = [UInt8](repeating: 0, count: 65_536)
        while true {
            guard poll(&polled, 2, -1) >= 0 || errno == EINTR else { return }
            if polled[1].revents != 0 {
                let count = recv(session.descriptor, &buffer, buffer.count, 0)
                guard count > 0 else { return }
                say(buffer[..<count])
            }
            if polled[0].revents != 0 {
                let count = read(STDIN_FILENO, &buffer, buffer.count)
                if count > 0 {
                    try session.send(Array(buffer[..<count]))
                } else {
                    // What the gateway still has to say comes all the same.
                    shutdown(session.descriptor, Int32(SHUT_WR))
                    polled[0].fd = -1
                    polled[0].revents = 0
                }
            }
        }
    }

    private static func say(_ text: String) { say(ArraySlice(Array(text.utf8))) }

    private static func say(_ bytes: ArraySlice<UInt8>) {
        var rest = bytes
        while !rest.isEmpty {
            let count = rest.withUnsafeBytes { write(STDOUT_FILENO, $0.baseAddress, $0.count) }
            if count < 0 && errno == EINTR { continue }
            guard count > 0 else { return }
            rest = rest.dropFirst(count)
        }
    }
}
