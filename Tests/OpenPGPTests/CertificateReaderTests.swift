// SPDX-License-Identifier: Apache-2.0

import Foundation
import OpenPGP
import TestSupport
import Testing

@Suite("Reading certificates")
struct CertificateReaderTests {
    @Test("armored, binary, and many in one file, all come out")
    func forms() throws {
        let first = try KeyFixtures.certificate("rsa2048")
        let second = try KeyFixtures.certificate("p256")
        let armored = Array(CertificateReader.armored(first).utf8)
        let text = Array("Some text first.\n\nSubject: x\n".utf8)
        #expect(try CertificateReader.split(first + second) == [first, second])
        #expect(
            try CertificateReader.split(text + armored + text + CertificateReader.armored(second).utf8) == [
                first, second,
            ]
        )
        let unix = armored.filter { $0 != 0x0D }
        #expect(try CertificateReader.split(unix) == [first])
        let lines = String(decoding: unix, as: UTF8.self).components(separatedBy: "\n")
        let withoutChecksum = lines.filter { $0.first != "=" || $0.count != 5 }.joined(separator: "\n")
        #expect(try CertificateReader.split(Array(withoutChecksum.utf8)) == [first])
        let withHeaders = String(decoding: unix, as: UTF8.self)
            .replacingOccurrences(of: "BLOCK-----\n\n", with: "BLOCK-----\nVersion: X 1\nComment: y\n\n")
        #expect(try CertificateReader.split(Array(withHeaders.utf8)) == [first])
    }

    @Test("what is no public key is refused in words", arguments: ["rsa2048", "sqcv25519"])
    func refused(name: String) throws {
        let secret = try KeyFixtures.bytes("\(name).sec.asc")
        #expect(throws: CertificateVerdict.secretKey) { _ = try CertificateReader.read(secret) }
        #expect(CertificateVerdict.secretKey.sentence.contains("secret key"))
        for bytes in [
            [], Array("hello".utf8), Array("-----BEGIN PGP MESSAGE-----\n\nAAAA\n-----END PGP MESSAGE-----\n".utf8),
        ] {
            #expect(throws: CertificateVerdict.noKey) { _ = try CertificateReader.read(bytes) }
        }
        let binary = [UInt8](
            try #require(
                Data(
                    base64Encoded: String(decoding: secret, as: UTF8.self).split(separator: "\n")
                        .drop { !$0.isEmpty && $0.hasPrefix("-") }.filter { !$0.hasPrefix("-") && !$0.hasPrefix("=") }
                        .joined()
                )
            )
        )
        #expect(throws: CertificateVerdict.secretKey) { _ = try CertificateReader.read(binary) }
    }

    /// `count` signatures of somebody else, no two alike, after the user ID of `name`.
    private func flooded(_ name: String, _ count: Int) throws -> [UInt8] {
        let certificate = try KeyFixtures.certificate(name)
        var foreign: [UInt8] = []
        let other = try KeyFixtures.certificate("p256")
        var walker = PacketWalker(other)
        while let packet = try walker.next() {
            if packet.tag == 2, foreign.isEmpty { foreign = Array(other[packet.whole]) }
        }
        var output: [UInt8] = []
        output.reserveCapacity(certificate.count + foreign.count * count)
        walker = PacketWalker(certificate)
        while let packet = try walker.next() {
            output += certificate[packet.whole]
            guard packet.tag == 13 else { continue }
            for number in 0..<count {
                foreign[foreign.count - 1] = UInt8(truncatingIfNeeded: number)
                foreign[foreign.count - 2] = UInt8(truncatingIfNeeded: number >> 8)
                foreign[foreign.count - 3] = UInt8(truncatingIfNeeded: number >> 16)
                output += foreign
            }
        }
        return output
    }

    @Test("150,000 signatures of others go, and the certificate stays as it was")
    func flood() throws {
        let certificate = try KeyFixtures.certificate("cv25519")
        let flooded = try flooded("cv25519", 150_000)
        #expect(flooded.count > 15 << 20)
        #expect(try CertificateReader.strip(flooded) == certificate)
        #expect(try CertificateReader.read(flooded).map { try $0.get() } == [certificate])
    }

    @Test("a certificate whose own signatures pass 1 MiB is too large, a file over 64 MiB too much")
    func limits() throws {
        let certificate = try KeyFixtures.certificate("cv25519")
        var walker = PacketWalker(certificate)
        var signature: [UInt8] = []
        var head: [UInt8] = []
        while signature.isEmpty, let packet = try walker.next() {
            if packet.tag == 2 {
                signature = Array(certificate[packet.whole])
            } else {
                head += certificate[packet.whole]
            }
        }
        var output = head
        for number in 0..<12_000 {
            signature[signature.count - 1] = UInt8(truncatingIfNeeded: number)
            signature[signature.count - 2] = UInt8(truncatingIfNeeded: number >> 8)
            output += signature
        }
        #expect(throws: CertificateVerdict.tooLarge) { _ = try CertificateReader.strip(output) }
        #expect(throws: CertificateVerdict.tooMuchInput) {
            _ = try CertificateReader.read([UInt8](repeating: 0x99, count: 64 << 20 + 1))
        }
    }

    @Test("partial lengths and broken headers are faults")
    func headers() throws {
        for bytes: [UInt8] in [
            [0xC6, 0xE1, 0, 0], [0x9B, 4], [0x98], [0xC6, 0xFF, 0, 0], [0x80, 0], [0x99, 0xFF, 0xFF, 4],
        ] {
            #expect(throws: CertificateVerdict.malformed) { _ = try CertificateReader.split(bytes) }
        }
        #expect(PacketWalker.header(tag: 6, count: 8383) == [0xC6, 0xDF, 0xFF])
        #expect(PacketWalker.header(tag: 6, count: 8384) == [0xC6, 0xFF, 0, 0, 0x20, 0xC0])
    }

    @Test("cut off anywhere, nothing traps", arguments: ["cv25519", "rsa2048"])
    func truncated(name: String) throws {
        let certificate = try KeyFixtures.certificate(name)
        let armored = Array(CertificateReader.armored(certificate).utf8)
        for end in certificate.indices { _ = try? CertificateReader.read(Array(certificate[..<end])) }
        for end in armored.indices { _ = try? CertificateReader.read(Array(armored[..<end])) }
    }

    @Test("changed at random, nothing traps")
    func mutated() throws {
        var generator = SeededGenerator(seed: 11)
        let originals = try ["cv25519", "elgamal", "rsa1536", "sqcv25519"].map { try KeyFixtures.certificate($0) }
        for round in Rounds(4000) {
            var bytes = originals[round % originals.count]
            for _ in 0..<Int.random(in: 1...8, using: &generator) {
                let place = Int.random(in: bytes.indices, using: &generator)
                switch Int.random(in: 0..<4, using: &generator) {
                case 0: bytes[place] = UInt8.random(in: 0...255, using: &generator)
                case 1: bytes[place] ^= 1 << UInt8.random(in: 0...7, using: &generator)
                case 2: bytes.removeSubrange(place..<min(bytes.count, place + 9))
                default: bytes.insert(contentsOf: generator.bytes(5), at: place)
                }
                if bytes.isEmpty { bytes = [0x98] }
            }
            _ = try? CertificateReader.read(bytes)
            _ = try? CertificateReader.read(Array(CertificateReader.armored(bytes).utf8))
        }
    }
}
