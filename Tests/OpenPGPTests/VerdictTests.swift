// SPDX-License-Identifier: Apache-2.0

import Foundation
import Mail
import OpenPGP
import Privacy
import Testing

@Suite("Verdicts on certificates")
struct VerdictTests {
    static let cases: [(String, CertificateVerdict, String)] = [
        ("rsa2048", .usable, "can be used"),
        ("noprefs", .usable, "can be used"),
        ("sqcv25519", .usable, "can be used"),
        ("expired", .expired(at: 1_609_502_400), "expired on 2021-01-01"),
        ("revoked", .revoked, "revoked this key"),
        ("signonly", .signOnly, "can only sign"),
        ("storageonly", .storageOnly, "stored data only"),
        ("future", .notYetValid(from: 4_070_908_800), "valid only from 2099-01-01"),
        ("subkeyexpired", .subkeysExpired(at: 1_706_745_600), "encryption subkey of this key expired on 2024-02-01"),
        ("subkeyrevoked", .subkeysRevoked, "revoked the encryption subkey"),
        ("nouserid", .noUserID, "names no mail address"),
    ]

    @Test("each state has its verdict, and its sentence says so", arguments: cases)
    func verdict(name: String, expected: CertificateVerdict, words: String) async throws {
        let certificate = try await KeyFixtures.judged(name)
        let verdict = certificate.verdict(at: KeyFixtures.now.seconds)
        #expect(verdict == expected)
        #expect(verdict.sentence.contains(words) && verdict.sentence.hasSuffix("."))
        #expect(certificate.summary(at: KeyFixtures.now.seconds).last?.contains(words) == true)
    }

    @Test("one judgement serves any time: a key expires, or begins, without being judged again")
    func overTime() async throws {
        let expired = try await KeyFixtures.judged("expired")
        #expect(expired.verdict(at: 1_600_000_000) == .usable)
        #expect(expired.verdict(at: 1_609_502_399) == .usable)
        #expect(expired.verdict(at: 1_609_502_400) == .expired(at: 1_609_502_400))
        let future = try await KeyFixtures.judged("future")
        #expect(future.verdict(at: 4_070_908_800) == .usable)
        let subkey = try await KeyFixtures.judged("subkeyexpired")
        #expect(subkey.verdict(at: 1_706_745_599) == .usable)
    }

    @Test("only an address that a user ID holds will do, in any case")
    func address() async throws {
        let certificate = try await KeyFixtures.judged("p256")
        #expect(certificate.addresses == [try KeyFixtures.address("p256")])
        #expect(certificate.verdict(at: KeyFixtures.now.seconds, for: try KeyFixtures.address("P256")) == .usable)
        let other = try #require(EmailAddress("somebody@keys.test"))
        let verdict = certificate.verdict(at: KeyFixtures.now.seconds, for: other)
        #expect(verdict == .noMatchingUserID)
        #expect(verdict.sentence.contains("does not name this address"))
    }

    @Test("other versions are named", arguments: [3, 5, 6] as [UInt8])
    func version(number: UInt8) async throws {
        var bytes = try KeyFixtures.certificate("rsa2048")
        var walker = PacketWalker(bytes)
        let first = try #require(try walker.next())
        bytes[first.body.lowerBound] = number
        #expect(throws: CertificateVerdict.unknownVersion(Int(number))) { _ = try CertificateReader.strip(bytes) }
        await #expect(throws: WorkerError.unusable(.unknownVersion(Int(number)))) {
            _ = try await KeyFixtures.worker.judge(bytes, at: KeyFixtures.now)
        }
        #expect(CertificateVerdict.unknownVersion(Int(number)).sentence.contains("version \(number) key"))
    }

    @Test("a signature that does not hold leaves nothing to trust")
    func forged() async throws {
        var bytes = try KeyFixtures.certificate("rsa2048")
        var walker = PacketWalker(bytes)
        while let packet = try walker.next() {
            // The last octet of a signature is a part of its value; of a user ID, of its address.
            if packet.tag == 2 { bytes[packet.body.upperBound - 1] ^= 1 }
        }
        let judged = try await KeyFixtures.worker.judge(bytes, at: KeyFixtures.now)
        #expect(judged.verdict(at: KeyFixtures.now.seconds) == .unsigned)
        #expect(CertificateVerdict.unsigned.sentence.contains("signed by the key itself"))
        #expect(judged.encryptionSubkeys(at: KeyFixtures.now.seconds).isEmpty)
    }

    @Test("a subkey of a kind that nothing here can encrypt to is named")
    func unsupported() async throws {
        var bytes = try KeyFixtures.certificate("cv25519")
        var walker = PacketWalker(bytes)
        while let packet = try walker.next() {
            // The algorithm stands after the version and four octets of time; 25 is X25519 of RFC 9580.
            if packet.tag == 14 { bytes[packet.body.lowerBound + 5] = 25 }
        }
        let judged = try await KeyFixtures.worker.judge(bytes, at: KeyFixtures.now)
        let verdict = judged.verdict(at: KeyFixtures.now.seconds)
        #expect(verdict == .unsupported(algorithm: "X25519"))
        #expect(verdict.sentence.contains("encrypts with X25519"))
    }

    @Test("a subkey whose binding does not hold is not used")
    func forgedBinding() async throws {
        var bytes = try KeyFixtures.certificate("cv25519")
        bytes[bytes.count - 1] ^= 1
        let judged = try await KeyFixtures.worker.judge(bytes, at: KeyFixtures.now)
        #expect(judged.isSigned)
        #expect(judged.verdict(at: KeyFixtures.now.seconds) == .unsigned)
    }

    @Test(
        "a judgement that was stored and read again is the same, and shows nothing in a dump",
        arguments: ["elgamal", "p384"]
    )
    func stored(name: String) async throws {
        let judged = try await KeyFixtures.judged(name)
        let stored = try JSONEncoder().encode(judged)
        let again = try JSONDecoder().decode(JudgedCertificate.self, from: stored)
        #expect(again.summary(at: KeyFixtures.now.seconds) == judged.summary(at: KeyFixtures.now.seconds))
        #expect(again.certificate == judged.certificate)
        let producer = try Encryption.producer(
            for: [again],
            at: KeyFixtures.now,
            plaintext: MemorySource([1, 2]),
            worker: KeyFixtures.worker
        )
        #expect(try await collect(producer).count > 100)
        var shown = ""
        dump(judged, to: &shown)
        #expect(!shown.contains("keys.test"))
    }

    @Test("every sentence is one sentence and names what to do")
    func sentences() {
        let all: [CertificateVerdict] =
            Self.cases.map(\.1) + [
                .unsupported(algorithm: "X448"), .noMatchingUserID, .unsigned, .tooLarge, .tooMuchInput, .malformed,
                .secretKey,
                .noKey, .tooSlow, .unknownVersion(3),
            ]
        for verdict in all {
            #expect(verdict.sentence.hasSuffix(".") && !verdict.sentence.contains(". "))
            #expect(verdict.isUsable || verdict.sentence.contains(":"))
        }
    }
}
