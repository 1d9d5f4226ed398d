// SPDX-License-Identifier: Apache-2.0

import Glibc
import Mail
import SMTPTransport
import Settings
import Vault

/// A certificate in the vault of a running gateway.
package struct VaultCertificate: Sendable {
    package let names: [String]
    /// Seconds since 1970.
    package let expires: Int

    package init(names: [String], expires: Int) {
        self.names = names
        self.expires = expires
    }
}

/// Whether the server's certificate is there, for the host's name, in its time, with its key.
enum CertificateTrials {
    /// A certificate that ends within so many days should have been renewed.
    private static let renewalDays = 10

    static func run(_ settings: PosternSettings, _ vault: [VaultCertificate]?, now: Int) -> [Trial] {
        guard let files = settings.tls else {
            return settings.hasOnlyVaultCertificates ? [kept(vault, settings, now)] : []
        }
        guard let found = FoundCertificate(certificate: files.certificate) else {
            return [unreadable(files.certificate), key(files)]
        }
        return [name(found, settings), time(found, now), key(files)] + chain(found, settings)
    }

    /// The one for this host among the vault's, which only a running gateway can tell.
    private static func kept(_ vault: [VaultCertificate]?, _ settings: PosternSettings, _ now: Int) -> Trial {
        guard let vault else {
            return .unknown(
                "certificate",
                "vault",
                "the vault's certificates can be seen only while the gateway runs",
                remedy: "start the gateway and check again, or see `postern tls show`"
            )
        }
        let host = settings.hostname.key
        guard let own = vault.first(where: { one in one.names.contains { CertificateName.covers($0, host) } }) else {
            return .fault(
                "certificate",
                "vault",
                "it holds no certificate for \(host)",
                remedy: "import one for \(host) with `postern tls import`, or write the name that it has as hostname"
            )
        }
        let days = (own.expires - now) / 86_400
        guard days >= renewalDays else {
            return .fault(
                "certificate",
                "vault",
                now >= own.expires ? "that for \(host) has expired" : "that for \(host) expires in \(days) days",
                remedy: "renew it, and import it with `postern tls import`"
            )
        }
        return .ok("certificate", "vault", "for \(host), valid for \(days) days")
    }

    private static func unreadable(_ path: String) -> Trial {
        access(path, F_OK) != 0 && errno == ENOENT
            ? .fault(
                "certificate",
                path,
                "there is no such file",
                remedy: "get a certificate (certbot certonly), then write its path at tls.certificate"
            )
            : .fault(
                "certificate",
                path,
                access(path, R_OK) == 0 ? "it holds no certificate that can be read" : "this user may not read it",
                remedy: access(path, R_OK) == 0
                    ? "name the file with the chain as PEM, the server's own certificate first"
                    : "run the check as root or as the gateway's user; the gateway must be able to read the file"
            )
    }

    private static func name(_ found: FoundCertificate, _ settings: PosternSettings) -> Trial {
        let host = settings.hostname
        if found.covers(host) { return .ok("certificate", found.certificate, "for \(host.key)") }
        let names = found.names.prefix(4).joined(separator: ", ")
        return .fault(
            "certificate",
            found.certificate,
            "it is for \(names.isEmpty ? "no name" : names), not for \(host.key)",
            remedy: "get one for \(host.key), or write the name that it has as hostname"
        )
    }

    private static func time(_ found: FoundCertificate, _ now: Int) -> Trial {
        let days = (found.notAfter - now) / 86_400
        if now >= found.notAfter {
            return .fault(
                "certificate",
                found.certificate,
                "it expired \((now - found.notAfter) / 86_400) days ago",
                remedy: "renew it (certbot renew), then restart the gateway"
            )
        }
        if now < found.notBefore {
            return .fault(
                "certificate",
                found.certificate,
                "it is not valid yet",
                remedy: "look at this machine's clock (timedatectl)"
            )
        }
        if days < renewalDays {
            return .fault(
                "certificate",
                found.certificate,
                "it expires in \(days) days",
                remedy: "renew it (certbot renew), and look why that did not happen by itself"
            )
        }
        return .ok("certificate", found.certificate, "valid for \(days) days")
    }

    /// Mail programs of users ask for a chain to a root that they know; other servers mostly do not.
    private static func chain(_ found: FoundCertificate, _ settings: PosternSettings) -> [Trial] {
        let hasUsers = settings.listeners.contains {
            ($0.role == .submission || $0.role == .submissions) && !$0.isLoopback
        }
        guard found.isSelfSigned, hasUsers else { return [] }
        return [
            .fault(
                "certificate",
                found.certificate,
                "it is self-signed, and users' mail programs will refuse it",
                remedy: "get one from an authority that they know, such as Let's Encrypt (certbot certonly)"
            )
        ]
    }

    private static func key(_ files: TLSFiles) -> Trial {
        var secret: [UInt8]?
        if let path = files.keyPassphraseFile {
            guard let line = try? PassphraseSource.file(path).read() else { return passphrase(path) }
            secret = line.withBytes { Array($0) }
        }
        do throws(ServerTLS.Failure) {
            _ = try ServerTLS.context(certificateFile: files.certificate, keyFile: files.key, passphrase: secret)
            return .ok("certificate", files.key, "the key opens and belongs to the certificate")
        } catch {
            return refused(error, files)
        }
    }

    private static func passphrase(_ path: String) -> Trial {
        if access(path, F_OK) != 0, path.hasPrefix("/run/credentials/") {
            return .unknown(
                "certificate",
                path,
                "the credential is there only while the service runs, so the key can't be tried",
                remedy: "start the service; `systemctl status postern` tells whether the key opened"
            )
        }
        return .fault(
            "certificate",
            path,
            "the key's passphrase can't be read from it",
            remedy: "put the passphrase into its first line, and take away the rights of others (chmod 640)"
        )
    }

    private static func refused(_ failure: ServerTLS.Failure, _ files: TLSFiles) -> Trial {
        switch failure {
        case .keyUnreadable:
            .fault(
                "certificate",
                files.key,
                access(files.key, R_OK) == 0 ? "it holds no private key" : "it can't be read",
                remedy: "write the path of the PEM key at tls.key, and let the gateway's user read it"
            )
        case .passphraseWrong:
            .fault(
                "certificate",
                files.key,
                "it is encrypted and does not open",
                remedy: "name the file with its passphrase at tls.key_passphrase_file"
            )
        case .certificateUnreadable:
            .unknown("certificate", files.key, "without the certificate the key can't be tried")
        case .unusable:
            .fault(
                "certificate",
                files.key,
                "key and certificate do not belong together",
                remedy: "name the key that the certificate was made for"
            )
        }
    }
}
