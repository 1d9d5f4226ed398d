// SPDX-License-Identifier: Apache-2.0

import Glibc
import Synchronization

/// One mailbox in Maildir form: `tmp`, `new` and `cur` under a folder.
///
/// Blocking; called on a thread pool.
///
/// A message becomes visible in `new` by a rename after its bytes are on the disk, and the rename is on the disk before it counts.
struct MaildirFolder: Sendable {
    struct Failure: Error, Hashable {
        let code: Int32

        /// The disk or the quota is full.
        var isFull: Bool { code == ENOSPC || code == EDQUOT }
    }

    let path: String

    /// Creates what is missing, readable by nobody else.
    func create() throws(Failure) {
        try MaildirFolder.makeDirectory(path)
        for part in ["tmp", "new", "cur"] { try MaildirFolder.makeDirectory(path + "/" + part) }
    }

    /// A file in `tmp` to write a message into.
    func begin() throws(Failure) -> MaildirFile {
        let name = MaildirFolder.uniqueName()
        let temporary = path + "/tmp/" + name
        let flags = O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW
        var descriptor = open(temporary, flags, 0o600)
        if descriptor < 0 && errno == ENOENT {
            try create()
            descriptor = open(temporary, flags, 0o600)
        }
        guard descriptor >= 0 else { throw Failure(code: errno) }
        return MaildirFile(descriptor: descriptor, temporary: temporary, final: path + "/new/" + name, folder: path)
    }

    private static let counter = Atomic<UInt64>(0)

    /// Time, process, a count and 64 random bits.
    ///
    /// The host name that other programs put here would tell where the message was kept.
    private static func uniqueName() -> String {
        let count = counter.add(1, ordering: .relaxed).newValue
        let random = String(UInt64.random(in: 0...UInt64.max), radix: 16)
        return "\(Glibc.time(nil)).R\(random)P\(getpid())Q\(count).postern"
    }

    private static func makeDirectory(_ path: String) throws(Failure) {
        if mkdir(path, 0o700) == 0 {
            let parent = String(path[..<(path.lastIndex(of: "/") ?? path.endIndex)])
            try sync(parent.isEmpty ? "/" : parent)
        } else if errno != EEXIST {
            throw Failure(code: errno)
        }
    }

    /// Brings a directory's entries to the disk.
    static func sync(_ directory: String) throws(Failure) {
        let descriptor = open(directory, O_RDONLY | O_DIRECTORY | O_CLOEXEC)
        guard descriptor >= 0 else { throw Failure(code: errno) }
        defer { close(descriptor) }
        guard fsync(descriptor) == 0 else { throw Failure(code: errno) }
    }
}

/// A message on its way into a Maildir.
///
/// Blocking; used by one task at a time, ended by ``finish()`` or ``discard()``.
struct MaildirFile: Sendable {
    fileprivate let descriptor: Int32
    fileprivate let temporary: String
    fileprivate let final: String
    fileprivate let folder: String

    func write(_ bytes: [UInt8]) throws(MaildirFolder.Failure) {
        var offset = 0
        while offset < bytes.count {
            let written = bytes.withUnsafeBytes { buffer in
                Glibc.write(descriptor, buffer.baseAddress?.advanced(by: offset), buffer.count - offset)
            }
            if written < 0 && errno == EINTR { continue }
            guard written > 0 else { throw MaildirFolder.Failure(code: written < 0 ? errno : EIO) }
            offset += written
        }
    }

    /// Makes the message visible; it is durable when this returns.
    func finish() throws(MaildirFolder.Failure) {
        guard fsync(descriptor) == 0 else { return try fail(errno) }
        guard close(descriptor) == 0 else {
            let code = errno
            unlink(temporary)
            throw MaildirFolder.Failure(code: code)
        }
        guard rename(temporary, final) == 0 else {
            let code = errno
            unlink(temporary)
            throw MaildirFolder.Failure(code: code)
        }
        try MaildirFolder.sync(folder + "/new")
    }

    /// Throws the message away.
    func discard() {
        close(descriptor)
        unlink(temporary)
    }

    private func fail(_ code: Int32) throws(MaildirFolder.Failure) {
        discard()
        throw MaildirFolder.Failure(code: code)
    }
}
