// SPDX-License-Identifier: Apache-2.0

import NIOCore
import NIOSSL
import TestSupport
import Testing

@testable import SMTPTransport

@Suite("The passive reader of hello messages", .timeLimit(.minutes(2)))
struct HelloReaderTests {
    // MARK: - Wire forms

    private static func number(_ value: Int, _ octets: Int) -> [UInt8] {
        (0..<octets).reversed().map { UInt8(truncatingIfNeeded: value >> (8 * $0)) }
    }

    private static func vector(_ content: [UInt8], _ octets: Int) -> [UInt8] { number(content.count, octets) + content }

    private static func list(_ numbers: [Int]) -> [UInt8] { numbers.flatMap { number($0, 2) } }

    private static func message(_ type: UInt8, _ body: [UInt8]) -> [UInt8] { [type] + vector(body, 3) }

    private static func extensions(_ list: [(Int, [UInt8])]) -> [UInt8] {
        vector(list.flatMap { number($0.0, 2) + vector($0.1, 2) }, 2)
    }

    private static func records(_ type: UInt8, _ content: [UInt8], size: Int = 16_384) -> [UInt8] {
        stride(from: 0, to: content.count, by: size).flatMap { start -> [UInt8] in
            [type, 3, 3] + vector(Array(content[start..<min(content.count, start + size)]), 2)
        }
    }

    static let clientHello = message(
        1,
        number(0x0303, 2) + [UInt8](repeating: 9, count: 32) + vector([UInt8](repeating: 1, count: 32), 1)
            + vector(list([0x1A1A, 0x1301, 0xC02F]), 2) + vector([0], 1)
            + extensions([
                (0, vector([0] + vector(Array("mx.example.org".utf8), 2), 2)), (10, vector(list([0x2A2A, 29, 23]), 2)),
                (35, []), (43, vector(list([0x0304, 0x0303]), 1)),
            ])
    )

    static func serverHello(_ list: [(Int, [UInt8])], cipher: Int = 0xC02F, random: [UInt8]? = nil) -> [UInt8] {
        message(
            2,
            number(0x0303, 2) + (random ?? [UInt8](repeating: 5, count: 32)) + vector([], 1) + number(cipher, 2) + [0]
                + (list.isEmpty ? [] : extensions(list))
        )
    }

    /// A TLS 1.2 server's first flight, with a certificate message far over what is kept.
    static let flight12 =
        records(
            22,
            serverHello([(0xFF01, [0])]) + message(11, [UInt8](repeating: 7, count: 60_000))
                + message(12, [3, 0, 23, 1, 4]) + message(14, [])
        )

    private func read(_ bytes: [UInt8], pieces: Int = 1 << 20) -> HelloReader {
        var reader = HelloReader()
        for start in stride(from: 0, to: bytes.count, by: pieces) {
            reader.take(bytes[start..<min(bytes.count, start + pieces)])
        }
        return reader
    }

    // MARK: - Tests

    @Test("a ClientHello, in records of any size", arguments: [1, 2, 5, 100, 16_384])
    func offer(size: Int) throws {
        let reader = read(Self.records(22, Self.clientHello, size: size))
        let offer = try #require(reader.offer)
        #expect(offer.versions == [0x0304, 0x0303])
        #expect(offer.ciphers == [0x1301, 0xC02F])
        #expect(offer.groups == [29, 23])
        #expect(!offer.resumes)
        #expect(reader.end == nil)
    }

    @Test("a TLS 1.2 server's choice, its certificates skipped", arguments: [1, 7, 16_384])
    func choice12(pieces: Int) {
        let reader = read(Self.flight12, pieces: pieces)
        #expect(reader.choice?.version == 0x0303)
        #expect(reader.choice?.cipher == 0xC02F)
        #expect(reader.choice?.group == 23)
        #expect(reader.end == .done)
    }

    @Test("a TLS 1.3 server's choice, also behind a request to try again")
    func choice13() {
        let hello = Self.serverHello([(43, [3, 4]), (51, [0, 29] + Self.vector([1, 2, 3], 2))], cipher: 0x1301)
        let plain = read(Self.records(22, hello) + [20, 3, 3, 0, 1, 1] + [23, 3, 3, 0, 1, 9])
        #expect(plain.choice?.version == 0x0304)
        #expect(plain.choice?.group == 29)
        #expect(plain.end == .done)
        let retry: [UInt8] = [
            0xCF, 0x21, 0xAD, 0x74, 0xE5, 0x9A, 0x61, 0x11, 0xBE, 0x1D, 0x8C, 0x02, 0x1E, 0x65, 0xB8, 0x91, 0xC2, 0xA2,
            0x11, 0x16, 0x7A, 0xBB, 0x8C, 0x5E, 0x07, 0x9E, 0x09, 0xE2, 0xC8, 0xA8, 0x33, 0x9C,
        ]
        let first = Self.serverHello([(43, [3, 4]), (51, [0, 23])], cipher: 0x1301, random: retry)
        let asked = read(Self.records(22, first) + [20, 3, 3, 0, 1, 1])
        #expect(asked.choice?.isRetry == true)
        #expect(asked.choice?.group == 23)
        #expect(asked.end == nil)
        #expect(read(Self.records(22, first) + [20, 3, 3, 0, 1, 1] + Self.records(22, hello)).choice?.isRetry == false)
    }

