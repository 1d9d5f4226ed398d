// SPDX-License-Identifier: Apache-2.0

import Glibc
package import Mail
import Vault

/// The spool as a program sees it: a directory in which anybody may leave sealed files and nobody but the gateway may
/// look around.
///
/// A message of user 33 is the file `33.N` with the lowest free number; the numbers end where the user's quota does.
package struct SpoolOutbox {
    package static let unfinishedSuffix = ".part"

    private let directory: String
    package let notice: SpoolNotice
    private let mode: mode_t

    /// Nil where no gateway has asked for a spool.
    ///
    /// The notice counts only when its owner also owns the directory, or is root, and nobody else may write to it: a
    /// key that somebody put there would open everybody's mail to them.
    package init?(directory: String) {
        var folder = stat()
        guard lstat(directory, &folder) == 0, folder.st_mode & S_IFMT == S_IFDIR else { return nil }
        let file = open(directory + "/" + SpoolNotice.fileName, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC)
        guard file >= 0 else { return nil }
        defer { close(file) }
        var facts = stat()
        guard fstat(file, &facts) == 0, facts.st_mode & S_IFMT == S_IFREG, facts.st_mode & 0o022 == 0,
            facts.st_uid == 0 || facts.st_uid == folder.st_uid, facts.st_size <= 65_536
        else { return nil }
        var bytes = [UInt8](repeating: 0, count: 65_536)
        let count = read(file, &bytes, bytes.count)
        guard count > 0, let notice = SpoolNotice(Array(bytes[..<count])) else { return nil }
        self.directory = directory
        self.notice = notice
        // The gateway's own user must be able to read; what is in the file is sealed.
        mode = folder.st_uid == 0 ? 0o600 : 0o644
    }

    /// Seals the envelope and the message into a new file; returns when it is durable.
    package func leave(_ envelope: SpoolEnvelope, message: any ByteSource) async throws {
        let user = geteuid()
        let expected = message.count + message.count / 4096 + 4096
        let (path, file) = try claimSlot(of: user, expecting: expected)
        var isFinished = false
        defer {
            close(file)
            if !isFinished { unlink(path + Self.unfinishedSuffix) }
        }
        try await write(envelope, message, to: file, user: user)
        guard fchmod(file, mode) == 0, fsync(file) == 0,
            rename(path + Self.unfinishedSuffix, path) == 0
        else { throw Self.systemFailure }
        isFinished = true
        // The directory can't be opened for a sync by those who may not read it; this syncs its new entry too.
        Self.syncFileSystem(of: file)
    }

    /// `syncfs`, which Swift's Glibc leaves out.
    private static func syncFileSystem(of file: Int32) {
        typealias SyncFileSystem = @convention(c) (CInt) -> CInt
        guard let symbol = dlsym(nil, "syncfs") else { return sync() }
        _ = unsafeBitCast(symbol, to: SyncFileSystem.self)(file)
    }

    private func write(_ envelope: SpoolEnvelope, _ message: any ByteSource, to file: Int32, user: uid_t) async throws {
        var sealer = try StreamSealer(publicKey: Array(notice.publicKey), info: SpoolNotice.info(userID: user))
        try Self.writeAll(sealer.header, to: file)
        var pending = envelope.encoded
        var producer = SourceProducer(message)
        while let chunk = try await producer.next() {
            pending += chunk
            while pending.count > SealedStream.chunkSize {
                try Self.writeAll(sealer.seal(pending[..<SealedStream.chunkSize], isLast: false), to: file)
                pending.removeFirst(SealedStream.chunkSize)
            }
        }
        try Self.writeAll(sealer.seal(pending[...], isLast: true), to: file)
    }

    /// The lowest number that nothing has, within the quota; the opened, still unfinished file.
    private func claimSlot(of user: uid_t, expecting bytes: Int) throws -> (path: String, file: Int32) {
        var mine = 0
        var used = bytes
        var others = 0
        var number = 0
        while mine < notice.messages, others < 10_000 {
            defer { number += 1 }
            let path = "\(directory)/\(user).\(number)"
            if let owner = owner(path, adding: &used) ?? owner(path + Self.unfinishedSuffix, adding: &used) {
                if owner == user { mine += 1 } else { others += 1 }
                guard used <= notice.bytes else { throw Self.overQuota }
                continue
            }
            let part = path + Self.unfinishedSuffix
            let file = open(part, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0o600)
            if file < 0 {
                if errno == EEXIST { continue }
                throw Self.systemFailure
            }
            guard used <= notice.bytes else {
                close(file)
                unlink(part)
                throw Self.overQuota
            }
            // Whoever holds the unfinished name holds the number; another may have finished just before.
            var ignored = 0
            if owner(path, adding: &ignored) == nil { return (path, file) }
            close(file)
            unlink(part)
        }
        throw Self.overQuota
    }

    private func owner(_ path: String, adding used: inout Int) -> uid_t? {
        var facts = stat()
        guard lstat(path, &facts) == 0 else { return nil }
        if facts.st_uid == geteuid() { used += Int(facts.st_size) }
        return facts.st_uid
    }

    private static func writeAll(_ bytes: [UInt8], to file: Int32) throws(SendmailFailure) {
        var done = 0
        while done < bytes.count {
            let count = bytes[done...].withUnsafeBytes { Glibc.write(file, $0.baseAddress, $0.count) }
            if count < 0 && errno == EINTR { continue }
            guard count > 0 else { throw systemFailure }
            done += count
        }
    }

    private static let overQuota = SendmailFailure(
        .tryAgain,
        "The spool holds as much mail of this user as it may; start or unlock the gateway, or raise [spool] in postern.toml."
    )

    private static var systemFailure: SendmailFailure {
        SendmailFailure(.tryAgain, "The message could not be written to the spool (errno \(errno)).")
    }
}
