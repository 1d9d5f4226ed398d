// SPDX-License-Identifier: Apache-2.0

import Privacy
import SMTPTransport
import Settings
import Vault

/// The context for TLS handshakes that clients begin.
enum ServerCertificate {
    /// From the files of the settings; self-made in try-it mode; nil when there is none, and STARTTLS is not offered.
    static func context(_ settings: PosternSettings, time: Time) throws -> ServerTLSContext? {
        guard let files = settings.tls else {
            guard settings.isTryIt else { return nil }
            let own = try SelfMadeCertificate(hostname: settings.hostname, time: time)
            return try ServerTLS.context(certificatePEM: Array(own.certificatePEM.utf8), keyPEM: Array(own.keyPEM.utf8))
        }
        let secret = try files.keyPassphraseFile.map { try Self.passphrase(in: $0) }
        do throws(ServerTLS.Failure) {
            return try ServerTLS.context(certificateFile: files.certificate, keyFile: files.key, passphrase: secret)
        } catch {
            throw GatewayProblem(sentence(error, files))
        }
    }

    /// What SCRAM-PLUS binds a sign-in to; nil without a certificate that clients know.
    static func channelBinding(_ settings: PosternSettings) -> [UInt8]? {
        settings.tls.flatMap { ChannelBinding.serverEndPoint(certificateFile: $0.certificate) }
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
