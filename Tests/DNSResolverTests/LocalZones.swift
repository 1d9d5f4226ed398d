// SPDX-License-Identifier: Apache-2.0

import Foundation
import Glibc
import TestSupport

/// A real authoritative name server (nsd) on a loopback port with three small zones: `post.test` unsigned,
/// `signed.test` signed, and `broken.test` signed and then changed.
final class LocalZones: Sendable {
    let port: Int
    let anchorFile: String
    private let directory: String
    private let server: ChildProcess

    struct CannotStart: Error {
        let why: String
    }

    init() throws {
        directory = NSTemporaryDirectory() + "postern-dns-\(UUID().uuidString)"
        try FileManager.default.createDirectory(atPath: directory, withIntermediateDirectories: true)
        port = try LocalZones.freePort()
        anchorFile = directory + "/anchors"
        try LocalZones.write(LocalZones.plainZone, directory + "/post.test")
        let first = try LocalZones.sign("signed.test", in: directory)
        let second = try LocalZones.sign("broken.test", in: directory)
        try LocalZones.write(first + second, anchorFile)
        let broken = try String(contentsOfFile: directory + "/broken.test.signed", encoding: .utf8)
        try LocalZones.write(
            broken.replacingOccurrences(of: "192.0.2.10", with: "192.0.2.66"),
            directory + "/broken.test.signed"
        )
        try LocalZones.write(LocalZones.configuration(directory, port), directory + "/nsd.conf")
        server = try ChildProcess(["/usr/sbin/nsd", "-d", "-c", directory + "/nsd.conf"])
        try waitForAnswer()
    }

    func stop() {
        server.stop()
        try? FileManager.default.removeItem(atPath: directory)
    }

    /// A UDP question for the zone's SOA, until somebody answers it.
    private func waitForAnswer() throws {
        let question: [UInt8] =
            [0x12, 0x34, 0, 0, 0, 1, 0, 0, 0, 0, 0, 0] + [4] + Array("post".utf8) + [4] + Array("test".utf8) + [
                0, 0, 6, 0, 1,
            ]
        let descriptor = socket(AF_INET, Int32(SOCK_DGRAM.rawValue), 0)
        defer { close(descriptor) }
        var wait = timeval(tv_sec: 0, tv_usec: 100_000)
        setsockopt(descriptor, SOL_SOCKET, SO_RCVTIMEO, &wait, socklen_t(MemoryLayout<timeval>.size))
        var address = LocalZones.loopback(port)
        _ = withUnsafePointer(to: &address) {
            $0.withMemoryRebound(to: sockaddr.self, capacity: 1) {
                connect(descriptor, $0, socklen_t(MemoryLayout<sockaddr_in>.size))
            }
        }
        for _ in 0..<100 {
            _ = send(descriptor, question, question.count, 0)
            var answer = [UInt8](repeating: 0, count: 512)
            if recv(descriptor, &answer, 512, 0) > 12 { return }
            usleep(50_000)
        }
        throw CannotStart(why: "nsd does not answer")
    }

    /// Signs a zone with one key and returns the key as an anchor.
    private static func sign(_ zone: String, in directory: String) throws -> String {
        try write(signedZone(zone), directory + "/" + zone)
        let key = try run("/usr/bin/ldns-keygen", ["-k", "-a", "ECDSAP256SHA256", zone], in: directory)
            .trimmingCharacters(in: .whitespacesAndNewlines)
        _ = try run("/usr/bin/ldns-signzone", ["-n", zone, key], in: directory)
        return try String(contentsOfFile: directory + "/" + key + ".ds", encoding: .utf8)
    }

    private static func run(_ program: String, _ arguments: [String], in directory: String) throws -> String {
        let ended = try ChildProcess.run([program] + arguments, in: directory)
        guard ended.status == 0 else { throw CannotStart(why: "\(program) failed") }
        return String(decoding: ended.output, as: UTF8.self)
    }

    private static func write(_ text: String, _ path: String) throws {
        try text.write(toFile: path, atomically: true, encoding: .utf8)
    }

    private static func loopback(_ port: Int) -> sockaddr_in {
        var address = sockaddr_in()
        address.sin_family = sa_family_t(AF_INET)
        address.sin_port = in_port_t(UInt16(port)).bigEndian
        address.sin_addr.s_addr = in_addr_t(0x7f00_0001).bigEndian
        return address
    }

    private static func freePort() throws -> Int {
        let descriptor = socket(AF_INET, Int32(SOCK_DGRAM.rawValue), 0)
        defer { close(descriptor) }
        var address = loopback(0)
        var length = socklen_t(MemoryLayout<sockaddr_in>.size)
        let bound = withUnsafeMutablePointer(to: &address) {
            $0.withMemoryRebound(to: sockaddr.self, capacity: 1) {
                bind(descriptor, $0, length) == 0 && getsockname(descriptor, $0, &length) == 0
            }
        }
        guard bound else { throw CannotStart(why: "no free port") }
        return Int(UInt16(bigEndian: address.sin_port))
    }

    private static func configuration(_ directory: String, _ port: Int) -> String {
        let zones = [
            ("post.test", "post.test"), ("signed.test", "signed.test.signed"), ("broken.test", "broken.test.signed"),
        ]
        return """
            server:
              ip-address: 127.0.0.1@\(port)
              username: ""
              zonesdir: "\(directory)"
              database: ""
              pidfile: "\(directory)/nsd.pid"
              xfrdfile: "\(directory)/xfrd.state"
              xfrdir: "\(directory)"
              zonelistfile: "\(directory)/zone.list"
              server-count: 1
            remote-control:
              control-enable: no

            """
                + zones.map { "zone:\n  name: \"\($0.0)\"\n  zonefile: \"\(directory)/\($0.1)\"\n" }.joined()
    }

    private static func signedZone(_ zone: String) -> String {
        """
        $ORIGIN \(zone).
        $TTL 300
        @ IN SOA ns.\(zone). hostmaster.\(zone). 1 3600 600 86400 60
        @ IN NS ns.\(zone).
        ns IN A 127.0.0.1
        @ IN MX 10 mx.\(zone).
        mx IN A 192.0.2.10
        _25._tcp.mx IN TLSA 3 1 1 \(tlsaDigest)
        shared IN CNAME _25._tcp.mx
        outside IN CNAME backup.post.test.

        """
    }

    static let tlsaDigest = String(repeating: "0a", count: 32)

    private static let plainZone = """
        $ORIGIN post.test.
        $TTL 300
        @ IN SOA ns.post.test. hostmaster.post.test. 1 3600 600 86400 60
        @ IN NS ns.post.test.
        ns IN A 127.0.0.1
        @ IN MX 20 backup.post.test.
        @ IN MX 10 mx_1.post.test.
        mx_1 IN A 192.0.2.1
        mx_1 IN AAAA 2001:db8::1
        backup IN A 192.0.2.2
        null IN MX 0 .
        alias IN CNAME backup.post.test.
        plain IN TXT "nothing that is asked for"
        \(manyAddresses)

        """

    private static let manyAddresses = (1...40).map { "many IN A 192.0.2.\($0 + 100)" }.joined(separator: "\n")
}
