// SPDX-License-Identifier: Apache-2.0

import Privacy
import SMTPTransport
import Settings
import Vault

/// What the listeners show in TLS handshakes that clients begin.
enum ServerCertificate {
    /// From the files of the settings, and from the vault when it is open; self-made in try-it mode; nil when there is none, and
    /// STARTTLS is not offered.
    static func listenerTLS(_ settings: PosternSettings, kept: KeptCertificates?, time: Time) throws -> ListenerTLS? {
        let vault = settings.usesVaultCertificates ? kept?.live ?? [] : []
        return try ListenerTLS(
            ServedCertificates(
                hostname: settings.hostname,
                standing: try standing(settings, time),
                // One that the library does not take any more must not keep the others back.
                kept: vault.compactMap { served($0) }
            )
        )
    }

    private static func standing(_ settings: PosternSettings, _ time: Time) throws -> ServedCertificates.Served? {
        guard let files = settings.tls else {
            guard settings.isTryIt else { return nil }
            let own = try SelfMadeCertificate(hostname: settings.hostname, time: time)
            return served(
                try ServerChain(certificatePEM: Array(own.certificatePEM.utf8), keyPEM: Array(own.keyPEM.utf8)),
                .selfMade
            )
        }
        let secret = try files.keyPassphraseFile.map { try Self.passphrase(in: $0) }
        do throws(ServerTLS.Failure) {
            let chain = try ServerChain(
                certificateFile: files.certificate,
                keyFile: files.key,
                passphrase: secret
            )
            guard let served = served(chain, .file(files.certificate)) else { throw .certificateUnreadable }
            return served
        } catch {
            throw GatewayProblem(sentence(error, files))
        }
    }

    private static func served(_ chain: KeptCertificates.Chain) -> ServedCertificates.Served? {
        let certificates = chain.certificates.map { [UInt8]($0) }
        return (try? ServerChain(certificates: certificates, key: [UInt8](chain.key))).flatMap { served($0, .vault) }
    }

    private static func served(
        _ chain: ServerChain,
        _ origin: ServedCertificates.Origin
    ) -> ServedCertificates.Served? {
        chain.encoded.first.flatMap { CertificateFacts(der: $0) }.map {
            ServedCertificates.Served(chain: chain, facts: $0, origin: origin)
        }
    }

    /// The first line of the file.
    private static func passphrase(in path: String) throws -> [UInt8] {
        do throws(VaultError) {
            return unsafe try PassphraseSource.file(path).read().withBytes { unsafe Array($0) }
        } catch {
            throw GatewayProblem(
                "tls.key_passphrase_file \(path): \(error == .noPassphrase ? missing(path) : error.sentence)"
            )
        }
    }

    private static func missing(_ path: String) -> String {
        path.hasPrefix("/run/credentials/")
            ? "It is there only while the service runs; start the gateway by `systemctl start postern`."
            : "There is no such file; put the passphrase of the key into its first line."
    }

    private static func sentence(_ failure: ServerTLS.Failure, _ files: TLSFiles) -> String {
        switch failure {
        case .certificateUnreadable:
            "tls.certificate: \(files.certificate) can't be read as PEM; name a file with the chain, the server's own certificate first."
        case .keyUnreadable:
            "tls.key: \(files.key) can't be read as a PEM private key; look at its path and its rights."
        case .passphraseWrong:
            "tls.key_passphrase_file: the key \(files.key) is encrypted, and it does not open; name the file with its passphrase."
        case .unusable:
            "tls: \(files.certificate) and \(files.key) do not belong together; name the key of that certificate."
        }
    }
}
