// SPDX-License-Identifier: Apache-2.0

package import Mail
package import Privacy

/// Picks how a message is encrypted: by the own writer, or where a key asks for it, by the worker.
package enum Encryption {
    /// A message to all of `certificates`, which are one recipient's: every encryption subkey that lives at `time` can
    /// read it, and nothing in it tells of anybody else.
    ///
    /// Throws the ``CertificateVerdict`` of a certificate that can't be used at `time`; never leaves one out. Nothing
    /// is started before the first ``ChunkProducer/next()``. Run it off the event loops (see ``MessageEncryptor``).
    package static func producer(
        for certificates: [JudgedCertificate],
        at time: WallTime,
        plaintext: any ByteSource,
        worker: WorkerClient
    ) throws -> any ChunkProducer {
        let chosen = certificates.map { ($0, $0.encryptionSubkeys(at: time.seconds)) }
        guard !chosen.isEmpty else { throw EncryptionError.noRecipient }
        for (certificate, subkeys) in chosen where subkeys.isEmpty { throw certificate.verdict(at: time.seconds) }
        guard chosen.contains(where: { $0.1.contains(where: \.needsWorker) }) else {
            return try MessageEncryptor(certificates: certificates, at: time, plaintext: plaintext)
        }
        let recipients = chosen.map { certificate, subkeys in
            EncryptRequest.Recipient(
                certificate: certificate.workerCertificate.isEmpty
                    ? certificate.certificate : certificate.workerCertificate,
                fingerprints: subkeys.map(\.fingerprint)
            )
        }
        let request = EncryptRequest(
            cipher: .strongest(for: certificates),
            time: UInt32(clamping: time.seconds),
            recipients: recipients
        )
        return WorkerEncryption(client: worker, request: request, plaintext: plaintext)
    }
}
