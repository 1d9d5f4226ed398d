// SPDX-License-Identifier: Apache-2.0

import Foundation
import Mail
import OpenPGP
import Privacy
import TestSupport
import Testing

/// The keys of `Tests/Fixtures/keys`, and the worker that judges them.
enum KeyFixtures {
    static let directory = URL(filePath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
        .appending(path: "Fixtures/keys")

    /// Well within the life of every key that ends never.
    static let now = WallTime(seconds: 1_790_000_000)

    /// The built `postern`, which lies beside the test executable.
    static let postern = URL(filePath: "/proc/self/exe").resolvingSymlinksInPath().deletingLastPathComponent()
        .appending(path: "postern").path

    static let worker = WorkerClient(executable: postern)

    static func bytes(_ file: String) throws -> [UInt8] {
        [UInt8](try Data(contentsOf: directory.appending(path: file)))
    }

    /// The public half of `name`, stripped and binary.
    static func certificate(_ name: String) throws -> [UInt8] {
        let found = try CertificateReader.read(bytes("\(name).pub.asc"))
        #expect(found.count == 1)
        return try #require(found.first).get()
    }

    static func judged(_ name: String, at time: WallTime = now) async throws -> JudgedCertificate {
        try await worker.judge(certificate(name), at: time)
    }

    static func address(_ name: String) throws -> EmailAddress {
        try #require(EmailAddress("\(name)@keys.test"))
    }
}

/// All of what a producer makes.
func collect(_ producer: any ChunkProducer) async throws -> [UInt8] {
    var producer = producer
    var output: [UInt8] = []
    while let chunk = try await producer.next() {
        #expect(!chunk.isEmpty)
        output += chunk
    }
    return output
}

extension SeededGenerator {
    mutating func bytes(_ count: Int) -> [UInt8] {
        (0..<count / 8 + 1).flatMap { _ in withUnsafeBytes(of: next()) { Array($0) } }.prefix(count).map { $0 }
    }
}
