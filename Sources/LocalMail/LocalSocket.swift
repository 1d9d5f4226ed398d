// SPDX-License-Identifier: Apache-2.0

import Glibc

/// Why a place on this machine can't be used: one sentence with the place and the remedy.
package struct PlaceProblem: Error, Sendable {
    package let sentence: String

    package init(_ sentence: String) {
        self.sentence = sentence
    }
}

/// The file of a listener's unix socket.
package enum LocalSocket {
    /// The directory that Postern's sockets share by default.
    private static let sharedDirectory = "/run/postern"

    /// Makes the directory when it is not there, and takes away a socket that nobody listens on any more.
    package static func prepare(_ path: String) throws(PlaceProblem) {
        let directory = path.lastIndex(of: "/").map { String(path[..<$0]) } ?? "."
        if mkdir(directory, 0o755) == 0 {
            chmod(directory, 0o755)
        } else if directory == sharedDirectory {
            openToOthers(directory)
        }
        var facts = stat()
        guard lstat(path, &facts) == 0 else { return }
        guard facts.st_mode & S_IFMT == S_IFSOCK else {
            throw PlaceProblem(
                "The listener's path \(path) is taken by a file that is no socket; remove it or choose another."
            )
        }
        if let session = try? LocalSession(path: path) {
            _ = session
            throw PlaceProblem(
                "The listener's socket \(path) is in use by another program; stop it, or choose another path in [[listener]]."
            )
        }
        unlink(path)
    }

    /// Gives the socket its owner and rights.
    package static func open(_ path: String, mode: Int, owner: String?) throws(PlaceProblem) {
        if let owner {
            let names = owner.split(separator: ":", maxSplits: 1, omittingEmptySubsequences: false).map { String($0) }
            let user = names[0].isEmpty ? uid_t.max : UserDatabase.user(named: names[0])?.user
            let group = names.count < 2 || names[1].isEmpty ? gid_t.max : UserDatabase.group(named: names[1])
            guard let user, let group else {
                throw PlaceProblem(
                    "The listener's owner \(owner) does not exist here; write an existing user:group."
                )
            }
            guard chown(path, user, group) == 0 else {
                throw PlaceProblem(
                    "The socket \(path) can't be given to \(owner): that needs root; leave owner out, or start as root."
                )
            }
        }
        guard chmod(path, mode_t(mode)) == 0 else {
            throw PlaceProblem("The rights of the socket \(path) can't be set; set its path to a place of its own.")
        }
    }

    /// The control socket may have made it for its owner alone; what lies in it has rights of its own.
    private static func openToOthers(_ directory: String) {
        var facts = stat()
        guard lstat(directory, &facts) == 0, facts.st_uid == geteuid(), facts.st_mode & 0o001 == 0 else { return }
        chmod(directory, (facts.st_mode & 0o7777) | 0o011)
    }
}
