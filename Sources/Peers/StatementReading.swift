// SPDX-License-Identifier: Apache-2.0

package import ChannelPolicy
package import OpenPGP
package import Privacy

/// What became of the bytes that somebody served as a statement.
package struct StatementReading: Sendable {
    /// The primary key that the certificate in it names; nil when there is no readable one.
    package var signer: KeyFingerprint?
    /// Whether that key was withdrawn for good: this holds whatever the signature is worth.
    package var isCompromised = false
    /// The certificate without the signatures of others, and with all that was known of it before.
    package var certificate: [UInt8] = []
    /// The subkey, or primary key, that signed.
    package var signingKey: KeyFingerprint?
    /// What is stated, when the signature is valid.
    package var statement: Result<CommitmentStatement, StatementFault> = .failure(.notJSON)
}

/// Opens statements: the envelope, the certificate, the signature, and only then what is stated.
package struct StatementReader: Sendable {
    private let worker: WorkerClient

    package init(worker: WorkerClient) { self.worker = worker }

    /// Reads what was served, as of `now`.
    ///
    /// `known` gives the certificate that is known of a primary key already: revocations and the like stay known, even when an older
    /// copy is served.
    package func read(
        _ served: [UInt8],
        at now: WallTime,
        known: (KeyFingerprint) -> [UInt8]? = { _ in nil }
    ) async -> StatementReading {
        var reading = StatementReading()
        do {
            reading.statement = .success(try await open(served, now, known, &reading))
        } catch {
            reading.statement = .failure(error)
        }
        return reading
    }

    private func open(
        _ served: [UInt8],
        _ now: WallTime,
        _ known: (KeyFingerprint) -> [UInt8]?,
        _ reading: inout StatementReading
    ) async throws(StatementFault) -> CommitmentStatement {
        let envelope = try StatementEnvelope(served: served)
        let signer: KeyFingerprint
        (reading.certificate, signer) = try Self.certificate(envelope.certificate, known)
        reading.signer = signer
        let finding = try await finding(envelope, reading.certificate, now)
        reading.isCompromised = finding.isCompromised
        if let fault = finding.fault { throw .signature(fault.sentence) }
        reading.signingKey = finding.signer.flatMap { KeyFingerprint(octets: $0) }
        return try CommitmentStatement(payload: envelope.payload)
    }

    private func finding(
        _ envelope: StatementEnvelope,
        _ certificate: [UInt8],
        _ now: WallTime
    ) async throws(StatementFault) -> SignatureFinding {
        do {
            return try await worker.verify(
                envelope.signature,
                over: envelope.signedBytes,
                by: certificate,
                at: now
            )
        } catch {
            switch error {
            case .unusable(let verdict): throw .certificate(verdict.sentence)
            // A certificate that breaks the worker is no use, whoever sent it.
            case .ended, .nonsense: throw .certificate(error.sentence)
            default: throw .notChecked(error.sentence)
            }
        }
    }

    /// The one certificate in `bytes`, put together with what is known of it, and its primary key.
    private static func certificate(
        _ bytes: [UInt8],
        _ known: (KeyFingerprint) -> [UInt8]?
    ) throws(StatementFault) -> ([UInt8], KeyFingerprint) {
        do throws(CertificateVerdict) {
            // Binary only: what is armored would begin with a letter.
            guard bytes.first.map({ $0 & 0x80 != 0 }) ?? false else { throw .malformed }
            let stripped = try CertificateReader.strip(bytes)
            guard let signer = KeyFingerprint(octets: try CertificateReader.fingerprint(of: stripped)) else {
                throw .malformed
            }
            guard let known = known(signer) else { return (stripped, signer) }
            return (try CertificateReader.strip(try CertificateMerge.merge(known, stripped)), signer)
        } catch {
            throw .certificate(error.sentence)
        }
    }
}
