// SPDX-License-Identifier: Apache-2.0

import Glibc

/// The file system that holds a path.
package struct Volume: Sendable {
    package let isReadOnly: Bool
    /// Whether it has no room, or no number, for another file.
    package let isFull: Bool
    /// What an unprivileged process may still write.
    package let freeBytes: Int

    /// Nil when the path can't be reached.
    package init?(holding path: String) {
        var facts = statvfs()
        guard unsafe statvfs(path, &facts) == 0 else { return nil }
        isReadOnly = facts.f_flag & UInt(ST_RDONLY) != 0
        isFull = facts.f_bavail == 0 || (facts.f_files > 0 && facts.f_favail == 0)
        let (bytes, overflow) = Int(clamping: facts.f_bavail).multipliedReportingOverflow(
            by: Int(clamping: facts.f_frsize)
        )
        freeBytes = overflow ? .max : bytes
    }
}
