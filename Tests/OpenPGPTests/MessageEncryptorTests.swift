// SPDX-License-Identifier: Apache-2.0

import Foundation
import Mail
import OpenPGP
import Privacy
import TestSupport
import Testing

/// Hands out at most `step` bytes at a time, and ends after `available`.
private struct SlowSource: ByteSource {
    let bytes: [UInt8]
    let step: Int
    let available: Int

    var count: Int { bytes.count }

    func read(at offset: Int, maxCount: Int) async throws -> [UInt8] {
        guard offset < available else { return [] }
        return Array(bytes[offset..<min(available, offset + min(step, maxCount))])
    }
}

@Suite("The OpenPGP writer")
struct MessageEncryptorTests {
    private func message(_ names: [String], _ source: any ByteSource, armored: Bool = false) async throws -> [UInt8] {
        var certificates: [JudgedCertificate] = []
        for name in names { certificates.append(try await KeyFixtures.judged(name)) }
        return try await collect(
            MessageEncryptor(certificates: certificates, at: KeyFixtures.now, plaintext: source, armored: armored)
        )
    }

    @Test("a message holds one session key packet for its recipient, then one protected packet, and nothing else")
    func structure() async throws {
        let message = try await message(["cv25519"], MemorySource([UInt8](repeating: 65, count: 100_000)))
        var walker = PacketWalker(message)
        let first = try #require(try walker.next())
        let second = try #require(try walker.next())
        #expect(first.tag == 1)
        #expect(second.tag == 18)
        #expect(message[second.body.lowerBound] == 1)
        #expect(try walker.next() == nil)
        let keyID = try await KeyFixtures.judged("cv25519").subkeys[0].keyID
        #expect(Array(message[(first.body.lowerBound + 1)...].prefix(8)) == keyID)
        // Version 1, block, two octets, literal header with its six octets, hash.
        let expected: Int = 1 + 18 + 6 + 6 + 100_000 + 22
        #expect(second.body.count == expected)
    }

    @Test("two messages of the same text to the same key share nothing but their frame")
    func freshKeys() async throws {
        let text = MemorySource([UInt8](repeating: 65, count: 64))
        let first = try await message(["rsa2048"], text)
        let second = try await message(["rsa2048"], text)
        #expect(zip(first, second).filter { $0 != $1 }.count > 300)
    }

    @Test("armor has no Version and no Comment, lines of 64, and a checksum that gpg finds right")
    func armor() async throws {
        for size in [0, 1, 2, 3, 46, 47, 48, 49, 1000, 65_520, 70_000] {
            let source = MemorySource([UInt8](repeating: 66, count: size))
            let text = String(decoding: try await message(["cv25519"], source, armored: true), as: UTF8.self)
            let lines = text.components(separatedBy: "\r\n")
            #expect(lines.prefix(2) == ["-----BEGIN PGP MESSAGE-----", ""])
            #expect(lines.suffix(2) == ["-----END PGP MESSAGE-----", ""])
            #expect(lines[lines.count - 3].count == 5 && lines[lines.count - 3].first == "=")
            let body = lines[2..<(lines.count - 3)]
            #expect(body.dropLast().allSatisfy { $0.utf8.count == 64 } && (body.last?.utf8.count ?? 0) <= 64)
            let binary = [UInt8](try #require(Data(base64Encoded: body.joined())))
            var remainder: UInt32 = 0xB704CE
            for byte in binary {
                remainder ^= UInt32(byte) << 16
                for _ in 0..<8 {
                    remainder = remainder & 0x800000 != 0 ? (remainder << 1 ^ 0x864CFB) & 0xFFFFFF : remainder << 1
                }
            }
            let checksum = Data([16, 8, 0].map { UInt8(truncatingIfNeeded: remainder >> $0) }).base64EncodedString()
            #expect(lines[lines.count - 3] == "=" + checksum, "\(size) bytes")
        }
    }

    @Test("a source that comes in small pieces gives the same message", arguments: [1, 15, 16, 17, 47, 4096])
    func slowSource(step: Int) async throws {
        var generator = SeededGenerator(seed: 3)
        let bytes = generator.bytes(step == 1 ? 5000 : 140_000)
        let source = SlowSource(bytes: bytes, step: step, available: bytes.count)
        let peers = try PeerPrograms()
        try peers.importIntoGPG(KeyFixtures.directory.appending(path: "cv25519.sec.asc").path)
        let file = try peers.write(try await message(["cv25519"], source, armored: true), as: "message.asc")
        #expect(try peers.gpg(decrypting: file) == bytes)
    }

    @Test("a source that ends early is an error, never a short message", arguments: ["cv25519", "elgamal"])
    func shortSource(name: String) async throws {
        let certificate = try await KeyFixtures.judged(name)
        let source = SlowSource(bytes: [UInt8](repeating: 1, count: 200_000), step: 65_536, available: 150_000)
        let producer = try Encryption.producer(
            for: [certificate],
            at: KeyFixtures.now,
            plaintext: source,
            worker: KeyFixtures.worker
        )
        await #expect(throws: EncryptionError.sourceChanged) { _ = try await collect(producer) }
    }

    @Test("a certificate that can't be used stops the whole message, and no recipient at all does too")
    func unusable() async throws {
        let good = try await KeyFixtures.judged("cv25519")
        let expired = try await KeyFixtures.judged("expired")
        #expect(throws: CertificateVerdict.expired(at: 1_609_502_400)) {
            _ = try Encryption.producer(
                for: [good, expired],
                at: KeyFixtures.now,
                plaintext: MemorySource([]),
                worker: KeyFixtures.worker
            )
        }
        #expect(throws: EncryptionError.noRecipient) {
            _ = try Encryption.producer(
                for: [],
                at: KeyFixtures.now,
                plaintext: MemorySource([]),
                worker: KeyFixtures.worker
            )
        }
    }
}
