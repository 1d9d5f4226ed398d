// SPDX-License-Identifier: Apache-2.0

import ArgumentParser
import Control

/// Which waiting mail an action is for: named, or all of it.
struct QueueSelection: ParsableArguments {
    @Argument(help: "Ids of messages, or of copies (ID/N).")
    var ids: [String] = []

    @Flag(help: "All waiting mail; asks first.")
    var all = false

    @Option(help: ArgumentHelp("With --all: only copies in this state.", valueName: "state"))
    var state: String?

    @Flag(help: "Do not ask.")
    var yes = false

    func validate() throws {
        guard all != ids.isEmpty else { return try QueueCommand.validate(state: state) }
        throw ValidationError(all ? "Name ids or say --all, not both." : "Name at least one id, or say --all.")
    }

    /// `verb` makes `This VERB 12 messages.`; `asksForMany`: whether more than one named message needs a yes too.
    func perform(_ action: QueueAction, verb: String, asksForMany: Bool, at place: GatewayPlace) async throws {
        let answers = try await Answers.find(place)
        if all {
            guard case .count(let messages, _) = try await answers.ask(.countQueue(state: state)) else {
                throw CommandFailure.unexpectedAnswer
            }
            guard messages > 0 else { return print("Nothing waits" + (state.map { " in the state \($0)." } ?? ".")) }
            try confirm(messages, verb)
            print(try await answers.sentence(.actOnAll(action, state: state)))
        } else {
            let messages = Set(ids.map { $0.prefix { $0 != "/" } }).count
            if asksForMany && messages > 1 { try confirm(messages, verb) }
            print(try await answers.sentence(.act(action, ids: ids)))
        }
    }

    private func confirm(_ messages: Int, _ verb: String) throws {
        if yes { return }
        guard try Terminal.confirm("This \(verb) \(PlainText.count(messages, "message")).") else {
            throw CommandFailure(.refused, "Nothing was changed.")
        }
    }
}

struct QueueRetryCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "retry",
        abstract: "Try waiting mail now.",
        discussion:
            "Held mail stays held.\n\nExample: postern queue retry --all --yes\nExit codes: 0 done; 1 no such message waits, or you said no."
    )

    @OptionGroup var selection: QueueSelection
    @OptionGroup var place: GatewayPlace

    func run() async throws { try await selection.perform(.retry, verb: "tries", asksForMany: false, at: place) }
}

struct QueueHoldCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "hold",
        abstract: "Keep mail back until you release it.",
        discussion:
            "Example: postern queue hold k7mnp3qrstuvwxyz\nExit codes: 0 done; 1 no such message waits, or you said no."
    )

    @OptionGroup var selection: QueueSelection
    @OptionGroup var place: GatewayPlace

    func run() async throws { try await selection.perform(.hold, verb: "holds", asksForMany: false, at: place) }
}

struct QueueReleaseCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "release",
        abstract: "Let held mail go on.",
        discussion: """
            What waits for a key goes on only when one is there: it is encrypted anew, never sent in clear.

            Example: postern queue release --all --state held
            Exit codes: 0 done; 1 no such message waits, or you said no.
            """
    )

    @OptionGroup var selection: QueueSelection
    @OptionGroup var place: GatewayPlace

    func run() async throws { try await selection.perform(.release, verb: "releases", asksForMany: false, at: place) }
}

struct QueueDropCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "drop",
        abstract: "Destroy waiting mail; nobody is told.",
        discussion: """
            Asks first when it is for more than one message.

            Example: postern queue drop k7mnp3qrstuvwxyz/2
            Exit codes: 0 done; 1 no such message waits, or you said no.
            """
    )

    @OptionGroup var selection: QueueSelection
    @OptionGroup var place: GatewayPlace

    func run() async throws { try await selection.perform(.drop, verb: "drops", asksForMany: true, at: place) }
}
