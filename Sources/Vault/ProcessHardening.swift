// SPDX-License-Identifier: Apache-2.0

import Glibc

/// What a process that holds keys asks of the kernel for itself.
package enum ProcessHardening {
    // PR_GET_DUMPABLE and PR_SET_DUMPABLE of <linux/prctl.h>, which Swift's Glibc module leaves out.
    private static let getOption: CInt = 3
    private static let setOption: CInt = 4

    /// What ``apply()`` reached.
    package struct Outcome: Sendable, Equatable {
        package let notDumpable: Bool
        package let noCore: Bool
    }

    /// No core file, no ptrace by other processes of the same user, new files readable by nobody else.
    ///
    /// Call it first thing, before any secret is read. It holds until the process executes another program.
    @discardableResult
    package static func apply() -> Outcome {
        var none = rlimit(rlim_cur: 0, rlim_max: 0)
        let noCore = unsafe setrlimit(__rlimit_resource_t(RLIMIT_CORE.rawValue), &none) == 0
        umask(0o077)
        return Outcome(notDumpable: setDumpable(false), noCore: noCore)
    }

    // `prctl(PR_SET_DUMPABLE, …)`: Swift cannot call a variadic C function; on Linux integers go to a variadic function in
    // the registers in which they go to any other, so the symbol is looked up and called with a fixed signature.
    static func setDumpable(_ isDumpable: Bool) -> Bool {
        typealias Prctl = @convention(c) (CInt, CUnsignedLong, CUnsignedLong, CUnsignedLong, CUnsignedLong) -> CInt
        guard let symbol = unsafe dlsym(nil, "prctl") else { return false }
        let prctl = unsafe unsafeBitCast(symbol, to: Prctl.self)
        let wanted: CUnsignedLong = isDumpable ? 1 : 0
        return prctl(setOption, wanted, 0, 0, 0) == 0 && prctl(getOption, 0, 0, 0, 0) == CInt(wanted)
    }
}
