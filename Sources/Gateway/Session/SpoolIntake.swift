// SPDX-License-Identifier: Apache-2.0

import LocalMail
import Mail
import NIOCore
import Pipeline
import Privacy
import SMTPWire
import ServiceLifecycle
package import Settings
import Store
import Synchronization
package import Vault

/// Takes in the sealed mail that programs left while nobody answered on the socket: at the start, and whenever some
/// appears.
///
/// A file goes only after its message is durable. What can't be taken in for good is set aside, and an alarm says so.
struct SpoolIntake: Service {
    private static let pause = Duration.seconds(2)
    /// After what may pass by itself.
    private static let retry = Duration.seconds(60)

    private let inbox: SpoolInbox
    private let limits: SpoolSettings
    private let key: SpoolKey
    private let services: SessionServices
    private let data: DataDirectory
    private let alarms: AlarmBoard
    /// Files that had to wait, by name.
    private let waits = WaitingFiles()

    private final class WaitingFiles: Sendable {
        let until = Mutex<[String: BootTime]>([:])
    }

    /// What becomes of a file.
    private enum Verdict {
        case taken
        case later
        case setAside(StaticString)
    }

    /// Makes the key where there is none yet, and the spool where the settings ask for one.
    static func prepare(_ services: SessionServices, data: DataDirectory, alarms: AlarmBoard) throws -> SpoolIntake? {
        do {
            let key = try SpoolKey.ensure(in: data.path, vault: data.vault)
            guard let limits = services.settings.spool else { return nil }
            let inbox = try SpoolPlace.prepare(services.settings, limits, key)
            return SpoolIntake(
                inbox: inbox,
                limits: limits,
                key: key,
                services: services,
                data: data,
                alarms: alarms
            )
        } catch let problem as PlaceProblem {
            throw GatewayProblem(problem.sentence)
        } catch let error as VaultError {
            throw GatewayProblem(
                "The file \(SpoolKey.fileName) in \(data.path) can't be used: \(error.sentence) Without it, and with the spool empty, "
                    + "a new one is made at the next start."
            )
        }
    }

    private init(
        inbox: SpoolInbox,
        limits: SpoolSettings,
        key: SpoolKey,
        services: SessionServices,
        data: DataDirectory,
        alarms: AlarmBoard
    ) {
        self.inbox = inbox
        self.limits = limits
        self.key = key
        self.services = services
        self.data = data
        self.alarms = alarms
    }

    func run() async throws {
        await cancelWhenGracefulShutdown {
            while !Task.isCancelled {
                await sweep()
                try? await services.time.sleep(for: Self.pause)
            }
        }
    }

    /// One look through the spool.
    private func sweep() async {
        let now = services.time.boot()
        waits.until.withLock { waits in waits = waits.filter { $0.value > now } }
        var messages: [UInt32: Int] = [:]
        var bytes: [UInt32: Int] = [:]
        for entry in inbox.waiting(now: Int(services.time.wall().seconds)) {
            if Task.isCancelled { return }
            messages[entry.userID, default: 0] += 1
            // A file with holes may claim any size.
            bytes[entry.userID, default: 0] += min(entry.bytes, limits.bytes + 1)
            let isTooMuch =
                messages[entry.userID, default: 0] > limits.messages || bytes[entry.userID, default: 0] > limits.bytes
            guard waits.until.withLock({ $0[entry.name] == nil }) else { continue }
            if isTooMuch { setAside(entry, "over the quota") } else { await settle(entry) }
        }
        report()
    }

    private func settle(_ entry: SpoolInbox.Entry) async {
        guard entry.isRegular, let file = inbox.open(entry.name) else {
            return setAside(entry, "not a file of its own")
        }
        switch await take(file) {
        case .taken:
            inbox.remove(entry.name)
            services.counters.add("messages taken from the spool")
        case .later: wait(entry)
        case .setAside(let why): setAside(entry, why)
        }
    }

