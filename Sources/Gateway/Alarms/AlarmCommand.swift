// SPDX-License-Identifier: Apache-2.0

import Glibc
import NIOPosix
import OperatingSystem
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
        guard let process = start(arguments, environment) else { return .failure(.cannotStart) }
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

    private static func start(_ arguments: [String], _ environment: [String]) -> pid_t? {
        guard let program = arguments.first else { return nil }
        var spawning = Spawning(program, Array(arguments.dropFirst()), environment: environment)
        spawning.leadsGroup = true
        spawning.isolatesDescriptors = true
        return try? spawning.start()
    }
}

private final class Flag: Sendable {
    private let value = Mutex(false)

    var isSet: Bool { value.withLock { $0 } }

    func set() { value.withLock { $0 = true } }
}
