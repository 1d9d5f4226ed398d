// SPDX-License-Identifier: Apache-2.0

import Glibc
import Settings

/// Whether the gateway can listen where the settings say.
enum PortTrials {
    static func run(_ settings: PosternSettings, running: [String]) -> [Trial] {
        settings.listeners.map { listener in
            if let path = listener.path { return socket(path, running) }
            let place = EndpointText.format(.tcp(host: listener.address, port: listener.port))
            if running.contains(where: { $0.hasSuffix(":\(listener.port)") }) {
                return .ok("port", place, "the running gateway has it")
            }
            return trial(place, listener, PortState.of(address: listener.address, port: listener.port))
        }
    }

    /// A unix socket's directory is made by the service where it lies in `/run`.
    private static func socket(_ path: String, _ running: [String]) -> Trial {
        if running.contains(where: { $0.hasSuffix(path) }) { return .ok("port", path, "the running gateway has it") }
        let directory = path.split(separator: "/").dropLast().reduce(into: "") { $0 += "/" + $1 }
        guard access(directory, F_OK) == 0 else {
            return .unknown(
                "port",
                path,
                "\(directory) is not there yet",
                remedy: "the service makes its own in /run; else make it"
            )
        }
        return access(directory, W_OK) == 0
            ? .ok("port", path, "its directory is there")
            : .unknown(
                "port",
                path,
                "this user may not write there",
                remedy: "run the check as root or as the gateway's user"
            )
    }

    private static func trial(_ place: String, _ listener: Listener, _ state: PortState) -> Trial {
        switch state {
        case .free: return .ok("port", place, "free")
        case .taken(let holder):
            let program = holder.map { "taken by \($0)" } ?? "taken by another program"
            return .fault(
                "port",
                place,
                program,
                remedy: "end that program, or give the \(listener.role.rawValue) listener another port or address"
            )
        case .noSuchAddress:
            return .fault(
                "port",
                place,
                "no interface of this machine has the address",
                remedy: "write one that `ip address` shows, or \"::\" for all"
            )
        case .notAllowed:
            return .unknown(
                "port",
                place,
                "this user may not listen below 1024",
                remedy: "run the check as root; the service has the right by its unit"
            )
        case .unknown(let code):
            return .unknown("port", place, "the system answers with error \(code)")
        }
    }
}
