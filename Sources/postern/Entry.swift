// SPDX-License-Identifier: Apache-2.0

import ArgumentParser
import Dispatch
import Glibc
import OpenPGPWorker

/// Where the process starts.
@main
enum Entry {
    static func main() {
        // A worker must not have touched anything else before its sandbox closes.
        if CommandLine.arguments.dropFirst().first == "worker" { OpenPGPWorker.run() }
        let program = SendmailProgram.name(calledAs: CommandLine.arguments.first)
        if program == nil, CommandLine.arguments.dropFirst().first == "up" { giveUpRoot() }
        Task {
            if let program {
                await SendmailProgram.run(Array(CommandLine.arguments.dropFirst()), calledAs: program)
            }
            await perform()
            exit(0)
        }
        dispatchMain()
    }

    /// Root's rights can be given up only as long as this is the only thread.
    private static func giveUpRoot() {
        do {
            try (Postern.parseAsRoot() as? UpCommand)?.giveUpRoot()
        } catch let failure as CommandFailure {
            failure.end()
        } catch {
            Postern.exit(withError: error)
        }
    }

    private static func perform() async {
        do {
            var command = try Postern.parseAsRoot()
            if var asynchronous = command as? any AsyncParsableCommand {
                try await asynchronous.run()
            } else {
                try command.run()
            }
        } catch let failure as CommandFailure {
            failure.end()
        } catch {
            Postern.exit(withError: error)
        }
    }
}
