// SPDX-License-Identifier: Apache-2.0

import Glibc
import OperatingSystem

/// Keeps a second process (or a second store in this one) from opening the same database.
///
/// An advisory `flock` on a file beside the database; the kernel lets go of it when the process ends, however it ends.
package final class DirectoryLock: Sendable {
    private let descriptor: Int32

    /// Makes the directory (0700) when it is not there.
    ///
    /// Blocks for up to a second: a child that is just being started holds every lock of its parent until it runs its own
    /// program. Throws ``StoreError/alreadyOpen``.
    package init(directory: String, name: String) throws(StoreError) {
        guard unsafe mkdir(directory, 0o700) == 0 || errno == EEXIST else { throw .io("directory") }
        descriptor = unsafe open(directory + "/" + name, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0o600)
        guard descriptor >= 0 else { throw .io("lock") }
        var tries = 0
        while flock(descriptor, LOCK_EX | LOCK_NB) != 0 {
            let code = errno
            tries += 1
            if code == EWOULDBLOCK || code == EINTR, tries <= 50 {
                usleep(20_000)
                continue
            }
            close(descriptor)
            throw code == EWOULDBLOCK ? .alreadyOpen : .io("lock")
        }
    }

    deinit { close(descriptor) }
}

/// How much room the file system has left.
package enum FreeSpace {
    /// New mail is refused when less than this would be left.
    package static let reserve = 64 << 20

    /// Bytes that an unprivileged process may still write under `path`; all there is when that cannot be told.
    package static func available(_ path: String) -> Int {
        Volume(holding: path)?.freeBytes ?? .max
    }

    static func hasRoom(for bytes: Int, in path: String) -> Bool {
        available(path) &- reserve >= bytes
    }
}
