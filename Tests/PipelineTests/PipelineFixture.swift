// SPDX-License-Identifier: Apache-2.0

import Accounts
import Commitment
import DNSResolver
import Foundation
import Keyring
import Mail
import OpenPGP
import Privacy
import SMTPWire
import Settings
import Store
import Synchronization
import Testing
import Vault

@testable import Pipeline

/// A pipeline on real stores in a directory of its own, with a clock that a test moves.
final class PipelineFixture: Sendable {
    static let start = WallTime(seconds: 1_790_000_000)

    let directory: String
    let vault: Vault
    let queue: QueueStore
    let accounts: Accounts
    let keyring: Keyring
    let records: RecordStore
    private let seconds = Mutex<Int64>(start.seconds)

    init() async throws {
        directory = NSTemporaryDirectory() + "postern-pipeline-\(UUID().uuidString)"
        vault = try Vault.ephemeral()
        let fixed = Time(wall: { Self.start }, boot: { BootTime(milliseconds: 0) })
        queue = try QueueStore.open(directory: directory, vault: vault, time: fixed, log: .none)
        records = try RecordStore.open(directory: directory, vault: vault, time: fixed, log: .none)
        accounts = try await Accounts.load(from: records, log: .none)
        keyring = Keyring(records: records)
    }

    deinit { try? FileManager.default.removeItem(atPath: directory) }

    var now: WallTime { WallTime(seconds: seconds.withLock { $0 }) }

    var time: Time { Time(wall: { self.now }, boot: { BootTime(milliseconds: 0) }) }

    func advance(_ duration: Duration) { seconds.withLock { $0 += duration.components.seconds } }

    /// Own mailboxes at `example.org`, four domains with a mode each, and a way to some others.
    static func settings() throws -> PosternSettings {
        var settings = PosternSettings(level: .one, hostname: try domain("mail.example.org"))
        settings.accept = [try domain("example.org")]
        settings.routes = [Route(domain: .domain(try domain("example.org")), target: .maildir)]
        for mode in ProtectionMode.allCases {
            let domain = try domain("\(mode.rawValue).test")
            settings.routes.append(Route(domain: .domain(domain), target: .mx))
            settings.protection.rules.append(.init(for: .domain(domain), mode: mode))
        }
        return settings
    }

    func pipeline(
        _ settings: PosternSettings? = nil,
        worker: WorkerClient = Keys.worker,
        resolver: any DNSResolving = FixedResolver()
    ) throws -> Pipeline {
        let settings = try settings ?? Self.settings()
        return Pipeline(
            settings: settings,
            queue: queue,
            records: records,
            accounts: accounts,
            keyring: keyring,
            vault: vault,
            worker: worker,
            resolver: resolver,
            time: time,
            log: .none,
            nextHopHint: { settings.route(for: $0.domain) == nil ? nil : "hop \($0.domain.key)" }
        )
    }

    // MARK: - Keys

    /// Gives addresses a confirmed key; with `expires` one that was good a day ago, and ends then.
    @discardableResult
    func give(_ addresses: String..., key name: String, expires: WallTime? = nil) async throws -> JudgedCertificate {
        let judged = try await Keys.judged(name, addresses: addresses, expires: expires)
        let imported = try await keyring.importCertificate(
            judged.certificate,
            judge: { _, _ in judged },
            at: Self.start + .seconds(-86_400)
        )
        return imported.key.certificate
    }

    /// An hour ago.
    static let past = start + .seconds(-3600)

    // MARK: - People