    @Test("alerts: a fatal one ends it, a warning may be followed by the hello, an encrypted one is not read")
    func alerts() {
        let refused = read([21, 3, 1, 0, 2, 2, 40])
        #expect(refused.alert == TLSAlert(isFatal: true, code: 40))
        #expect(refused.alert?.text == "handshake_failure (40)")
        #expect(refused.end == .done)
        let split = read([21, 3, 1, 0, 1, 2] + [21, 3, 1, 0, 1, 70])
        #expect(split.alert?.code == 70)
        let warned = read([21, 3, 3, 0, 2, 1, 112] + Self.flight12)
        #expect(warned.alert?.isFatal == false)
        #expect(warned.choice?.cipher == 0xC02F)
        let hidden = read([21, 3, 3, 0, 26] + [UInt8](repeating: 1, count: 26))
        #expect(hidden.alert == nil)
        #expect(hidden.end == .done)
    }

    @Test(
        "what is no TLS is called so",
        arguments: [
            Array("220 mx.example.org\r\n".utf8), Array("HTTP/1.1 400 Bad\r\n".utf8), [22, 2, 0, 0, 0],
            [22, 3, 3, 0xFF, 0xFF], records(22, [2, 0, 0, 3, 1, 2, 3]), records(22, [1, 0xFF, 0xFF, 0xFF, 0]),
            records(22, message(1, [3, 3])),
        ] as [[UInt8]]
    )
    func malformed(bytes: [UInt8]) {
        #expect(read(bytes).end == .malformed)
    }

    @Test("it looks at no more than its limit, however long the server talks in clear")
    func bounded() {
        let endless = Self.records(22, Self.message(11, [UInt8](repeating: 0, count: 400_000)))
        #expect(read(endless).end == .done)
    }

    @Test("any bytes are read without harm, and how they were cut makes no difference")
    func fuzz() {
        var generator = SeededGenerator(seed: 11)
        let seeds = [Self.records(22, Self.clientHello), Array(Self.flight12.prefix(600)), [21, 3, 3, 0, 2, 2, 40]]
        for round in Rounds(4000) {
            var bytes = seeds[round % seeds.count]
            for _ in 0..<Int(generator.next() % 6) {
                let place = Int(generator.next() % UInt64(bytes.count))
                switch generator.next() % 3 {
                case 0: bytes[place] = UInt8(truncatingIfNeeded: generator.next())
                case 1: bytes.insert(UInt8(truncatingIfNeeded: generator.next()), at: place)
                default: if bytes.count > 1 { bytes.remove(at: place) }
                }
            }
            let whole = read(bytes)
            let cut = read(bytes, pieces: 1 + Int(generator.next() % 9))
            #expect(whole.offer == cut.offer && whole.choice == cut.choice && whole.end == cut.end)
            #expect(whole.alert == cut.alert)
        }
    }
}

@Suite("What a client saw of the hello messages", .serialized, .timeLimit(.minutes(2)))
struct HelloRecordTests {
    private func hellos(_ change: (inout TLSConfiguration) -> Void) async throws -> (TLSFacts?, HelloRecord?) {
        let files = try #require(TestCertificate.files)
        var configuration = TLSConfiguration.makeServerConfiguration(
            certificateChain: try NIOSSLCertificate.fromPEMFile(files.certificate).map { .certificate($0) },
            privateKey: .privateKey(try NIOSSLPrivateKey(file: files.key, format: .pem))
        )
        change(&configuration)
        let context = try NIOSSLContext(configuration: configuration)
        return try await ToyServer().run(tls: context, isImplicitTLS: true) { port in
            let client = try await ToyServer.connect(port)
            try? await client.handshake(try TestCertificate.acceptAny())
            defer { client.close() }
            return (await client.tls, await client.hellos)
        }
    }

    @Test("suite and group are in the facts")
    func facts() async throws {
        let (facts, record) = try await hellos { _ in }
        #expect(facts?.cipher?.hasPrefix("TLS_") == true)
        #expect(facts?.group != nil)
        #expect(facts?.group == record?.choice?.group.map(TLSNames.group))
        let (old, _) = try await hellos {
            $0.maximumTLSVersion = .tlsv12
            $0.cipherSuiteValues = [.TLS_ECDHE_ECDSA_WITH_AES_256_GCM_SHA384]
            $0.curves = [.secp384r1]
        }
        #expect(old?.version == .tls12)
        #expect(old?.cipher == "TLS_ECDHE_ECDSA_WITH_AES_256_GCM_SHA384")
        #expect(old?.group == "secp384r1")
    }

    @Test("a failed handshake says what we offered and with what the server broke off")
    func failure() async throws {
        let (facts, record) = try await hellos {
            $0.minimumTLSVersion = .tlsv1
            $0.maximumTLSVersion = .tlsv1
        }
        #expect(facts == nil)
        #expect(record?.serverAlert?.code == 70)
        let sentence = try #require(record?.sentence(.noCommonVersion))
        #expect(
            sentence.contains("there is no TLS version that both sides have; we offered TLSv1.3, TLSv1.2 with TLS_")
        )
        #expect(sentence.hasSuffix("the server answered protocol_version (70)"))
    }

    @Test("no session is ever asked for again, however often we come")
    func noResumption() async throws {
        let files = try #require(TestCertificate.files)
        let context = try ServerTLS.context(certificateFile: files.certificate, keyFile: files.key)
        let tls = try TestCertificate.acceptAny()
        try await ToyServer().run(isImplicitTLS: true, tlsContext: { context.current }) { port in
            for _ in 0..<3 {
                let client = try await ToyServer.connect(port)
                try await client.handshake(tls)
                _ = try await client.readGreeting()
                #expect(await client.hellos?.offer?.resumes == false)
                await client.quit()
            }
        }
    }
}
