// SPDX-License-Identifier: Apache-2.0

import Foundation
import Keyring
import Mail
import OpenPGP
import Privacy
import Store
import Testing
import Vault

/// A keyring on a real store in a directory of its own, judged by real workers.
final class KeyringFixture: Sendable {
    static let now = WallTime(seconds: 1_790_000_000)  // 2026-09-21

    let directory: String
    let store: RecordStore
    let keyring: Keyring
    let worker = WorkerClient(executable: KeyringFixture.executable)
    private let vault: Vault
    private let time = Time(wall: { KeyringFixture.now }, boot: { BootTime(milliseconds: 0) })

    init() throws {
        directory = NSTemporaryDirectory() + "postern-keyring-\(UUID().uuidString)"
        vault = try Vault.ephemeral()
        store = try RecordStore.open(directory: directory, vault: vault, time: time, log: .none)
        keyring = Keyring(records: store)
    }

    deinit { try? FileManager.default.removeItem(atPath: directory) }

    /// The `postern` that was built beside the tests; it holds the worker.
    private static let executable: String = {
        let tests = URL(fileURLWithPath: CommandLine.arguments[0]).deletingLastPathComponent()
        return tests.appendingPathComponent("postern").path
    }()

    @discardableResult
    func add(_ certificate: [UInt8], at time: WallTime = now) async throws -> ImportedKey {
        let worker = worker
        return try await keyring.importCertificate(
            certificate,
            judge: { certificate, time async throws(WorkerError) in try await worker.judge(certificate, at: time) },
            at: time
        )
    }

    func finding(_ address: String, at time: WallTime = now) async throws -> KeyFinding {
        try await keyring.finding(for: try #require(EmailAddress(address)), at: time)
    }
}

/// The certificates of `Tests/Fixtures/keys`.
enum Fixture {
    static func certificate(_ name: String) throws -> [UInt8] {
        let folder = URL(fileURLWithPath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
        let file = folder.appendingPathComponent("Fixtures/keys/\(name).pub.asc")
        return try #require(try CertificateReader.split([UInt8](Data(contentsOf: file))).first)
    }

    /// The certificate as it was before its owner revoked it.
    static func withoutKeyRevocation(_ certificate: [UInt8]) throws -> [UInt8] {
        var walker = PacketWalker(certificate)
        var older: [UInt8] = []
        while let packet = try walker.next() {
            let isRevocation = packet.tag == 2 && certificate[packet.body.lowerBound + 1] == 0x20
            if !isRevocation { older += certificate[packet.whole] }
        }
        try #require(older.count < certificate.count)
        return older
    }
}

extension KeyFinding {
    var certificates: [JudgedCertificate] {
        if case .usable(let certificates) = self { certificates } else { [] }
    }

    var sentence: String? {
        if case .unusable(let sentence) = self { sentence } else { nil }
    }

    var isNone: Bool {
        if case .none = self { true } else { false }
    }
}
