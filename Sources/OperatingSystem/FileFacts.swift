// SPDX-License-Identifier: Apache-2.0

package import Glibc

/// What the system says about a file.
package struct FileFacts: Sendable {
    package let isRegular: Bool
    package let isDirectory: Bool
    package let owner: uid_t
    /// Whether every user of this machine may read it.
    package let isReadableByAll: Bool

    /// - Parameter followsLinks: whether a symbolic link stands for what it leads to.
    ///
    /// Nil when there is no such file, or it can't be reached.
    package init?(_ path: String, followsLinks: Bool = true) {
        var facts = stat()
        guard unsafe (followsLinks ? stat(path, &facts) : lstat(path, &facts)) == 0 else { return nil }
        isRegular = facts.st_mode & S_IFMT == S_IFREG
        isDirectory = facts.st_mode & S_IFMT == S_IFDIR
        owner = facts.st_uid
        isReadableByAll = facts.st_mode & 0o004 != 0
    }
}
