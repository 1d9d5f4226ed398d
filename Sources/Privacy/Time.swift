// SPDX-License-Identifier: Apache-2.0

import Glibc
import Synchronization

/// A moment by the wall clock, in whole milliseconds since 1970 UTC.
package struct WallTime: Sendable, Hashable, Comparable, Codable {
    package let milliseconds: Int64

    package init(milliseconds: Int64) { self.milliseconds = milliseconds }
    package init(seconds: Int64) { self.milliseconds = seconds * 1000 }

    package var seconds: Int64 { milliseconds / 1000 }

    package static func < (lhs: WallTime, rhs: WallTime) -> Bool { lhs.milliseconds < rhs.milliseconds }
    package static func + (lhs: WallTime, rhs: Duration) -> WallTime {
        WallTime(milliseconds: lhs.milliseconds + rhs.wholeMilliseconds)
    }
    package static func - (lhs: WallTime, rhs: WallTime) -> Duration {
        .milliseconds(lhs.milliseconds - rhs.milliseconds)
    }
}

/// A moment by the clock that runs from the machine's start and never jumps, sleep included (`CLOCK_BOOTTIME`).
///
/// Comparable only within one boot; a stored value goes with the ``bootID`` it was read under.
package struct BootTime: Sendable, Hashable, Comparable, Codable {
    package let milliseconds: Int64

    package init(milliseconds: Int64) { self.milliseconds = milliseconds }

    package static func < (lhs: BootTime, rhs: BootTime) -> Bool { lhs.milliseconds < rhs.milliseconds }
    package static func + (lhs: BootTime, rhs: Duration) -> BootTime {
        BootTime(milliseconds: lhs.milliseconds + rhs.wholeMilliseconds)
    }
    package static func - (lhs: BootTime, rhs: BootTime) -> Duration {
        .milliseconds(lhs.milliseconds - rhs.milliseconds)
    }
}

extension Duration {
    /// Rounded towards zero; far values are clamped, never trapped.
    package var wholeMilliseconds: Int64 {
        let (seconds, attoseconds) = components
        let (product, overflow) = seconds.multipliedReportingOverflow(by: 1000)
        guard !overflow else { return seconds < 0 ? .min / 4 : .max / 4 }
        return max(.min / 4, min(.max / 4, product)) + attoseconds / 1_000_000_000_000_000
    }
}

/// Both clocks.
///
/// Logic takes a `Time` and never asks the system itself, so that tests can move it.
package struct Time: Sendable {
    /// Wall clock: for dates that people and other machines read, and for what must survive a restart.
    package let wall: @Sendable () -> WallTime
    /// The wall clock as it stands now, for dates that people read; ``wall`` itself, but for a ``steadied()`` time.
    package let calendar: @Sendable () -> WallTime
    /// Boot clock: for time-outs, retries and ages within one run.
    package let boot: @Sendable () -> BootTime
    /// Differs after each start of the machine.
    package let bootID: String
    /// How long a sleeper may sleep before it looks at the clock again; short in test builds, where the clock can be moved.
    package let longestSleep: Duration

    package init(
        bootID: String = "test",
        longestSleep: Duration = .seconds(60),
        wall: @escaping @Sendable () -> WallTime,
        boot: @escaping @Sendable () -> BootTime,
        calendar: (@Sendable () -> WallTime)? = nil
    ) {
        self.wall = wall
        self.boot = boot
        self.calendar = calendar ?? wall
        self.bootID = bootID
        self.longestSleep = longestSleep
    }

    /// Sleeps until the boot clock says `deadline`, or the task is cancelled.
    package func sleep(until deadline: BootTime) async throws {
        while true {
            let left = deadline - boot()
            guard left > .zero else { return }
            try await Task.sleep(for: min(left, longestSleep))
        }
    }

    /// A time whose ``wall`` goes on from now at the pace of the boot clock: when somebody sets the wall clock,
    /// nothing that waits expires early and nothing gets stuck.
    ///
    /// ``calendar`` still follows the wall clock.
    package func steadied() -> Time {
        let start = (wall: wall(), boot: boot())
        let boot = boot
        return Time(
            bootID: bootID,
            longestSleep: longestSleep,
            wall: { start.wall + (boot() - start.boot) },
            boot: boot,
            calendar: calendar
        )
    }

    package func sleep(for duration: Duration) async throws {
        try await sleep(until: boot() + duration)
    }

    /// The machine's clocks.
    ///
    /// In test builds `POSTERN_TEST_CLOCK` names a file with two numbers, the offsets in seconds of the wall and of
    /// the boot clock, read anew whenever it changes.
    package static func system() -> Time {
        #if POSTERN_TEST_BUILD
            if let path = unsafe getenv("POSTERN_TEST_CLOCK").flatMap({ unsafe String(validatingCString: $0) }),
                !path.isEmpty
            {
                let offsets = TestClockFile(path: path)
                return Time(
                    bootID: readBootID(),
                    longestSleep: .milliseconds(50),
                    wall: { WallTime(milliseconds: readClock(CLOCK_REALTIME) + offsets.current().wall) },
                    boot: { BootTime(milliseconds: readClock(CLOCK_BOOTTIME) + offsets.current().boot) }
                )
            }
        #endif
        return Time(
            bootID: readBootID(),
            wall: { WallTime(milliseconds: readClock(CLOCK_REALTIME)) },
            boot: { BootTime(milliseconds: readClock(CLOCK_BOOTTIME)) }
        )
    }
}

private func readClock(_ clock: clockid_t) -> Int64 {
    var now = timespec()
    unsafe clock_gettime(clock, &now)
    return Int64(now.tv_sec) * 1000 + Int64(now.tv_nsec) / 1_000_000
}

private func readBootID() -> String {
    guard let file = unsafe fopen("/proc/sys/kernel/random/boot_id", "r") else { return "unknown" }
    defer { unsafe fclose(file) }
    var bytes = [CChar](repeating: 0, count: 64)
    guard unsafe fgets(&bytes, 64, file) != nil else { return "unknown" }
    return String(decoding: bytes.prefix { $0 != 0 && $0 != 10 }.map { UInt8(bitPattern: $0) }, as: UTF8.self)
}

#if POSTERN_TEST_BUILD
    /// The offsets of a test's clock, kept in a file so that a test can move the clock of a running process.
    private final class TestClockFile: Sendable {
        struct Offsets { var wall: Int64 = 0, boot: Int64 = 0 }

        private let path: String
        private let cached = Mutex((readAt: Int64.min, offsets: Offsets()))

        init(path: String) { self.path = path }

        func current() -> Offsets {
            let now = readClock(CLOCK_MONOTONIC)
            return cached.withLock { cached in
                if now < cached.readAt &+ 20 { return cached.offsets }
                cached = (now, read() ?? cached.offsets)
                return cached.offsets
            }
        }

        private func read() -> Offsets? {
            guard let file = unsafe fopen(path, "r") else { return nil }
            defer { unsafe fclose(file) }
            var bytes = [CChar](repeating: 0, count: 128)
            guard unsafe fgets(&bytes, 128, file) != nil else { return nil }
            let line = String(decoding: bytes.prefix { $0 != 0 }.map { UInt8(bitPattern: $0) }, as: UTF8.self)
            let numbers = line.split(whereSeparator: { $0 == " " || $0 == "\n" }).compactMap { Int64($0) }
            guard numbers.count == 2 else { return nil }
            return Offsets(wall: numbers[0] * 1000, boot: numbers[1] * 1000)
        }
    }
#endif
