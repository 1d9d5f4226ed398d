// SPDX-License-Identifier: Apache-2.0

import Glibc

/// Small files that are either whole or not there.
package enum DurableFile {
    /// Writes `bytes` beside `path` with mode 0600, syncs, renames over `path` and syncs the directory.
    package static func write(_ bytes: [UInt8], to path: String) throws(VaultError) {
        let temporary = path + ".new"
        unsafe unlink(temporary)
        let descriptor = unsafe open(temporary, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0o600)
        guard descriptor >= 0 else { throw .system(errno) }
        do throws(VaultError) {
            defer { close(descriptor) }
            try writeAll(bytes, to: descriptor)
            guard fsync(descriptor) == 0 else { throw .system(errno) }
        } catch {
            unsafe unlink(temporary)
            throw error
        }
        guard unsafe rename(temporary, path) == 0 else {
            let code = errno
            unsafe unlink(temporary)
            throw .system(code)
        }
        try syncDirectory(of: path)
    }

    /// The whole file, or nil when it does not exist.
    ///
    /// At most `limit` bytes; a longer file is an error.
    package static func read(_ path: String, limit: Int = 1 << 20) throws(VaultError) -> [UInt8]? {
        let descriptor = unsafe open(path, O_RDONLY | O_CLOEXEC)
        guard descriptor >= 0 else {
            if errno == ENOENT { return nil }
            throw .system(errno)
        }
        defer { close(descriptor) }
        var bytes: [UInt8] = []
        var part = [UInt8](repeating: 0, count: 4096)
        defer { wipe(&part) }
        while true {
            let got = unsafe part.withUnsafeMutableBytes { unsafe Glibc.read(descriptor, $0.baseAddress, $0.count) }
            if got < 0 && errno == EINTR { continue }
            guard got >= 0 else { throw .system(errno) }
            guard got > 0 else { return bytes }
            bytes.append(contentsOf: part[..<got])
            guard bytes.count <= limit else { throw .system(EFBIG) }
        }
    }

    private static func writeAll(_ bytes: [UInt8], to descriptor: Int32) throws(VaultError) {
        var done = 0
        while done < bytes.count {
            let rest = bytes[done...]
            let written = unsafe rest.withUnsafeBytes { unsafe Glibc.write(descriptor, $0.baseAddress, $0.count) }
            if written < 0 && errno == EINTR { continue }
            guard written > 0 else { throw .system(errno) }
            done += written
        }
    }

    private static func syncDirectory(of path: String) throws(VaultError) {
        let directory = path.split(separator: "/", omittingEmptySubsequences: false).dropLast().joined(separator: "/")
        let name = directory.isEmpty ? (path.hasPrefix("/") ? "/" : ".") : directory
        let descriptor = unsafe open(name, O_RDONLY | O_DIRECTORY | O_CLOEXEC)
        guard descriptor >= 0 else { throw .system(errno) }
        defer { close(descriptor) }
        guard fsync(descriptor) == 0 else { throw .system(errno) }
    }
}
