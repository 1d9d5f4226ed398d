// SPDX-License-Identifier: Apache-2.0
import Glibc

/// Where the control socket of the gateway with a given data directory lies.
///
/// A socket's path has 107 bytes at most, so it is named by a hash of the data directory and lies in
/// `$XDG_RUNTIME_DIR/postern/`, else in `/run/postern/`.
package enum ControlPath {
    package static func socket(forData directory: String) -> String {
        runtimeDirectory() + "/" + name(of: absolute(directory)) + ".sock"
    }

    /// The same for a gateway that gives up root's rights: root's own runtime directory is closed to it.
    package static func serviceSocket(forData directory: String) -> String {
        "/run/postern/" + name(of: absolute(directory)) + ".sock"
    }

    /// Makes the directory of the socket, readable by its owner alone.
    ///
    /// Returns whether it is there.
    package static func prepareDirectory(of socket: String) -> Bool {
        guard let slash = socket.lastIndex(of: "/") else { return false }
        let directory = String(socket[..<slash])
        if unsafe mkdir(directory, 0o700) == 0 { return true }
        return errno == EEXIST
    }

    private static func runtimeDirectory() -> String {
        if let runtime = unsafe getenv("XDG_RUNTIME_DIR").flatMap({ unsafe String(validatingCString: $0) }),
            runtime.hasPrefix("/"),
            runtime.utf8.count < 80
        {
            return runtime + "/postern"
        }
        return "/run/postern"
    }

    /// The directory without links and dots; as given when it is not there yet.
    private static func absolute(_ directory: String) -> String {
        if let resolved = unsafe realpath(directory, nil) {
            defer { unsafe free(resolved) }
            return unsafe String(cString: resolved)
        }
        guard !directory.hasPrefix("/"), let here = unsafe getcwd(nil, 0) else { return directory }
        defer { unsafe free(here) }
        let path = directory.split(separator: "/").filter { $0 != "." }.joined(separator: "/")
        return unsafe String(cString: here) + "/" + path
    }

    /// FNV-1a, 64 bits: the name need not be secret, only short and steady.
    private static func name(of directory: String) -> String {
        var trimmed = directory
        while trimmed.count > 1, trimmed.hasSuffix("/") { trimmed.removeLast() }
        var hash: UInt64 = 0xcbf2_9ce4_8422_2325
        for byte in trimmed.utf8 { hash = (hash ^ UInt64(byte)) &* 0x100_0000_01b3 }
        return String(hash, radix: 16)
    }
}