    /// Opens a file, judges it as a session would, and hands it to the pipeline.
    @concurrent
    private func take(_ file: SpoolFile) async -> Verdict {
        let opening = file.read(at: 0, count: SealedStream.headerBytes)
        let info = SpoolNotice.info(userID: file.userID)
        let id = MessageID(hash: data.vault.keyedHash("spool-file", info + opening))
        do {
            // It was taken in, and a crash kept the file.
            if try await !data.queue.trace(id).isEmpty { return .taken }
        } catch {
            return .later
        }
        guard let caller = await services.callers.caller(userID: file.userID) else {
            return .setAside("a user who may not send")
        }
        var content: OpenedContent
        do throws(VaultError) {
            let opener = try key.opener(header: opening, info: info)
            content = OpenedContent(opener: opener, intake: newIntake())
        } catch {
            return .setAside("does not open")
        }
        guard await content.read(file) else { return .setAside("does not open") }
        guard services.callers.mayStart(caller) else { return .later }
        return await accept(content, from: caller, id: id)
    }

    private func accept(_ opened: OpenedContent, from caller: LocalCaller, id: MessageID) async -> Verdict {
        var opened = opened
        guard let envelope = opened.envelope else { return .setAside("does not open") }
        guard let mail = mailParameters(envelope, caller) else { return .setAside("a sender that is not the user's") }
        let origin = Origin.ours(.local(caller))
        guard envelope.recipients.count <= services.settings.limits.recipients else {
            return .setAside("too many recipients")
        }
        var recipients: [AcceptedRecipient] = []
        for text in envelope.recipients {
            guard let address = services.callers.address(text) else {
                return .setAside("a recipient that is no address")
            }
            if let refusal = await services.recipients.refusal(of: address, for: origin) {
                return refusal.class == .transient ? .later : .setAside("a recipient who gets no mail here")
            }
            recipients.append(AcceptedRecipient(address: address, notify: envelope.notify.flatMap(Notify.init(wire:))))
        }
        guard let content = await opened.intake.finish() else { return verdict(on: opened.intake.failure) }
        let message = IncomingMessage(
            id: id,
            origin: origin,
            mail: mail,
            recipients: recipients,
            header: services.callers.completed(content.header, from: caller, fullName: envelope.fullName),
            body: content.body,
            hasEmptyLine: content.hasEmptyLine,
            protocolName: "local",
            arrival: services.time.wall()
        )
        switch await services.pipeline.accept(message) {
        case .accepted(let summary):
            for (word, number) in summary.counts { services.counters.add(word, number) }
            return .taken
        case .refused(let refusal):
            return verdict(on: AcceptanceReply.reply(to: .refused(refusal), id: id))
        }
    }

    private func verdict(on reply: Reply?) -> Verdict {
        reply?.class == .permanent ? .setAside("a message that is refused") : .later
    }

    private func mailParameters(_ envelope: SpoolEnvelope, _ caller: LocalCaller) -> MailParameters? {
        var path = ReversePath.address(caller.address)
        if let sender = envelope.sender {
            if sender.isEmpty {
                path = .null
            } else {
                let separator = services.settings.tagSeparator
                guard let address = services.callers.address(sender),
                    caller.maySend(as: address, tagSeparator: separator)
                else { return nil }
                path = .address(address)
            }
        }
        let addresses =
            [path.address].compactMap { $0 } + envelope.recipients.compactMap { services.callers.address($0) }
        return MailParameters(
            reversePath: path,
            smtpUTF8: addresses.contains { !$0.isASCII },
            ret: envelope.ret.flatMap(DSNReturn.init(rawValue:)),
            envid: envelope.envelopeID.flatMap { Self.isEnvelopeID($0) ? $0 : nil }
        )
    }

    /// What `ENVID=` may hold (RFC 3461 section 4.4).
    private static func isEnvelopeID(_ text: String) -> Bool {
        text.utf8.count <= 100 && text.utf8.allSatisfy { (0x20...0x7E).contains($0) }
    }

