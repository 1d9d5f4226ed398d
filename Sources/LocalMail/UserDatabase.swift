// SPDX-License-Identifier: Apache-2.0

import Glibc

/// The users and groups of this machine, as its name services know them.
package enum UserDatabase {
    /// The login name of a user id; nil when nobody has it.
    package static func name(ofUser id: UInt32) -> String? {
        var record = passwd()
        return withBuffer { buffer, start in
            var found: UnsafeMutablePointer<passwd>?
            guard getpwuid_r(id, &record, start, buffer.count, &found) == 0, found != nil else {
                return nil
            }
            return record.pw_name.flatMap { String(validatingCString: $0) }
        }
    }

    /// The user id and first group of a login name.
    package static func user(named name: String) -> (user: UInt32, group: UInt32)? {
        var record = passwd()
        return withBuffer { buffer, start in
            var found: UnsafeMutablePointer<passwd>?
            guard getpwnam_r(name, &record, start, buffer.count, &found) == 0, found != nil else {
                return nil
            }
            return (record.pw_uid, record.pw_gid)
        }
    }

    package static func group(named name: String) -> UInt32? {
        var record = Glibc.group()
        return withBuffer { buffer, start in
            var found: UnsafeMutablePointer<Glibc.group>?
            guard getgrnam_r(name, &record, start, buffer.count, &found) == 0, found != nil else {
                return nil
            }
            return record.gr_gid
        }
    }

    /// Every group of which the user of this login name is a member.
    package static func groups(ofUser name: String) -> [UInt32] {
        guard let user = user(named: name) else { return [] }
        var count: Int32 = 256
        var groups = [gid_t](repeating: 0, count: Int(count))
        if getgrouplist(name, user.group, &groups, &count) < 0 {
            guard count > 0, count <= 65_536 else { return [user.group] }
            groups = [gid_t](repeating: 0, count: Int(count))
            guard getgrouplist(name, user.group, &groups, &count) >= 0 else { return [user.group] }
        }
        return Array(groups.prefix(Int(count)))
    }

    private static func withBuffer<Result>(
        _ body: (UnsafeMutableBufferPointer<CChar>, UnsafeMutablePointer<CChar>) -> Result?
    ) -> Result? {
        withUnsafeTemporaryAllocation(of: CChar.self, capacity: 65_536) { buffer in
            buffer.baseAddress.flatMap { body(buffer, $0) }
        }
    }
}
