// SPDX-License-Identifier: Apache-2.0

import ArgumentParser
import Control

struct UserForwardCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "forward",
        abstract: "Send a user's mail on to other addresses, or stop that.",
        discussion: """
            Each target's own rules decide how its copy is protected; where a key is required and none is known, mail \
            for the user is refused, and never sent on in clear.

            Example: postern user forward carol carol@example.net --keep
            Example: postern user forward carol --off
            Exit codes: 0 changed; 1 no such user, no address, or the mail would come back in a circle; 64 neither a \
            target nor --off.
            """
    )

    @Argument(help: "The user.")
    var name: String

    @Argument(help: "Where the mail goes on to.")
    var targets: [String] = []

    @Flag(help: "Keep the mail in the mailbox too.")
    var keep = false

    @Flag(help: "Forward no more.")
    var off = false

    @OptionGroup var place: GatewayPlace
    @OptionGroup var output: OutputOptions

    func validate() throws {
        if off != targets.isEmpty { throw ValidationError("Give either targets or --off.") }
    }

    func run() async throws {
        let request = ControlRequest.setForward(name: name, targets: targets, keepsCopy: keep)
        let done = try await Answers.find(place).sentence(request)
        try output.show(Done(done: done)) { done }
    }
}