    private func newIntake() -> BodyIntake {
        let limits = services.settings.limits
        return BodyIntake(
            maxBytes: limits.messageBytes,
            maxHeaderBytes: limits.headerBytes,
            spool: BodySpool(directory: services.spoolDirectory, budget: services.bodyMemory)
        )
    }

    private func wait(_ entry: SpoolInbox.Entry) {
        let until = services.time.boot() + Self.retry
        waits.until.withLock { $0[entry.name] = until }
    }

    private func setAside(_ entry: SpoolInbox.Entry, _ why: StaticString) {
        guard inbox.setAside(entry.name, as: MessageID().text) else {
            services.log.error("a file of the spool can't be set aside")
            return wait(entry)
        }
        services.counters.add("spool files set aside")
        services.log.warning("a file of the spool was set aside", .word("why", why))
    }

    private func report() {
        let count = inbox.asideCount
        guard count > 0 else { return alarms.clear(.spoolSetAside) }
        alarms.raise(
            .spoolSetAside,
            "\(count) of the messages that programs left in the spool could not be taken in and lie in "
                + "\(inbox.directory)/\(SpoolInbox.asideName)."
        )
    }
}

/// Makes the spool ready for programs.
package enum SpoolPlace {
    /// For a vault that was just made.
    package static func make(
        _ settings: PosternSettings,
        _ limits: SpoolSettings,
        _ key: SpoolKey
    ) throws(GatewayProblem) {
        do {
            _ = try prepare(settings, limits, key)
        } catch {
            throw GatewayProblem(error.sentence)
        }
    }

    static func prepare(
        _ settings: PosternSettings,
        _ limits: SpoolSettings,
        _ key: SpoolKey
    ) throws(PlaceProblem) -> SpoolInbox {
        let inbox = try SpoolInbox(directory: limits.directory)
        try inbox.publish(
            SpoolNotice(
                publicKey: key.publicKey,
                domain: settings.localDomain.wire,
                messages: limits.messages,
                bytes: limits.bytes
            )
        )
        return inbox
    }
}

/// A file of the spool while it is opened, chunk by chunk.
private struct OpenedContent {
    var opener: StreamOpener
    var intake: BodyIntake
    private(set) var envelope: SpoolEnvelope?
    private var line: [UInt8] = []

    init(opener: StreamOpener, intake: BodyIntake) {
        self.opener = opener
        self.intake = intake
    }

    /// False when it does not open, or holds no envelope.
    mutating func read(_ file: SpoolFile) async -> Bool {
        let size = SealedStream.chunkSize + SealedStream.overhead
        var offset = SealedStream.headerBytes
        repeat {
            let sealed = file.read(at: offset, count: size)
            offset += sealed.count
            guard !sealed.isEmpty, let chunk = try? opener.open(sealed[...], isLast: offset >= file.count) else {
                return false
            }
            guard await take(chunk) else { return false }
        } while offset < file.count
        return envelope != nil
    }

    private mutating func take(_ chunk: [UInt8]) async -> Bool {
        guard envelope == nil else {
            await intake.take(ByteBuffer(bytes: chunk))
            return true
        }
        guard let end = chunk.firstIndex(of: 10) else {
            line += chunk
            return line.count <= SpoolEnvelope.maxBytes
        }
        envelope = SpoolEnvelope(line + chunk[..<end])
        if end + 1 < chunk.count { await intake.take(ByteBuffer(bytes: chunk[(end + 1)...])) }
        return envelope != nil
    }
}

extension Notify {
    /// What a RCPT parameter carries.
    init?(wire: String) {
        if wire == "NEVER" {
            self = .never
            return
        }
        var result: Notify = []
        for word in wire.split(separator: ",") {
            switch word {
            case "SUCCESS": result.insert(.success)
            case "FAILURE": result.insert(.failure)
            case "DELAY": result.insert(.delay)
            default: return nil
            }
        }
        self = result
    }
}
