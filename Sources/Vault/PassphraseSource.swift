// SPDX-License-Identifier: Apache-2.0

import Glibc

/// Where a passphrase comes from.
package enum PassphraseSource: Sendable {
    /// Asked for on the terminal, without echo.
    case prompt(String)
    /// The systemd credential `postern-vault`, or `postern-vault.passphrase`, in `$CREDENTIALS_DIRECTORY`.
    case credential
    /// A file; one line end at its end is not part of the passphrase.
    case file(String)

    /// Reads it.
    ///
    /// Blocks: for a prompt, until a line was typed.
    ///
    /// Throws ``VaultError/noPassphrase`` when there is none at this source.
    package func read() throws(VaultError) -> LockedBytes {
        switch self {
        case .prompt(let question): try Self.ask(question)
        case .credential: try Self.readCredential()
        case .file(let path): try Self.readFile(path)
        }
    }

    /// The contents of a key file, unchanged.
    package static func keyFile(_ path: String) throws(VaultError) -> LockedBytes {
        var bytes = try readSecret(path)
        defer { wipe(&bytes) }
        return try LockedBytes(copying: bytes)
    }

    private static func readCredential() throws(VaultError) -> LockedBytes {
        guard let directory = unsafe getenv("CREDENTIALS_DIRECTORY").flatMap({ unsafe String(validatingCString: $0) }),
            !directory.isEmpty
        else { throw .noPassphrase }
        for name in ["postern-vault", "postern-vault.passphrase"] where unsafe access(directory + "/" + name, F_OK) == 0
        {
            return try readFile(directory + "/" + name)
        }
        throw .noPassphrase
    }

    private static func readFile(_ path: String) throws(VaultError) -> LockedBytes {
        var bytes = try readSecret(path)
        defer { wipe(&bytes) }
        return try trimmed(bytes)
    }

    private static func readSecret(_ path: String) throws(VaultError) -> [UInt8] {
        var facts = stat()
        guard unsafe stat(path, &facts) == 0 else {
            if errno == ENOENT { throw .noPassphrase }
            throw .system(errno)
        }
        guard facts.st_mode & 0o007 == 0 else { throw .secretReadableByAll }
        guard let bytes = try DurableFile.read(path, limit: 65536) else { throw .noPassphrase }
        return bytes
    }

    /// Without the one line end (LF or CRLF) that editors and `echo` add.
    static func trimmed(_ bytes: [UInt8]) throws(VaultError) -> LockedBytes {
        var end = bytes.count
        if end > 0, bytes[end - 1] == 10 { end -= 1 }
        if end > 0, end < bytes.count, bytes[end - 1] == 13 { end -= 1 }
        guard (1...4096).contains(end) else { throw .badPassphrase }
        return try LockedBytes(copying: bytes[..<end], count: end)
    }

    private static func ask(_ question: String) throws(VaultError) -> LockedBytes {
        let terminal = unsafe open("/dev/tty", O_RDWR | O_CLOEXEC | O_NOCTTY)
        guard terminal >= 0 else { throw .noPassphrase }
        defer { close(terminal) }
        var before = termios()
        guard unsafe tcgetattr(terminal, &before) == 0 else { throw .noPassphrase }
        var silent = before
        silent.c_lflag &= ~tcflag_t(ECHO)
        silent.c_lflag |= tcflag_t(ICANON | ECHONL)
        guard unsafe tcsetattr(terminal, TCSAFLUSH, &silent) == 0 else { throw .system(errno) }
        defer { unsafe tcsetattr(terminal, TCSAFLUSH, &before) }
        let prompt = Array(question.utf8)
        _ = unsafe prompt.withUnsafeBytes { unsafe write(terminal, $0.baseAddress, $0.count) }
        // The terminal hands out a line of at most 4,095 bytes in canonical mode.
        var line = [UInt8](repeating: 0, count: 4096)
        defer { wipe(&line) }
        let got = unsafe line.withUnsafeMutableBytes { unsafe Glibc.read(terminal, $0.baseAddress, $0.count) }
        guard got > 0 else { throw .noPassphrase }
        var typed = Array(line[..<got])
        defer { wipe(&typed) }
        return try trimmed(typed)
    }
}
