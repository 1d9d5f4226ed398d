// SPDX-License-Identifier: Apache-2.0

import Control
import Glibc
import OperatingSystem
package import Settings
import Vault

/// Gives up root's rights for good, once the ports are bound.
///
/// Only while the process has one thread: the runtime's main thread leaves the reach of `setuid` once it serves the
/// main queue, and would stay root's.
package enum Privileges {
    /// Binds every listener and becomes the user that the settings name; the sockets, among them those that were handed over.
    ///
    /// Nil when the settings name no user, or this process is that user's already.
    package static func giveUp(_ settings: PosternSettings) throws(GatewayProblem) -> HandedSockets? {
        guard let user = settings.user, UserAccount(user)?.isCurrent != true else { return nil }
        let handed = HandedSockets.take()
        let matched = handed.matched(to: settings.listeners)
        var sockets = handed.sockets
        // A unix socket needs no right of root's.
        for (index, listener) in settings.listeners.enumerated() where matched[index] == nil && listener.path == nil {
            guard let socket = ListeningSocket.bind(address: listener.address, port: listener.port) else {
                throw .cannotBind(listener)
            }
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

    /// Makes `folders` the user's own where they are root's, then becomes that user, and makes sure that there is no way back.
    private static func drop(to name: String, owning folders: [String]) throws(GatewayProblem) {
        guard let account = UserAccount(name) else {
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
        guard account.become(), isGone(account) else {
            throw GatewayProblem(
                "user: root's rights could not be given up, so the gateway does not start; look at the unit's capabilities."
            )
        }
    }

    /// Every id of the process is the user's, no capability is left, and root can't be had back.
    private static func isGone(_ account: UserAccount) -> Bool {
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

    private static func giveRootsOwn(_ folder: String, to account: UserAccount) {
        guard let facts = FileFacts(folder, followsLinks: false), facts.isDirectory, facts.owner == 0 else { return }
        _ = unsafe lchown(folder, account.user, account.group)
    }
}
