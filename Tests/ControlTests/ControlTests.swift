// SPDX-License-Identifier: Apache-2.0

import Control
import Foundation
import NIOPosix
import Privacy
import Testing

@Suite("Control socket")
struct ControlTests {
    @Test("a question asked over the socket gets its answer, and nonsense a sentence")
    func conversation() async throws {
        let path = NSTemporaryDirectory() + "postern-\(UInt32.random(in: 0 ... .max)).sock"
        let server = try await ControlServer.bind(path: path, group: MultiThreadedEventLoopGroup.singleton, log: .none)
        let mode = try FileManager.default.attributesOfItem(atPath: path)[.posixPermissions] as? Int
        #expect(mode == 0o600)
        let running = Task {
            try await server.run { request in
                guard case .trace(let id) = request else { return .refused("no") }
                return .trace(TraceReport(id: id, copies: []))
            }
        }
        let answers = try await Task.detached {
            let client = try ControlClient(path: path)
            return [try client.ask(.trace(id: "abc")), try client.ask(.status)]
        }.value
        guard case .trace(let report) = answers[0], case .refused = answers[1] else {
            Issue.record("unexpected answers")
            return
        }
        #expect(report.id == "abc")
        running.cancel()
        _ = await running.result
        #expect(throws: ControlError.noGateway) { _ = try ControlClient(path: path) }
    }

    @Test("the socket's path is short however long the data directory is, and steady")
    func path() {
        let long = "/" + String(repeating: "very-long-directory/", count: 30)
        #expect(ControlPath.socket(forData: long).utf8.count <= 107)
        #expect(ControlPath.socket(forData: "/var/lib/postern") == ControlPath.socket(forData: "/var/lib/postern/"))
        #expect(ControlPath.socket(forData: "/a") != ControlPath.socket(forData: "/b"))
    }
}
