// SPDX-License-Identifier: Apache-2.0

import Foundation
import Mail
import OpenPGP
import Privacy
import Store
import Vault

/// Measures what one message costs, part by part, each beside its floor; prints `name microseconds` lines.
///
/// Arguments: the postern binary (for the worker), and the public key to encrypt to (RSA-4096); or `channel` and those of ``Channels``.
@main
enum Measure {
    static func main() async throws {
        let arguments = CommandLine.arguments
        if arguments.count > 1, arguments[1] == "channel" {
            return try await Channels(Array(arguments.dropFirst(2))).run()
        }
        guard arguments.count == 3 else { throw UsageError() }
        let message = SampleMessage(bodyBytes: 10_240)
        let worker = WorkerClient(executable: arguments[1])
        let armored = [UInt8](try Data(contentsOf: URL(fileURLWithPath: arguments[2])))
        guard let first = try CertificateReader.split(armored).first else { throw UsageError() }
        let now = Time.system().wall()
        let key = try await worker.judge(try CertificateReader.strip(first), at: now)

        try measure("parse", 5000) { try message.parse() }
        try measure("parse.floor: touch every byte", 5000) { message.touch() }
        try measure("scrub", 5000) { message.scrub() }
        try await Encryptions(message: message, key: key, now: now).run()
        try LibRNP(armoredKey: armored, message: message.whole).run()
        try await Storage(message: message).run()
    }

    /// The best mean of five rounds: noise only ever adds.
    static func measure(_ name: String, _ count: Int, _ work: () throws -> Void) throws {
        var best = Double.infinity
        for _ in 0..<5 {
            let began = ContinuousClock.now
            for _ in 0..<max(1, count / 5) { try work() }
            best = min(best, microseconds(since: began) / Double(max(1, count / 5)))
        }
        report(name, best)
    }

    static func measure(_ name: String, _ count: Int, _ work: () async throws -> Void) async throws {
        var best = Double.infinity
        for _ in 0..<5 {
            let began = ContinuousClock.now
            for _ in 0..<max(1, count / 5) { try await work() }
            best = min(best, microseconds(since: began) / Double(max(1, count / 5)))
        }
        report(name, best)
    }

    static func report(_ name: String, _ microseconds: Double) {
        print("\(name)\t\((microseconds * 10).rounded() / 10)")
    }

    static func microseconds(since began: ContinuousClock.Instant) -> Double {
        let parts = (ContinuousClock.now - began).components
        return Double(parts.seconds) * 1e6 + Double(parts.attoseconds) / 1e12
    }
}

struct UsageError: Error {}
