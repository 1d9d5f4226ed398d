// SPDX-License-Identifier: Apache-2.0

import Control
import Glibc
package import Settings
import Vault

/// Gives up root's rights for good, once the ports are bound.
///
/// Only while the process has one thread: the runtime's main thread leaves the reach of `setuid` once it serves the
/// main queue, and would stay root's.
package enum Privileges {
    /// A user of this machine.
    private struct Account {
        let user: uid_t
        let group: gid_t
    }

    /// Binds every listener and becomes the user that the settings name; the sockets, among them those that were handed over.
    ///
    /// Nil when the settings name no user, or this process is that user's already.
    package static func giveUp(_ settings: PosternSettings) throws(GatewayProblem) -> HandedSockets? {
        guard let user = settings.user, !isAlready(user) else { return nil }
        let handed = HandedSockets.take()
        let matched = handed.matched(to: settings.listeners)
        var sockets = handed.sockets
        // A unix socket needs no right of root's.
        for (index, listener) in settings.listeners.enumerated() where matched[index] == nil && listener.path == nil {
            guard let socket = BoundSocket.listening(at: listener) else { throw .cannotBind(listener) }
            sockets.append(
                .init(
                    descriptor: socket,
                    name: listener.role.rawValue,
                    address: listener.address,
                    port: listener.port
                )
            )
        }
        let control = settings.control.socket ?? ControlPath.serviceSocket(forData: settings.data)
        _ = ControlPath.prepareDirectory(of: control)
        let folder = control.split(separator: "/", omittingEmptySubsequences: false).dropLast().joined(separator: "/")
        let folders = [settings.data, settings.data + "/mail"] + (folder.hasSuffix("/postern") ? [folder] : [])
        try drop(to: user, owning: folders)
        return HandedSockets(sockets)
    }

    private static func isAlready(_ name: String) -> Bool {
        account(name).map { geteuid() == $0.user && getuid() == $0.user } ?? false
    }

    /// Makes `folders` the user's own where they are root's, then becomes that user, and makes sure that there is no way back.
    private static func drop(to name: String, owning folders: [String]) throws(GatewayProblem) {
        guard let account = account(name) else {
            throw GatewayProblem(
                "user: there is no user \(name) on this machine; make one with `adduser --system --group \(name)`, or name another."
            )
        }
        guard geteuid() == 0 else {
            throw GatewayProblem(
                "user: the gateway can become \(name) only when it is started by root; start it so, or take the key out of the settings."
            )
        }
        for folder in folders { giveRootsOwn(folder, to: account) }
        guard unsafe initgroups(name, account.group) == 0,
            setgid(account.group) == 0,
            setuid(account.user) == 0,
            isGone(account)
        else {
            throw GatewayProblem(
                "user: root's rights could not be given up, so the gateway does not start; look at the unit's capabilities."
            )
        }
    }

    /// Every id of the process is the user's, no capability is left, and root can't be had back.
    private static func isGone(_ account: Account) -> Bool {
        guard account.user != 0, let bytes = try? DurableFile.read("/proc/self/status") else { return false }
        var facts: [Substring: [Substring]] = [:]
        for line in String(decoding: bytes, as: UTF8.self).split(separator: "\n") {
            let words = line.split { $0 == ":" || $0 == "\t" || $0 == " " }
            if let name = words.first { facts[name] = Array(words.dropFirst()) }
        }
        // Real, effective, saved, and that of the file system.
        let isUser = facts["Uid"].map { $0.count == 4 && $0.allSatisfy { $0 == "\(account.user)" } } ?? false
        let isGroup = facts["Gid"].map { $0.count == 4 && $0.allSatisfy { $0 == "\(account.group)" } } ?? false
        let isPlain = ["CapEff", "CapPrm"].allSatisfy { name in
            facts[name]?.first.map { $0.allSatisfy { $0 == "0" } } ?? false
        }
        return isUser && isGroup && isPlain && setuid(0) != 0 && setgid(0) != 0
    }

    private static func giveRootsOwn(_ folder: String, to account: Account) {
        var facts = stat()
        guard unsafe lstat(folder, &facts) == 0, facts.st_mode & S_IFMT == S_IFDIR, facts.st_uid == 0 else { return }
        _ = unsafe lchown(folder, account.user, account.group)
    }

    private static func account(_ name: String) -> Account? {
        var entry = unsafe passwd()
        var found: UnsafeMutablePointer<passwd>?
        var room = [CChar](repeating: 0, count: 16_384)
        guard unsafe getpwnam_r(name, &entry, &room, room.count, &found) == 0, unsafe found != nil else { return nil }
        return unsafe Account(user: entry.pw_uid, group: entry.pw_gid)
    }
}

/// Descriptors that this process may have open.
enum DescriptorLimit {
    /// Raises the soft limit to the hard one: each connection takes one.
    static func raise() {
        var limit = rlimit()
        guard unsafe getrlimit(__rlimit_resource_t(RLIMIT_NOFILE.rawValue), &limit) == 0,
            limit.rlim_cur < limit.rlim_max
        else { return }
        limit.rlim_cur = limit.rlim_max
        _ = unsafe setrlimit(__rlimit_resource_t(RLIMIT_NOFILE.rawValue), &limit)
    }
}

/// A listening socket, made without an event loop.
enum BoundSocket {
    /// Nil when the system refuses.
    static func listening(at listener: Listener) -> Int32? {
        var hints = unsafe addrinfo()
        unsafe hints.ai_family = AF_UNSPEC
        unsafe hints.ai_socktype = Int32(SOCK_STREAM.rawValue)
        unsafe hints.ai_flags = AI_NUMERICHOST | AI_NUMERICSERV | AI_PASSIVE
        var found: UnsafeMutablePointer<addrinfo>?
        guard unsafe getaddrinfo(listener.address, "\(listener.port)", &hints, &found) == 0,
            let address = unsafe found
        else { return nil }
        defer { unsafe freeaddrinfo(address) }
        let type = Int32(SOCK_STREAM.rawValue) | Int32(SOCK_CLOEXEC.rawValue) | Int32(SOCK_NONBLOCK.rawValue)
        let descriptor = unsafe socket(address.pointee.ai_family, type, 0)
        guard descriptor >= 0 else { return nil }
        var yes: Int32 = 1
        unsafe setsockopt(descriptor, SOL_SOCKET, SO_REUSEADDR, &yes, socklen_t(MemoryLayout<Int32>.size))
        guard unsafe bind(descriptor, address.pointee.ai_addr, address.pointee.ai_addrlen) == 0,
            listen(descriptor, 512) == 0
        else {
            close(descriptor)
            return nil
        }
        return descriptor
    }
}
