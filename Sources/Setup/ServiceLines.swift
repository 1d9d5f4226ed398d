// SPDX-License-Identifier: Apache-2.0

import Commitment
import Mail
import Settings

/// What the gateway's unit needs beside what comes with Postern.
enum ServiceLines {
    static func systemd(_ plan: InitPlan, _ directory: String) -> SoftwareLines {
        let steps = [rights(plan, directory), service(plan), vault(plan, directory), start].compactMap { $0 }
        let text = steps.enumerated().map { number, step in "# \(number + 1). \(step)" }
        return SoftwareLines(name: "systemd.txt", text: text.joined(separator: "\n"))
    }

    private static func rights(_ plan: InitPlan, _ directory: String) -> String {
        var text = """
            The user that Postern runs as, and what it may read.

            systemd-sysusers
            chown root:postern \(directory)/postern.toml
            chmod 640 \(directory)/postern.toml

            """
        if let credentials = plan.credentials {
            let file = credentials.passwordFile
            let path = file.hasPrefix("/") ? file : "\(directory)/\(file)"
            text += """

                # The password for \(credentials.username): type it, Enter, and Ctrl-D.

                install -m 640 -o root -g postern /dev/stdin \(path)

                """
        }
        return text
    }

    private static func service(_ plan: InitPlan) -> String? {
        var lines: [String] = []
        if plan.serverTLS?.keyPassphraseFile != nil {
            lines += ["# The passphrase of the private key.", "LoadCredentialEncrypted=tls"]
        }
        guard !lines.isEmpty else { return nil }
        return """
            More for the service.

            mkdir -p /etc/systemd/system/postern.service.d
            cat > /etc/systemd/system/postern.service.d/local.conf <<'END'
            [Service]
            \(lines.joined(separator: "\n"))
            END

            """
    }

    private static func vault(_ plan: InitPlan, _ directory: String) -> String {
        let data = plan.data.hasPrefix("/") ? plan.data : "\(directory)/\(plan.data)"
        return """
            The vault. Its passphrase becomes a credential, which only this machine can open. The last line shows it: keep a
            # copy elsewhere, because without it the waiting mail, the keys and the users are lost. systemd-creds remarks where
            # the disk is not encrypted: then whoever has the disk can open the credential. (Without a credential the service
            # starts locked, and waits for `postern unlock`.)

            mkdir -p /etc/credstore.encrypted
            (umask 077; openssl rand -base64 32 > /run/postern-passphrase)
            postern vault init --config \(directory)/postern.toml --passphrase-file /run/postern-passphrase
            chown -R postern:postern \(data)
            systemd-creds encrypt --name=postern-vault /run/postern-passphrase /etc/credstore.encrypted/postern-vault
            cat /run/postern-passphrase; rm /run/postern-passphrase

            """
    }

    private static let start = """
        The start. After a change of the settings: systemctl reload postern

        systemctl daemon-reload
        systemctl enable --now postern

        """
}
