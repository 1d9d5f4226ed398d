// SPDX-License-Identifier: Apache-2.0

import Glibc
import Vault

/// The spool as the gateway sees it: looks through it, opens what counts, sets aside what does not.
package struct SpoolInbox: Sendable {
    /// Where files lie that could not be taken in; for an operator to look at.
    package static let asideName = "set-aside"

    /// A name in the spool and what is known of it.
    package struct Entry: Sendable, Equatable {
        package let name: String
        /// Its owner, who is the sender.
        package let userID: UInt32
        package let bytes: Int
        package let isRegular: Bool
    }

    package let directory: String

    /// Makes the directory where it is not there, with mode 1733.
    package init(directory: String) throws(PlaceProblem) {
        self.directory = directory
        if mkdir(directory, 0o700) != 0, errno != EEXIST {
            throw PlaceProblem(
                "The spool \(directory) can't be made (errno \(errno)); make its parent, or name another directory in [spool]."
            )
        }
        var facts = stat()
        guard lstat(directory, &facts) == 0, facts.st_mode & S_IFMT == S_IFDIR, facts.st_uid == geteuid() else {
            throw PlaceProblem(
                "The spool \(directory) must be a directory of the gateway's own user; change its owner, or name another in [spool]."
            )
        }
        guard chmod(directory, 0o1733) == 0, mkdir(aside, 0o700) == 0 || isOurDirectory(aside) else {
            throw PlaceProblem(
                "The spool \(directory) can't be set up; look at its rights and at \(Self.asideName) in it."
            )
        }
    }

    /// Puts up what programs need to know; readable by all.
    package func publish(_ notice: SpoolNotice) throws(PlaceProblem) {
        let path = directory + "/" + SpoolNotice.fileName
        do throws(VaultError) {
            try DurableFile.write(notice.encoded, to: path)
        } catch {
            throw PlaceProblem("The file \(path) can't be written; look at the rights of the spool.")
        }
        chmod(path, 0o644)
    }

    /// What waits, the oldest first.
    package func waiting(now: Int) -> [Entry] {
        guard let folder = opendir(directory) else { return [] }
        defer { closedir(folder) }
        var found: [(entry: Entry, changed: Int)] = []
        while let record = readdir(folder) {
            guard let name = Self.name(of: record), ![".", "..", Self.asideName, SpoolNotice.fileName].contains(name)
            else {
                continue
            }
            var facts = stat()
            guard lstat(directory + "/" + name, &facts) == 0 else { continue }
            let changed = facts.st_mtim.tv_sec
            if name.hasSuffix(SpoolOutbox.unfinishedSuffix) || name == SpoolNotice.fileName + ".new" {
                // Nobody was told that an unfinished file is safe; after a day nobody is at it any more.
                if now - changed > 86_400 { unlink(directory + "/" + name) }
                continue
            }
            let entry = Entry(
                name: name,
                userID: facts.st_uid,
                bytes: Int(facts.st_size),
                isRegular: facts.st_mode & S_IFMT == S_IFREG
            )
            found.append((entry, changed))
        }
        return found.sorted { ($0.changed, $0.entry.name) < ($1.changed, $1.entry.name) }.map(\.entry)
    }

    /// Opens what counts as a message: a regular file with one name, and no link; nil for anything else.
    package func open(_ name: String) -> SpoolFile? {
        let descriptor = Glibc.open(directory + "/" + name, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC)
        guard descriptor >= 0 else { return nil }
        var facts = stat()
        guard fstat(descriptor, &facts) == 0, facts.st_mode & S_IFMT == S_IFREG, facts.st_nlink == 1 else {
            close(descriptor)
            return nil
        }
        return SpoolFile(descriptor: descriptor, userID: facts.st_uid, count: Int(facts.st_size))
    }

    package func remove(_ name: String) { unlink(directory + "/" + name) }

    /// Moves a file out of the way, unread; `label` is a name that nothing has yet.
    ///
    /// Returns whether that could be done.
    package func setAside(_ name: String, as label: String) -> Bool {
        rename(directory + "/" + name, aside + "/" + label) == 0
    }

    /// How many files were set aside and still lie there.
    package var asideCount: Int {
        guard let folder = opendir(aside) else { return 0 }
        defer { closedir(folder) }
        var count = 0
        while let record = readdir(folder) {
            if let name = Self.name(of: record), name != ".", name != ".." { count += 1 }
        }
        return count
    }

    private var aside: String { directory + "/" + Self.asideName }

    private func isOurDirectory(_ path: String) -> Bool {
        var facts = stat()
        return lstat(path, &facts) == 0 && facts.st_mode & S_IFMT == S_IFDIR && facts.st_uid == geteuid()
    }

    private static func name(of record: UnsafeMutablePointer<dirent>) -> String? {
        let start = MemoryLayout<dirent>.offset(of: \.d_name) ?? 19
        let bytes = UnsafeRawPointer(record).advanced(by: start).assumingMemoryBound(to: CChar.self)
        return String(validatingCString: bytes)
    }
}

/// An opened file of the spool; its owner does not change while it is open, whatever becomes of its name.
package final class SpoolFile: Sendable {
    private let descriptor: Int32
    /// Who put it there.
    package let userID: UInt32
    package let count: Int

    init(descriptor: Int32, userID: UInt32, count: Int) {
        self.descriptor = descriptor
        self.userID = userID
        self.count = count
    }

    deinit { close(descriptor) }

    /// Up to `count` bytes from `offset` on; fewer only at the end.
    package func read(at offset: Int, count: Int) -> [UInt8] {
        var bytes = [UInt8](repeating: 0, count: count)
        var done = 0
        while done < count {
            let got = bytes.withUnsafeMutableBytes { buffer in
                pread(descriptor, buffer.baseAddress.map { $0 + done }, count - done, off_t(offset + done))
            }
            if got < 0 && errno == EINTR { continue }
            if got <= 0 { break }
            done += got
        }
        return Array(bytes.prefix(done))
    }
}
