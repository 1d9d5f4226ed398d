// SPDX-License-Identifier: Apache-2.0

package import Privacy

/// Has certificates judged, and messages to rare kinds of key encrypted, by `postern worker` processes.
///
/// A worker sees one certificate at a time. One that breaks, hangs or talks nonsense is killed and costs its own job
/// only; the next job gets a new one. Any number of tasks may use one client.
package final class WorkerClient: Sendable {
    /// How long things may take.
    ///
    /// Processor time of the worker but for ``stall``, and ten times as long by the wall clock, which runs only while a
    /// worker is waited for.
    package struct Limits: Sendable {
        package var start: Duration
        package var judge: Duration
        /// For an encryption as a whole: this, and ``encryptPerMebibyte`` for each MiB begun.
        package var encrypt: Duration
        package var encryptPerMebibyte: Duration
        /// For a worker that does not move, by the wall clock.
        package var stall: Duration

        package init(
            start: Duration = .seconds(10),
            judge: Duration = .seconds(2),
            encrypt: Duration = .seconds(2),
            encryptPerMebibyte: Duration = .seconds(1),
            stall: Duration = .seconds(5)
        ) {
            self.start = start
            self.judge = judge
            self.encrypt = encrypt
            self.encryptPerMebibyte = encryptPerMebibyte
            self.stall = stall
        }
    }

    let limits: Limits
    private let executable: String
    private let arguments: [String]
    /// Judging and encrypting share no process: what a bad certificate may do to one never meets a message.
    private let judging: WorkerPool
    private let encrypting: WorkerPool

    /// Prepares to run workers; starts none yet.
    ///
    /// `executable` with `arguments` must run the worker: `/proc/self/exe worker` for the gateway itself. At most
    /// `maxProcesses` run for each of the two jobs.
    package init(
        executable: String,
        arguments: [String] = ["worker"],
        limits: Limits = Limits(),
        maxProcesses: Int = 4
    ) {
        self.executable = executable
        self.arguments = arguments
        self.limits = limits
        judging = WorkerPool(limit: maxProcesses, maxIdle: 0)
        encrypting = WorkerPool(limit: maxProcesses, maxIdle: 2)
    }

    /// Judges one stripped binary certificate (see ``CertificateReader/read(_:)``) of at most 1 MiB, as of `time`.
    ///
    /// Throws ``WorkerError/unusable(_:)`` when nothing can be said about it but what is wrong.
    package func judge(_ certificate: [UInt8], at time: WallTime) async throws(WorkerError) -> JudgedCertificate {
        let outline = try Self.outline(certificate)
        let lease = try await lease(from: judging)
        let channel = lease.channel
        await channel.allow(processor: limits.judge, stall: limits.stall)
        var judge = CertificateJudge(outline: outline, now: time.seconds) { claim async throws(WorkerError) in
            try await channel.verify(claim)
        }
        let judged: JudgedCertificate
        do {
            judged = try await judge.judge()
        } catch {
            throw error == .tooSlow ? .unusable(.tooSlow) : error
        }
        lease.giveBack()
        return judged
    }

    /// Looks at one signature (binary, detached) over `document` by a key of a stripped binary certificate, as of `time`.
    ///
    /// What the answer says of the certificate holds whatever the signature is worth.
    package func verify(
        _ signature: [UInt8],
        over document: [UInt8],
        by certificate: [UInt8],
        at time: WallTime
    ) async throws(WorkerError) -> SignatureFinding {
        let outline = try Self.outline(certificate)
        let lease = try await lease(from: judging)
        let channel = lease.channel
        await channel.allow(processor: limits.judge, stall: limits.stall)
        let judge = CertificateJudge(outline: outline, now: time.seconds) { claim async throws(WorkerError) in
            try await channel.verify(claim)
        }
        let finding: SignatureFinding
        do {
            finding = try await judge.judge(signature) { candidate async throws(WorkerError) in
                let check = DetachedCheck(
                    time: UInt32(truncatingIfNeeded: time.seconds),
                    signer: candidate.fingerprint,
                    certificate: candidate.certificate,
                    signature: signature,
                    document: document
                )
                return try await channel.verify(check)
            }
        } catch {
            throw error == .tooSlow ? .unusable(.tooSlow) : error
        }
        lease.giveBack()
        return finding
    }

    /// A worker for one encryption.
    func leaseForEncryption() async throws(WorkerError) -> WorkerLease { try await lease(from: encrypting) }

    #if POSTERN_TEST_BUILD
        /// A worker by itself, for tests of its sandbox.
        package func probe(steps: [UInt8]) async throws(WorkerError) -> (
            process: Int32, errors: [UInt8], lease: any Sendable
        ) {
            let lease = try await lease(from: judging)
            var errors: [UInt8] = []
            for step in steps { errors.append(try await lease.channel.tryStep(step)) }
            return (await lease.channel.processIdentifier ?? 0, errors, lease)
        }
    #endif

    private func lease(from pool: WorkerPool) async throws(WorkerError) -> WorkerLease {
        if let idle = try await pool.take(), await idle.isReady { return WorkerLease(idle, of: pool) }
        let lease = WorkerLease(WorkerChannel(), of: pool)
        try await lease.channel.start(executable: executable, arguments: arguments, within: limits.start)
        return lease
    }

    private static func outline(_ certificate: [UInt8]) throws(WorkerError) -> CertificateOutline {
        guard certificate.count <= CertificateReader.maxCertificateBytes else { throw .unusable(.tooLarge) }
        do {
            return try CertificateOutline(certificate, in: 0..<certificate.count)
        } catch {
            throw .unusable(error)
        }
    }
}
