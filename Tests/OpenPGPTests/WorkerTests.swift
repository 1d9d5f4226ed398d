// SPDX-License-Identifier: Apache-2.0

import Foundation
import Mail
import OpenPGP
import Privacy
import TestSupport
import Testing

/// Kills the worker that reads it, half-way through.
private struct DeadlySource: ByteSource {
    let count = 4 << 20
    let marker: String

    func read(at offset: Int, maxCount: Int) async throws -> [UInt8] {
        if offset > count / 2 { try killWorkers(marker) }
        return [UInt8](repeating: 65, count: min(maxCount, count - offset))
    }
}

/// Kills every process that was started as `marker`.
private func killWorkers(_ marker: String) throws {
    for name in try FileManager.default.contentsOfDirectory(atPath: "/proc") {
        guard let process = Int32(name), let line = FileManager.default.contents(atPath: "/proc/\(name)/cmdline"),
            String(decoding: line, as: UTF8.self).hasPrefix(marker)
        else { continue }
        kill(process, SIGKILL)
    }
}

@Suite("The worker")
struct WorkerTests {
    /// A client whose "worker" is a line of shell.
    private func scripted(_ script: String) -> WorkerClient {
        WorkerClient(
            executable: "/bin/sh",
            arguments: ["-c", script],
            limits: .init(
                start: .seconds(5),
                judge: .seconds(1),
                encrypt: .seconds(1),
                stall: .seconds(1)
            )
        )
    }

    private static let ready = #"printf 'R\000\000\000\004\000\000\000\000'"#

    @Test("it can open no file, no socket, no process, no executable memory, and has given up its privileges")
    func sandbox() async throws {
        let (process, errors, lease) = try await KeyFixtures.worker.probe(steps: [1, 2, 3, 4, 5])
        #expect(errors == [UInt8](repeating: UInt8(EPERM), count: 5))
        let status = try String(contentsOfFile: "/proc/\(process)/status", encoding: .utf8)
        #expect(status.contains("Seccomp:\t2\n"))
        #expect(status.contains("NoNewPrivs:\t1\n"))
        let limits = try String(contentsOfFile: "/proc/\(process)/limits", encoding: .utf8)
        for name in ["Max open files", "Max processes", "Max core file size", "Max file size"] {
            let line = try #require(limits.split(separator: "\n").first { $0.hasPrefix(name) })
            #expect(line.dropFirst(name.count).split(separator: " ").prefix(2) == ["0", "0"], "\(name)")
        }
        withExtendedLifetime(lease) {}
    }

    @Test("killed in the middle of a message, it costs that message and no other")
    func killed() async throws {
        let directory = FileManager.default.temporaryDirectory.appending(path: UUID().uuidString)
        try FileManager.default.createDirectory(at: directory, withIntermediateDirectories: true)
        defer { try? FileManager.default.removeItem(at: directory) }
        let link = directory.appending(path: "postern").path
        try FileManager.default.createSymbolicLink(atPath: link, withDestinationPath: KeyFixtures.postern)
        let client = WorkerClient(executable: link)
        let certificate = try await client.judge(KeyFixtures.certificate("elgamal"), at: KeyFixtures.now)
        let doomed = try Encryption.producer(
            for: [certificate],
            at: KeyFixtures.now,
            plaintext: DeadlySource(marker: link),
            worker: client
        )
        await #expect(throws: WorkerError.ended) { _ = try await collect(doomed) }
        let next = try Encryption.producer(
            for: [certificate],
            at: KeyFixtures.now,
            plaintext: MemorySource([1, 2, 3]),
            worker: client
        )
        #expect(try await collect(next).count > 100)
        // One that died between two jobs costs none, once the system has taken it away.
        try killWorkers(link)
        try await Task.sleep(for: .seconds(1))
        let last = try Encryption.producer(
            for: [certificate],
            at: KeyFixtures.now,
            plaintext: MemorySource([4]),
            worker: client
        )
        #expect(try await collect(last).count > 100)
    }

