// SPDX-License-Identifier: Apache-2.0

package import Glibc

/// How another program is started: no shell, only the environment that is given here, standard error to nowhere unless it is
/// given, and none of the signals that this process blocks or ignores.
///
/// Descriptors of this process stay out of it as long as each was opened with `O_CLOEXEC`; ``isolatesDescriptors`` makes sure.
package struct Spawning: Sendable {
    package let program: String
    /// Without the program's own name.
    package var arguments: [String]
    /// `NAME=value`.
    package var environment: [String]
    /// Standard input; nil: nothing to read.
    package var input: Int32?
    /// Standard output; nil: to nowhere.
    package var output: Int32?
    /// Standard error; nil: to nowhere.
    package var errors: Int32?
    /// Whether it leads a process group of its own, so that what it starts can be ended with it.
    package var leadsGroup = false
    /// Whether whatever a library may have opened here is kept out too, at the price of a look at each open descriptor.
    package var isolatesDescriptors = false

    package init(_ program: String, _ arguments: [String] = [], environment: [String] = []) {
        self.program = program
        self.arguments = arguments
        self.environment = environment
    }

    /// The system's error number.
    package struct Failure: Error, Sendable, Equatable {
        package let errno: Int32
    }

    /// The process, which the caller must wait for.
    package func start() throws(Failure) -> pid_t {
        if isolatesDescriptors { OpenDescriptors.closeOnExecution() }
        var actions = unsafe posix_spawn_file_actions_t()
        unsafe posix_spawn_file_actions_init(&actions)
        defer { unsafe posix_spawn_file_actions_destroy(&actions) }
        unsafe connect(input, to: 0, O_RDONLY, &actions)
        unsafe connect(output, to: 1, O_WRONLY, &actions)
        unsafe connect(errors, to: 2, O_WRONLY, &actions)
        var attributes = posix_spawnattr_t()
        unsafe posix_spawnattr_init(&attributes)
        defer { unsafe posix_spawnattr_destroy(&attributes) }
        clearSignals(&attributes)
        var process = pid_t()
        let result = unsafe withCStrings([program] + arguments) { arguments in
            unsafe withCStrings(environment) { environment in
                unsafe posix_spawn(&process, program, &actions, &attributes, arguments, environment)
            }
        }
        guard result == 0 else { throw Failure(errno: result) }
        return process
    }

    private func connect(
        _ own: Int32?,
        to descriptor: Int32,
        _ mode: Int32,
        _ actions: inout posix_spawn_file_actions_t
    ) {
        if let own {
            unsafe posix_spawn_file_actions_adddup2(&actions, own, descriptor)
        } else {
            unsafe posix_spawn_file_actions_addopen(&actions, descriptor, "/dev/null", mode, 0)
        }
    }

    private func clearSignals(_ attributes: inout posix_spawnattr_t) {
        var signals = sigset_t()
        unsafe sigemptyset(&signals)
        unsafe posix_spawnattr_setsigmask(&attributes, &signals)
        unsafe sigfillset(&signals)
        unsafe posix_spawnattr_setsigdefault(&attributes, &signals)
        unsafe posix_spawnattr_setpgroup(&attributes, 0)
        let group = leadsGroup ? POSIX_SPAWN_SETPGROUP : 0
        unsafe posix_spawnattr_setflags(&attributes, Int16(POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETSIGDEF | group))
    }

    private func withCStrings<Answer>(_ strings: [String], _ body: ([UnsafeMutablePointer<CChar>?]) -> Answer) -> Answer
    {
        let copies = unsafe strings.map { unsafe strdup($0) }
        defer { unsafe copies.forEach { unsafe free($0) } }
        return unsafe body(copies + [nil])
    }
}
