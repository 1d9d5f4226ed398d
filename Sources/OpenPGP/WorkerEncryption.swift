// SPDX-License-Identifier: Apache-2.0

import Mail

/// A message that a worker encrypts with librnp, for kinds of key that the own writer lacks; handed out armored and in
/// order.
///
/// Plaintext goes to the worker only as it asks for it and never touches a file. A worker that does not move for five
/// seconds, or takes longer than two seconds and one more a MiB, is ended. Dropping it on the way ends its worker.
struct WorkerEncryption: ChunkProducer {
    private let client: WorkerClient
    private let request: EncryptRequest
    private let plaintext: any ByteSource
    private let keyIDs: Set<[UInt8]>
    private var lease: WorkerLease?
    private var armor = ArmorWriter(.message)
    private var offset = 0
    private var sentEnd = false
    private var isDone = false
    private var produced = 0

    init(client: WorkerClient, request: EncryptRequest, plaintext: any ByteSource) {
        self.client = client
        self.request = request
        self.plaintext = plaintext
        keyIDs = Set(request.recipients.flatMap(\.fingerprints).map { Array($0.suffix(8)) })
    }

    mutating func next() async throws -> [UInt8]? {
        guard !isDone else { return nil }
        do {
            return try await produce()
        } catch {
            // The worker may be in the middle of anything.
            lease = nil
            isDone = true
            throw error
        }
    }

    private mutating func produce() async throws -> [UInt8] {
        let lease = try await begin()
        var binary: [UInt8] = []
        while binary.count < WorkerProtocol.chunkBytes, !isDone {
            let event = try await lease.channel.nextEvent()
            switch event {
            case .wantsPlaintext: try await feed(lease)
            case .ciphertext(let bytes): binary += bytes
            case .done: isDone = true
            }
        }
        try check(binary)
        var output: [UInt8] = []
        armor.write(binary, into: &output)
        if isDone {
            guard sentEnd else { throw WorkerError.nonsense }
            armor.finish(into: &output)
            lease.giveBack()
            self.lease = nil
        }
        return output
    }

    private mutating func begin() async throws -> WorkerLease {
        if let lease { return lease }
        let lease = try await client.leaseForEncryption()
        self.lease = lease
        let mebibytes = plaintext.count / (1 << 20) + 1
        let limits = client.limits
        await lease.channel.allow(
            processor: limits.encrypt + limits.encryptPerMebibyte * mebibytes,
            stall: limits.stall
        )
        try await lease.channel.begin(request)
        return lease
    }

    private mutating func feed(_ lease: WorkerLease) async throws {
        guard !sentEnd else { throw WorkerError.nonsense }
        var chunk: [UInt8] = []
        if offset < plaintext.count {
            chunk = try await plaintext.read(
                at: offset,
                maxCount: min(WorkerProtocol.chunkBytes, plaintext.count - offset)
            )
            guard !chunk.isEmpty, chunk.count <= plaintext.count - offset else { throw EncryptionError.sourceChanged }
            offset += chunk.count
        }
        sentEnd = chunk.isEmpty
        try await lease.channel.give(chunk)
    }

    /// Even a worker in foreign hands must not send clear text on its way: the message has to begin with session keys
    /// for exactly our recipients and an integrity protected packet, and may be no longer than such a message is.
    private mutating func check(_ binary: [UInt8]) throws {
        let isFirst = produced == 0
        produced += binary.count
        guard produced <= plaintext.count + plaintext.count / 64 + 65_536 else { throw WorkerError.nonsense }
        guard isFirst else { return }
        var walker = PacketWalker(binary)
        var seen: Set<[UInt8]> = []
        var end = 0
        while end < binary.count, binary[end] & 0xFF == 0xC1 || binary[end] & 0xFC == 0x84,
            let packet = try? walker.next()
        {
            guard packet.body.count > 10, binary[packet.body.lowerBound] == 3 else { throw WorkerError.nonsense }
            seen.insert(Array(binary[(packet.body.lowerBound + 1)..<(packet.body.lowerBound + 9)]))
            end = packet.whole.upperBound
        }
        guard seen == keyIDs, end < binary.count, binary[end] == 0xD2 else { throw WorkerError.nonsense }
    }
}
