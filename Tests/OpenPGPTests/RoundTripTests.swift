// SPDX-License-Identifier: Apache-2.0

import Foundation
import Mail
import OpenPGP
import Privacy
import TestSupport
import Testing

@Suite("What we encrypt, others decrypt")
struct RoundTripTests {
    static let own = [
        "rsa2048", "rsa2080", "rsa3072", "rsa4096", "cv25519", "p256", "p384", "p521", "noprefs", "sqcv25519",
        "sqrsa3072",
    ]
    static let byWorker = ["rsa1536", "brainpool", "secp256k1", "elgamal"]
    /// Kinds that sq 0.27 with Nettle can't decrypt, and RSA below the 2048 bits that its policy asks for.
    static let notForSq = ["rsa1536", "brainpool", "secp256k1", "elgamal"]

    @Test("gpg, rnp, and sq where it can, read every size back", arguments: own + byWorker)
    func roundTrip(name: String) async throws {
        let certificate = try await KeyFixtures.judged(name)
        let peers = try PeerPrograms()
        let key = KeyFixtures.directory.appending(path: "\(name).sec.asc").path
        try peers.importIntoGPG(key)
        var generator = SeededGenerator(seed: 7)
        for size in [0, 1, 10_240, 1 << 20] {
            let plaintext = generator.bytes(size)
            let producer = try Encryption.producer(
                for: [certificate],
                at: KeyFixtures.now,
                plaintext: MemorySource(plaintext),
                worker: KeyFixtures.worker
            )
            #expect((producer is MessageEncryptor) == Self.own.contains(name))
            let file = try peers.write(try await collect(producer), as: "message.asc")
            #expect(try peers.gpg(decrypting: file) == plaintext, "gpg, \(size) bytes")
            #expect(try peers.rnp(decrypting: file, with: key) == plaintext, "rnp, \(size) bytes")
            if !Self.notForSq.contains(name) {
                #expect(try peers.sq(decrypting: file, with: key) == plaintext, "sq, \(size) bytes")
            }
        }
    }

    @Test(
        "the cipher is the strongest that the preferences allow",
        arguments: [("cv25519", "cipher 9"), ("noprefs", "cipher 7"), ("elgamal", "cipher 9")]
    )
    func cipher(name: String, expected: String) async throws {
        let certificate = try await KeyFixtures.judged(name)
        let cipher: CipherAlgorithm = expected.hasSuffix("9") ? .aes256 : .aes128
        #expect(CipherAlgorithm.strongest(for: [certificate]) == cipher)
        let peers = try PeerPrograms()
        try peers.importIntoGPG(KeyFixtures.directory.appending(path: "\(name).sec.asc").path)
        let producer = try Encryption.producer(
            for: [certificate],
            at: KeyFixtures.now,
            plaintext: MemorySource([1]),
            worker: KeyFixtures.worker
        )
        let file = try peers.write(try await collect(producer), as: "message.asc")
        #expect(try peers.packets(in: file).contains("session key: '\(cipher.rawValue):"))
    }

    @Test("all keys of one recipient read the same message, by the writer and by the worker")
    func severalKeys() async throws {
        for names in [["rsa2048", "cv25519", "noprefs"], ["cv25519", "elgamal", "rsa2048"]] {
            var certificates: [JudgedCertificate] = []
            for name in names { certificates.append(try await KeyFixtures.judged(name)) }
            let producer = try Encryption.producer(
                for: certificates,
                at: KeyFixtures.now,
                plaintext: MemorySource(Array("hello".utf8)),
                worker: KeyFixtures.worker
            )
            let message = try await collect(producer)
            for name in names {
                let peers = try PeerPrograms()
                try peers.importIntoGPG(KeyFixtures.directory.appending(path: "\(name).sec.asc").path)
                let file = try peers.write(message, as: "message.asc")
                #expect(try peers.gpg(decrypting: file) == Array("hello".utf8), "\(name) of \(names)")
            }
        }
    }
}