    @Test("one that dies while it judges costs that certificate; the next is judged")
    func diesJudging() async throws {
        let certificate = try KeyFixtures.certificate("cv25519")
        await #expect(throws: WorkerError.ended) {
            _ = try await scripted(Self.ready + "; head -c 5 >/dev/null; kill -9 $$").judge(
                certificate,
                at: KeyFixtures.now
            )
        }
        #expect(WorkerError.ended.sentence.contains("broke the worker"))
        // Half of the attempts end while they judge, and the client goes on all the same.
        let flaky = FileManager.default.temporaryDirectory.appending(path: UUID().uuidString).path
        defer { try? FileManager.default.removeItem(atPath: flaky) }
        let client = WorkerClient(
            executable: "/bin/sh",
            arguments: [
                "-c",
                "if [ -e \(flaky) ]; then exec \(KeyFixtures.postern) worker; fi; : >\(flaky); \(Self.ready); head -c 5 >/dev/null",
            ]
        )
        await #expect(throws: WorkerError.ended) { _ = try await client.judge(certificate, at: KeyFixtures.now) }
        #expect(
            try await client.judge(certificate, at: KeyFixtures.now).verdict(at: KeyFixtures.now.seconds) == .usable
        )
    }

    @Test("one that hangs is ended, and the certificate is too slow")
    func hangs() async throws {
        let certificate = try KeyFixtures.certificate("cv25519")
        await #expect(throws: WorkerError.unusable(.tooSlow)) {
            _ = try await scripted(Self.ready + "; exec sleep 60").judge(certificate, at: KeyFixtures.now)
        }
        let judged = try await KeyFixtures.judged("elgamal")
        let stuck = try Encryption.producer(
            for: [judged],
            at: KeyFixtures.now,
            plaintext: MemorySource([1]),
            worker: scripted(Self.ready + "; exec sleep 60")
        )
        await #expect(throws: WorkerError.tooSlow) { _ = try await collect(stuck) }
    }

    @Test("one that hands clear text back as ciphertext is not believed")
    func clearText() async throws {
        let judged = try await KeyFixtures.judged("elgamal")
        let liar = scripted(
            Self.ready + #"; printf 'N\000\000\000\000C\000\000\000\005helloD\000\000\000\000'; exec sleep 60"#
        )
        let producer = try Encryption.producer(
            for: [judged],
            at: KeyFixtures.now,
            plaintext: MemorySource([]),
            worker: liar
        )
        await #expect(throws: WorkerError.nonsense) { _ = try await collect(producer) }
    }

    @Test("librnp 0.18.0, a missing program and a missing sandbox each have their sentence")
    func unfit() async throws {
        let certificate = try KeyFixtures.certificate("cv25519")
        #expect(WorkerProtocol.isRefused(major: 0, minor: 18, patch: 0))
        #expect(!WorkerProtocol.isRefused(major: 0, minor: 18, patch: 1))
        let cases: [(WorkerClient, WorkerError, String)] = [
            (scripted(#"printf 'U\000\000\000\005\000\000\110\000\001'"#), .refusedLibrary("0.18.0"), "librnp 0.18.0"),
            (scripted(#"printf 'U\000\000\000\005\000\000\100\000\002'"#), .noSandbox, "shut itself in"),
            (WorkerClient(executable: "/nonexistent"), .cannotStart(ENOENT), "could not be started"),
            (scripted("echo hello there"), .nonsense, "no sensible answer"),
        ]
        for (client, error, words) in cases {
            await #expect(throws: error) { _ = try await client.judge(certificate, at: KeyFixtures.now) }
            #expect(error.sentence.contains(words) && error.sentence.hasSuffix("."))
        }
    }

    @Test("many jobs at once, some given up, all come to an end")
    func manyJobs() async throws {
        let client = WorkerClient(executable: KeyFixtures.postern, maxProcesses: 2)
        let certificate = try KeyFixtures.certificate("p256")
        let judged = try await KeyFixtures.judged("brainpool")
        try await withThrowingTaskGroup(of: Bool.self) { group in
            for _ in 0..<6 {
                group.addTask {
                    try await client.judge(certificate, at: KeyFixtures.now).verdict(at: KeyFixtures.now.seconds)
                        == .usable
                }
                group.addTask {
                    // Taken up, and dropped after the first part.
                    var dropped = try Encryption.producer(
                        for: [judged],
                        at: KeyFixtures.now,
                        plaintext: MemorySource([UInt8](repeating: 0, count: 300_000)),
                        worker: client
                    )
                    return try await dropped.next() != nil
                }
            }
            for try await isGood in group { #expect(isGood) }
        }
        let cancelled = Task { try await client.judge(certificate, at: KeyFixtures.now) }
        cancelled.cancel()
        _ = try? await cancelled.value
        #expect(try await client.judge(certificate, at: KeyFixtures.now).isSigned)
    }

    @Test("certificates cut off at every place, or changed at random, break nothing but themselves")
    func fuzzed() async throws {
        let certificate = try KeyFixtures.certificate("cv25519")
        var generator = SeededGenerator(seed: 5)
        var inputs = certificate.indices.map { Array(certificate[..<$0]) }
        for _ in 0..<60 {
            var bytes = certificate
            for _ in 0..<3 {
                bytes[Int.random(in: bytes.indices, using: &generator)] = UInt8.random(in: 0...255, using: &generator)
            }
            inputs.append(bytes)
        }
        for input in inputs {
            do {
                _ = try await KeyFixtures.worker.judge(input, at: KeyFixtures.now)
            } catch {
                guard case .unusable = error else {
                    Issue.record("the worker broke: \(error)")
                    continue
                }
            }
        }
    }
}
