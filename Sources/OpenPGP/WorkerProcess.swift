// SPDX-License-Identifier: Apache-2.0

import Glibc
import OperatingSystem

/// One running worker: its process and our end of the socket that is its standard input and output.
///
/// It gets no environment but what the loader needs, standard error goes to `/dev/null`, and it closes whatever else it
/// may have inherited before it reads anything.
/// Calls block their thread as long as the allowance lasts; whoever owns it makes them on a thread of its own. Dropping
/// it kills the process.
final class WorkerProcess {
    private let socket: Int32
    private let process: pid_t
    /// The processor time at which the job must be done.
    private var processorEnd = Duration.zero
    private var stall = Duration.zero
    private var wallLeft = Duration.zero

    /// Starts `executable` with `arguments`.
    init(executable: String, arguments: [String]) throws(WorkerError) {
        var ends: [Int32] = [-1, -1]
        let type = Int32(SOCK_STREAM.rawValue) | Int32(SOCK_CLOEXEC.rawValue)
        guard unsafe socketpair(AF_UNIX, type, 0, &ends) == 0 else { throw .cannotStart(errno) }
        defer { close(ends[1]) }
        var environment = ["SWIFT_BACKTRACE=enable=no"]
        if let path = unsafe getenv("LD_LIBRARY_PATH").flatMap({ unsafe String(validatingCString: $0) }) {
            environment.append("LD_LIBRARY_PATH=" + path)
        }
        var spawning = Spawning(executable, arguments, environment: environment)
        (spawning.input, spawning.output) = (ends[1], ends[1])
        do throws(Spawning.Failure) {
            process = try spawning.start()
            socket = ends[0]
        } catch {
            close(ends[0])
            throw .cannotStart(error.errno)
        }
    }

    deinit {
        kill(process, SIGKILL)
        while waitpid(process, nil, 0) == -1, errno == EINTR {}
        close(socket)
    }

    var identifier: Int32 { process }

    /// Whether the worker's end is open and nothing waits to be read from it.
    var isSilent: Bool {
        var byte: UInt8 = 0
        return unsafe recv(socket, &byte, 1, Int32(MSG_DONTWAIT) | Int32(MSG_PEEK)) == -1 && errno == EAGAIN
    }

    /// Begins a job, which may compute for `processor`, must move at least every `stall`, and may be waited for ten
    /// times as long as it may compute.
    ///
    /// Processor time and not the wall clock, so that a busy machine makes no key look slow.
    func allow(processor: Duration, stall: Duration) {
        processorEnd = processorTime + processor
        self.stall = stall
        wallLeft = max(stall, processor * 10)
    }

    /// Sends all of `bytes`.
    func send(_ bytes: [UInt8]) throws(WorkerError) {
        var sent = 0
        var waited = Duration.zero
        while sent < bytes.count {
            let count = unsafe bytes.withUnsafeBytes { buffer in
                unsafe Glibc.send(
                    socket,
                    buffer.baseAddress?.advanced(by: sent),
                    buffer.count - sent,
                    Int32(MSG_NOSIGNAL) | Int32(MSG_DONTWAIT)
                )
            }
            if count > 0 {
                sent += count
                waited = .zero
            } else if count < 0, errno == EAGAIN || errno == EINTR {
                try wait(for: Int16(POLLOUT), &waited)
            } else {
                throw .ended
            }
        }
    }

    /// Receives exactly `count` bytes.
    func receive(_ count: Int) throws(WorkerError) -> [UInt8] {
        var bytes = [UInt8](repeating: 0, count: count)
        var received = 0
        var waited = Duration.zero
        while received < count {
            let more = unsafe bytes.withUnsafeMutableBytes { buffer in
                unsafe recv(
                    socket,
                    buffer.baseAddress?.advanced(by: received),
                    buffer.count - received,
                    Int32(MSG_DONTWAIT)
                )
            }
            if more > 0 {
                received += more
                waited = .zero
            } else if more < 0, errno == EAGAIN || errno == EINTR {
                try wait(for: Int16(POLLIN), &waited)
            } else {
                throw .ended
            }
        }
        return bytes
    }

    /// Waits a little for the worker, unless it has used up what it was allowed.
    private func wait(for events: Int16, _ waited: inout Duration) throws(WorkerError) {
        guard wallLeft > .zero, processorTime < processorEnd, waited < stall else { throw .tooSlow }
        let start = ContinuousClock.now
        var descriptor = pollfd(fd: socket, events: events, revents: 0)
        _ = unsafe poll(&descriptor, 1, 50)
        let took = ContinuousClock.now - start
        waited += took
        wallLeft -= took
    }

    /// How long the worker has computed since it was started; nothing once it has ended.
    private var processorTime: Duration {
        var clock = clockid_t()
        var time = timespec()
        guard unsafe clock_getcpuclockid(process, &clock) == 0, unsafe clock_gettime(clock, &time) == 0 else {
            return .zero
        }
        return .seconds(Int64(time.tv_sec)) + .nanoseconds(Int64(time.tv_nsec))
    }
}
