// SPDX-License-Identifier: Apache-2.0

import ArgumentParser
import OpenPGPWorker

/// Where the process starts.
@main
enum Entry {
    static func main() async {
        // A worker must not have touched anything else before its sandbox closes.
        if CommandLine.arguments.dropFirst().first == "worker" { OpenPGPWorker.run() }
        if let name = SendmailProgram.name(calledAs: CommandLine.arguments.first) {
            await SendmailProgram.run(Array(CommandLine.arguments.dropFirst()), calledAs: name)
        }
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
