// SPDX-License-Identifier: Apache-2.0

import Glibc
import OperatingSystem

/// What a program of this machine prints when it is asked about its configuration.
enum ProgramOutput {
    /// The first of these programs that is there; only absolute paths, because root asks.
    static func find(_ paths: [String]) -> String? { paths.first { access($0, X_OK) == 0 } }

    /// Its standard output; nil when it can't be run, fails, or has not ended after `seconds`.
    ///
    /// Blocks.
    static func of(_ program: String, _ arguments: [String], seconds: Int = 5) -> String? {
        var ends: [Int32] = [0, 0]
        guard pipe(&ends) == 0 else { return nil }
        defer { close(ends[0]) }
        for end in ends { _ = fcntl(end, F_SETFD, FD_CLOEXEC) }
        var spawning = Spawning(program, arguments, environment: ["PATH=/usr/sbin:/usr/bin:/sbin:/bin", "LC_ALL=C"])
        spawning.output = ends[1]
        let child = try? spawning.start()
        close(ends[1])
        guard let child else { return nil }
        let text = readAll(ends[0], until: time(nil) + seconds)
        if text == nil { kill(child, SIGKILL) }
        var status: Int32 = 0
        while waitpid(child, &status, 0) == -1, errno == EINTR {}
        return status == 0 ? text : nil
    }

    /// Nil when the time is over or more than a megabyte came.
    private static func readAll(_ descriptor: Int32, until deadline: time_t) -> String? {
        var bytes: [UInt8] = []
        var block = [UInt8](repeating: 0, count: 16_384)
        while bytes.count < 1 << 20 {
            var wanted = pollfd(fd: descriptor, events: Int16(POLLIN), revents: 0)
            let left = deadline - time(nil)
            guard left > 0, poll(&wanted, 1, Int32(min(left, 60) * 1000)) > 0 else { return nil }
            let count = block.withUnsafeMutableBytes { read(descriptor, $0.baseAddress, $0.count) }
            guard count > 0 else { return count == 0 ? String(decoding: bytes, as: UTF8.self) : nil }
            bytes += block.prefix(count)
        }
        return nil
    }
}
