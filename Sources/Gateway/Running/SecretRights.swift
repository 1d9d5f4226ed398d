// SPDX-License-Identifier: Apache-2.0

import OperatingSystem
package import Settings

/// Files with secrets that every user of this machine may read.
package enum SecretRights {
    /// One finding for each such file that the settings name; an encrypted private key is no secret by itself.
    package static func problems(_ settings: PosternSettings, facts: HostFacts) -> [Diagnostic] {
        var files: [(key: String, path: String, place: String?)] = []
        if let tls = settings.tls {
            if facts.isTLSKeyEncrypted != true { files.append(("tls.key", tls.key, nil)) }
            if let passphrase = tls.keyPassphraseFile { files.append(("tls.key_passphrase_file", passphrase, nil)) }
        }
        switch settings.vault {
        case .passphraseFile(let path): files.append(("vault.passphrase_file", path, nil))
        case .keyFile(let path): files.append(("vault.key_file", path, nil))
        case .prompt: break
        }
        for (index, route) in settings.routes.enumerated() {
            guard let credentials = route.target.nextHop?.credentials else { continue }
            files.append(("route.password_file", credentials.passwordFile, "route[\(index)].password_file"))
        }
        return files.filter { FileFacts($0.path).map { $0.isRegular && $0.isReadableByAll } ?? false }.map { file in
            Diagnostic(
                file: settings.positions.file,
                line: settings.positions.line(file.place ?? file.key),
                key: file.key,
                problem: "every user of this machine may read the secret in \(file.path)",
                remedy: "take that right away with chmod o-rwx \(file.path)"
            )
        }
    }
}
