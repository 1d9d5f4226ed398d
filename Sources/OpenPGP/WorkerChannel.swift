// SPDX-License-Identifier: Apache-2.0

import Dispatch

/// The conversation with one worker, on a thread of its own because it blocks.
///
/// After an error the process is gone and the channel is of no use any more.
actor WorkerChannel {
    /// What a worker that encrypts says next.
    enum Event: Sendable {
        case wantsPlaintext
        case ciphertext([UInt8])
        case done
    }

    private let executor: QueueExecutor
    private var process: WorkerProcess?

    nonisolated var unownedExecutor: UnownedSerialExecutor { unsafe executor.asUnownedSerialExecutor() }

    init() { executor = QueueExecutor() }

    /// The process, for tests.
    var processIdentifier: Int32? { process?.identifier }

    /// Starts the worker and waits until it is shut in.
    func start(executable: String, arguments: [String], within limit: Duration) throws(WorkerError) {
        let process = try WorkerProcess(executable: executable, arguments: arguments)
        self.process = process
        process.allow(processor: limit, stall: limit)
        let (kind, body) = try receive()
        switch kind {
        case .ready: return
        case .unfit where body.last == 1:
            let version = WorkerProtocol.number(body)
            end()
            throw .refusedLibrary("\(version >> 20).\(version >> 10 & 0x3FF).\(version & 0x3FF)")
        case .unfit:
            end()
            throw .noSandbox
        default:
            end()
            throw .nonsense
        }
    }

    /// Whether a worker that waits for a job still lives and has nothing to say.
    var isReady: Bool { process?.isSilent ?? false }

    /// Begins a job; see ``WorkerProcess/allow(processor:stall:)``.
    func allow(processor: Duration, stall: Duration) { process?.allow(processor: processor, stall: stall) }

    /// Whether the signature is valid.
    func verify(_ claim: SignatureClaim) throws(WorkerError) -> Bool {
        let created = WorkerProtocol.bigEndian(UInt32(truncatingIfNeeded: claim.created))
        try send(.verify, [claim.subject.rawValue] + created + claim.fingerprint + claim.certificate)
        return try receiveVerdict()
    }

    /// Whether the signature over the document is valid.
    func verify(_ check: DetachedCheck) throws(WorkerError) -> Bool {
        try send(.verifyDetached, check.encoded)
        return try receiveVerdict()
    }

    private func receiveVerdict() throws(WorkerError) -> Bool {
        let (kind, body) = try receive()
        guard kind == .verified, body.count == 1 else {
            end()
            throw .nonsense
        }
        return body[0] == 1
    }

    func begin(_ request: EncryptRequest) throws(WorkerError) {
        try send(.encrypt, request.encoded)
    }

    func nextEvent() throws(WorkerError) -> Event {
        let (kind, body) = try receive()
        switch kind {
        case .need: return .wantsPlaintext
        case .ciphertext: return .ciphertext(body)
        case .done: return .done
        case .failed: throw .refused(WorkerProtocol.number(body))
        default:
            end()
            throw .nonsense
        }
    }

    func give(_ plaintext: [UInt8]) throws(WorkerError) {
        try send(.plaintext, plaintext)
    }

    #if POSTERN_TEST_BUILD
        /// What a step that the sandbox must stop ends with: its errno, or 0 when it went through.
        func tryStep(_ step: UInt8) throws(WorkerError) -> UInt8 {
            try send(.tryStep, [step])
            return try receive().1.first ?? 0
        }
    #endif

    /// Kills the worker.
    func end() { process = nil }

    private func send(
        _ kind: WorkerProtocol.Kind,
        _ body: [UInt8]
    ) throws(WorkerError) {
        guard let process else { throw .ended }
        do {
            try process.send(WorkerProtocol.header(kind, count: body.count) + body)
        } catch {
            end()
            throw error
        }
    }

    private func receive() throws(WorkerError) -> (WorkerProtocol.Kind, [UInt8]) {
        guard let process else { throw .ended }
        do throws(WorkerError) {
            let header = try process.receive(5)
            let count = Int(WorkerProtocol.number(header.dropFirst()))
            guard let kind = WorkerProtocol.Kind(rawValue: header[0]), count <= WorkerProtocol.maxFrameBytes else {
                throw .nonsense
            }
            return (kind, try process.receive(count))
        } catch {
            end()
            throw error
        }
    }
}

/// Runs an actor on a queue, so that what blocks there holds up nobody else.
private final class QueueExecutor: SerialExecutor {
    private let queue = DispatchQueue(label: "postern.openpgp.worker")

    func enqueue(_ job: consuming ExecutorJob) {
        let job = UnownedJob(job)
        let executor = unsafe asUnownedSerialExecutor()
        queue.async { unsafe job.runSynchronously(on: executor) }
    }
}
