// SPDX-License-Identifier: Apache-2.0

import Glibc

/// A program that runs as a child in a process group of its own, so that ending it ends its children too.
///
/// Not Foundation's `Process`: that learns of the end of a child through a socket which other children that start at that
/// moment inherit, and while one of them lives on, the end is never seen.
package struct ChildProcess: Sendable {
    private let pid: pid_t

    package struct CannotStart: Error {
        package let code: Int32
    }

    /// What a program that has ended leaves behind.
    package struct Outcome: Sendable {
        /// The exit code; 128 and more when a signal ended it.
        package let status: Int32
        package let output: [UInt8]
        package let errors: [UInt8]
    }

    /// Starts a program that is found on PATH; its standard streams are `/dev/null` unless a file is named.
    package init(_ arguments: [String], in directory: String? = nil, output: String? = nil, errors: String? = nil)
        throws
    {
        var attributes = posix_spawnattr_t()
        posix_spawnattr_init(&attributes)
        defer { posix_spawnattr_destroy(&attributes) }
        // Threads of a task pool run with signals blocked, and a child inherits that: it would never see SIGTERM.
        var none = sigset_t()
        sigemptyset(&none)
        posix_spawnattr_setsigmask(&attributes, &none)
        posix_spawnattr_setpgroup(&attributes, 0)
        posix_spawnattr_setflags(&attributes, Int16(POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETPGROUP))
        var actions = posix_spawn_file_actions_t()
        posix_spawn_file_actions_init(&actions)
        defer { posix_spawn_file_actions_destroy(&actions) }
        posix_spawn_file_actions_addopen(&actions, 0, "/dev/null", O_RDONLY, 0)
        for (descriptor, file) in [(Int32(1), output), (2, errors)] {
            posix_spawn_file_actions_addopen(&actions, descriptor, file ?? "/dev/null", O_WRONLY | O_CREAT, 0o600)
        }
        let arguments = (directory.map { ["env", "-C", $0] } ?? []) + arguments
        var words = arguments.map { strdup($0) } + [nil]
        defer { for word in words { free(word) } }
        var pid: pid_t = 0
        let code = posix_spawnp(&pid, arguments[0], &actions, &attributes, &words, environ)
        guard code == 0 else { throw CannotStart(code: code) }
        self.pid = pid
    }

    /// Kills it and all that it started.
    package func stop() {
        kill(-pid, SIGKILL)
        wait()
    }

    /// Blocks until the program has ended.
    @discardableResult
    package func wait() -> Int32 {
        var status: Int32 = 0
        while waitpid(pid, &status, 0) == -1, errno == EINTR {}
        let signal = status & 0x7F
        return signal == 0 ? (status >> 8) & 0xFF : 128 + signal
    }

    /// Runs a program to its end; one that is not installed is an error.
    package static func run(_ arguments: [String], in directory: String? = nil) throws -> Outcome {
        var template = Array("/tmp/postern-child-XXXXXX".utf8CString)
        guard mkdtemp(&template) != nil else { throw CannotStart(code: errno) }
        let folder = String(decoding: template.dropLast().map { UInt8(bitPattern: $0) }, as: UTF8.self)
        let files = [folder + "/output", folder + "/errors"]
        defer {
            for file in files { unlink(file) }
            rmdir(folder)
        }
        let child = try ChildProcess(arguments, in: directory, output: files[0], errors: files[1])
        let status = child.wait()
        return Outcome(status: status, output: try contents(files[0]), errors: try contents(files[1]))
    }

    private static func contents(_ path: String) throws -> [UInt8] {
        let descriptor = open(path, O_RDONLY | O_CLOEXEC)
        guard descriptor >= 0 else { throw CannotStart(code: errno) }
        defer { close(descriptor) }
        var bytes: [UInt8] = []
        var part = [UInt8](repeating: 0, count: 65_536)
        while case let count = read(descriptor, &part, part.count), count > 0 { bytes += part[..<count] }
        return bytes
    }
}
