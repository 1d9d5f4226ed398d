// SPDX-License-Identifier: Apache-2.0

import FoundationEssentials
import Glibc
import NIOPosix
import Synchronization

/// Runs the operator's alarm program: no shell, nothing of our environment, no open files, and an end after a while.
enum AlarmCommand {
    enum Failure: Error, Equatable {
        case cannotStart
        case failed
        case tookTooLong
        /// The gateway stops.
        case cancelled
    }

    private static let path = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"

    /// Returns when the program has ended with 0.
    static func run(_ arguments: [String], environment: [String], patience: Duration) async throws(Failure) {
        let isCancelled = Flag()
        let result = await withTaskCancellationHandler {
            try? await NIOThreadPool.singleton.runIfActive {
                runAndWait(arguments, ["PATH=" + path] + environment, patience) { isCancelled.isSet }
            }
        } onCancel: {
            isCancelled.set()
        }
        guard let result else { throw .cancelled }
        try result.get()
    }

    private static func runAndWait(
        _ arguments: [String],
        _ environment: [String],
        _ patience: Duration,
        isCancelled: () -> Bool
    ) -> Result<Void, Failure> {
        guard let process = spawn(arguments, environment) else { return .failure(.cannotStart) }
        let end = ContinuousClock.now + patience
        var status: Int32 = 0
        while true {
            let ended = unsafe waitpid(process, &status, WNOHANG)
            if ended == process { return status == 0 ? .success(()) : .failure(.failed) }
            if ended < 0 && errno != EINTR { return .failure(.failed) }
            guard ContinuousClock.now < end, !isCancelled() else { break }
            usleep(20_000)
        }
        // It leads a group of its own, so that what it started ends with it.
        kill(-process, SIGKILL)
        while unsafe waitpid(process, &status, 0) < 0, errno == EINTR {}
        return .failure(isCancelled() ? .cancelled : .tookTooLong)
    }

    private static func spawn(_ arguments: [String], _ environment: [String]) -> pid_t? {
        guard let program = arguments.first else { return nil }
        closeDescriptorsOnExecution()
        var actions = unsafe posix_spawn_file_actions_t()
        unsafe posix_spawn_file_actions_init(&actions)
        defer { unsafe posix_spawn_file_actions_destroy(&actions) }
        unsafe posix_spawn_file_actions_addopen(&actions, 0, "/dev/null", O_RDONLY, 0)
        unsafe posix_spawn_file_actions_addopen(&actions, 1, "/dev/null", O_WRONLY, 0)
        unsafe posix_spawn_file_actions_addopen(&actions, 2, "/dev/null", O_WRONLY, 0)
        var attributes = posix_spawnattr_t()
        unsafe posix_spawnattr_init(&attributes)
        defer { unsafe posix_spawnattr_destroy(&attributes) }
        var signals = sigset_t()
        unsafe sigemptyset(&signals)
        unsafe posix_spawnattr_setsigmask(&attributes, &signals)
        unsafe sigfillset(&signals)
        unsafe posix_spawnattr_setsigdefault(&attributes, &signals)
        unsafe posix_spawnattr_setpgroup(&attributes, 0)
        let flags = POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETSIGDEF | POSIX_SPAWN_SETPGROUP
        unsafe posix_spawnattr_setflags(&attributes, Int16(flags))
        var process = pid_t()
        let result = unsafe withCStrings(arguments) { arguments in
            unsafe withCStrings(environment) { environment in
                unsafe posix_spawn(&process, program, &actions, &attributes, arguments, environment)
            }
        }
        return result == 0 ? process : nil
    }

    /// Whatever a library may have opened without saying so itself.
    private static func closeDescriptorsOnExecution() {
        let open = (try? FileManager.default.contentsOfDirectory(atPath: "/proc/self/fd")) ?? []
        for descriptor in open.compactMap({ Int32($0) }) where descriptor > 2 {
            _ = fcntl(descriptor, F_SETFD, FD_CLOEXEC)
        }
    }

    private static func withCStrings<Answer>(
        _ strings: [String],
        _ body: ([UnsafeMutablePointer<CChar>?]) -> Answer
    ) -> Answer {
        let copies = unsafe strings.map { unsafe strdup($0) }
        defer { unsafe copies.forEach { unsafe free($0) } }
        return unsafe body(copies + [nil])
    }
}

private final class Flag: Sendable {
    private let value = Mutex(false)

    var isSet: Bool { value.withLock { $0 } }

    func set() { value.withLock { $0 = true } }
}
