// SPDX-License-Identifier: Apache-2.0

package import Glibc

/// A user of this machine, whom the process may become.
package struct UserAccount: Sendable {
    package let name: String
    package let user: uid_t
    package let group: gid_t

    /// Nil when there is no such user.
    package init?(_ name: String) {
        var entry = unsafe passwd()
        var found: UnsafeMutablePointer<passwd>?
        var room = [CChar](repeating: 0, count: 16_384)
        guard unsafe getpwnam_r(name, &entry, &room, room.count, &found) == 0, unsafe found != nil else { return nil }
        self.name = name
        (user, group) = unsafe (entry.pw_uid, entry.pw_gid)
    }

    /// Whether the process is this user already.
    package var isCurrent: Bool { geteuid() == user && getuid() == user }

    /// Takes on user, group and groups; only root can, and only while the process has one thread.
    ///
    /// Returns whether the system agreed; what is left of root's rights the caller must look for.
    package func become() -> Bool { unsafe initgroups(name, group) == 0 && setgid(group) == 0 && setuid(user) == 0 }
}