    func addUser(_ name: String, _ addresses: String...) async throws -> Account {
        let account = Account(name: try #require(AccountName(name)), addresses: try addresses.map(address))
        try await accounts.add(account, password: Array("correct horse".utf8))
        return account
    }

    func addAlias(_ alias: String, _ targets: String...) async throws {
        try await accounts.setAlias(Alias(address: try address(alias), targets: try targets.map(address)))
    }

    // MARK: - Messages

    static let plainHeader = "From: Alice <alice@example.org>\r\nSubject: secret subject\r\n"

    func message(
        to recipients: [String],
        from sender: String? = "alice@example.org",
        origin: Origin = .ours(.network),
        header: String = plainHeader,
        body: [UInt8] = Array("secret body\r\n".utf8),
        hasEmptyLine: Bool = true,
        notify: Notify? = nil
    ) throws -> IncomingMessage {
        IncomingMessage(
            id: MessageID(),
            origin: origin,
            mail: MailParameters(reversePath: try sender.map { .address(try address($0)) } ?? .null),
            recipients: try recipients.map { AcceptedRecipient(address: try address($0), notify: notify) },
            header: HeaderSection(parsing: Array(header.utf8)),
            body: MemorySource(body),
            hasEmptyLine: hasEmptyLine,
            protocolName: "ESMTPSA",
            arrival: now
        )
    }

    // MARK: - What came of it

    /// All copies that are ready, leased, in the order of their recipients.
    func ready() async throws -> [LeasedCopy] {
        try await queue.lease(due: now + .seconds(1), limit: 1000, limitPerHop: 1000).sorted {
            $0.recipient.lookupKey < $1.recipient.lookupKey
        }
    }

    /// All copies that are held, leased.
    func held() async throws -> [LeasedCopy] {
        try await queue.leaseHeld(due: now + .seconds(10_000_000), limit: 1000)
    }

    func text(of copy: LeasedCopy) async throws -> String {
        String(decoding: try await SourceProducer(queue.content(of: copy)).collected(), as: UTF8.self)
    }

    /// The only report among the ready copies, nil when there is none.
    func report() async throws -> String? {
        let reports = try await ready().filter { $0.protection == "report" }
        #expect(reports.count <= 1)
        guard let report = reports.first else { return nil }
        #expect(report.envelope.reversePath == .null)
        return try await text(of: report)
    }
}

extension Acceptance {
    var refusal: Refusal? {
        if case .refused(let refusal) = self { refusal } else { nil }
    }

    var counts: [String: Int]? {
        if case .accepted(let summary) = self { summary.counts } else { nil }
    }
}

extension NewMessage {
    /// Its only content, which lies in memory.
    var onlyText: String? {
        guard contents.count == 1, case .bytes(let bytes) = contents[0] else { return nil }
        return String(decoding: bytes, as: UTF8.self)
    }
}

func address(_ text: String) throws -> EmailAddress { try #require(EmailAddress(text)) }

func domain(_ text: String) throws -> Domain { try #require(Domain(text)) }

/// Certificates for any address, made from those of `Tests/Fixtures/keys` once a real worker has judged them.
enum Keys {
    /// The built `postern` lies beside the tests; it holds the worker.
    static let worker = WorkerClient(
        executable: URL(filePath: "/proc/self/exe").resolvingSymlinksInPath().deletingLastPathComponent()
            .appending(path: "postern").path
    )

    static let brokenWorker = WorkerClient(executable: "/nonexistent/postern")

    /// `name`'s certificate as if it named other addresses, and ended at another time.
    static func judged(
        _ name: String,
        addresses: [String] = [],
        expires: WallTime? = nil
    ) async throws -> JudgedCertificate {
        let folder = URL(filePath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
        let file = try Data(contentsOf: folder.appending(path: "Fixtures/keys/\(name).pub.asc"))
        let certificate = try #require(try CertificateReader.read([UInt8](file)).first).get()
        let judged = try await worker.judge(certificate, at: PipelineFixture.start)
        guard !addresses.isEmpty else { return judged }
        var facts = try #require(
            JSONSerialization.jsonObject(with: JSONEncoder().encode(judged)) as? [String: Any]
        )
        facts["certifiedUserIDs"] = addresses.map { address in
            ["text": "<\(address)>", "isPrimary": false, "validFrom": judged.created] as [String: Any]
        }
        facts["expires"] = expires?.seconds
        return try JSONDecoder().decode(JudgedCertificate.self, from: JSONSerialization.data(withJSONObject: facts))
    }

    /// The key IDs that an armored message in `text` is encrypted to.
    static func recipients(of text: String) throws -> [[UInt8]] {
        let armor = try #require(text.components(separatedBy: "-----BEGIN PGP MESSAGE-----").last)
        let lines = armor.components(separatedBy: "\r\n").drop { !$0.isEmpty }.dropFirst()
        let base64 = lines.prefix { !$0.hasPrefix("=") && !$0.hasPrefix("-") }.joined()
        let bytes = [UInt8](try #require(Data(base64Encoded: base64)))
        var walker = PacketWalker(bytes)
        var found: [[UInt8]] = []
        while let packet = try walker.next() {
            if packet.tag == 1 { found.append(Array(bytes[packet.body].dropFirst().prefix(8))) }
        }
        return found
    }
}
