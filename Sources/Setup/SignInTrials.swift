// SPDX-License-Identifier: Apache-2.0

import Glibc
import Settings

/// Whether Dovecot answers where users' passwords are verified.
///
/// No name and no password is sent: the handshake of its protocol is enough.
enum SignInTrials {
    static func run(_ settings: PosternSettings) -> [Trial] {
        guard let path = settings.signIn.dovecot else { return [] }
        return [trial(path)]
    }

    private static func trial(_ path: String) -> Trial {
        let descriptor = socket(AF_UNIX, Int32(SOCK_STREAM.rawValue) | Int32(SOCK_CLOEXEC.rawValue), 0)
        guard descriptor >= 0 else { return .unknown("sign-in", path, "no socket can be made") }
        defer { close(descriptor) }
        guard connect(descriptor, to: path) else { return refused(path, errno) }
        let greeting = Array("VERSION\t1\t2\nCPID\t\(getpid())\n".utf8)
        let sent = greeting.withUnsafeBytes { send(descriptor, $0.baseAddress, $0.count, Int32(MSG_NOSIGNAL)) }
        guard sent == greeting.count, let answer = read(descriptor, until: time(nil) + 5) else {
            return .fault(
                "sign-in",
                path,
                "it does not answer as Dovecot does",
                remedy: "name a unix_listener of Dovecot's service auth, and look at Dovecot's log"
            )
        }
        let plain = answer.split(separator: "\n").contains { $0.hasPrefix("MECH\tPLAIN") }
        return plain
            ? .ok("sign-in", path, "Dovecot answers")
            : .fault("sign-in", path, "Dovecot does not offer PLAIN", remedy: "add plain to auth_mechanisms there")
    }

    private static func refused(_ path: String, _ code: Int32) -> Trial {
        switch code {
        case EACCES:
            .fault(
                "sign-in",
                path,
                "this user may not use the socket",
                remedy:
                    "give the gateway's group the right there (mode 0660 and group postern), or run the check as its user"
            )
        case ENOENT:
            .fault(
                "sign-in",
                path,
                "there is no such socket",
                remedy: "start Dovecot, or write the path that it has (doveconf -n)"
            )
        default: .fault("sign-in", path, "nothing answers", remedy: "start Dovecot, and look at its log")
        }
    }

    /// What comes until the handshake's last line; nil when the time is over or the other side ends.
    private static func read(_ descriptor: Int32, until deadline: time_t) -> String? {
        var text = ""
        var block = [UInt8](repeating: 0, count: 4096)
        while text.utf8.count < 65_536, !text.hasPrefix("DONE\n"), !text.contains("\nDONE\n") {
            var wanted = pollfd(fd: descriptor, events: Int16(POLLIN), revents: 0)
            let left = deadline - time(nil)
            guard left > 0, poll(&wanted, 1, Int32(left * 1000)) > 0 else { return nil }
            let count = block.withUnsafeMutableBytes { Glibc.read(descriptor, $0.baseAddress, $0.count) }
            guard count > 0 else { return nil }
            text += String(decoding: block.prefix(count), as: UTF8.self)
        }
        return text
    }

    private static func connect(_ descriptor: Int32, to path: String) -> Bool {
        var address = sockaddr_un()
        address.sun_family = sa_family_t(AF_UNIX)
        let bytes = Array(path.utf8)
        guard bytes.count < MemoryLayout.size(ofValue: address.sun_path) else {
            errno = ENAMETOOLONG
            return false
        }
        withUnsafeMutableBytes(of: &address.sun_path) { $0.copyBytes(from: bytes) }
        return withUnsafePointer(to: &address) { pointer in
            pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) {
                Glibc.connect(descriptor, $0, socklen_t(MemoryLayout<sockaddr_un>.size)) == 0
            }
        }
    }
}
