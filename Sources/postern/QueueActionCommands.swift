// SPDX-License-Identifier: Apache-2.0

import ArgumentParser
import Control

/// Which waiting mail an action is for: named, or all that a filter finds.
struct QueueSelection: ParsableArguments {
    @Argument(help: "Ids of messages, or of copies (ID/N).")
    var ids: [String] = []

    @Flag(help: "All waiting mail.")
    var all = false

    @OptionGroup var filter: QueueFilterOptions

    @Flag(help: "Do not ask before the action is done to many messages.")
    var yes = false

    func validate() throws {
        let isByFilter = all || !filter.isEmpty
        guard isByFilter != ids.isEmpty else { return }
        throw ValidationError(
            isByFilter
                ? "Name ids, or say --all, --state, --older or --hop; not both."
                : "Name at least one id, or say --all, --state, --older or --hop."
        )
    }
}

/// A command that does one thing to the selected mail.
protocol QueueActionCommand: AsyncParsableCommand {
    static var action: QueueAction { get }
    /// Makes `This VERB 12 messages.`
    static var verb: String { get }
    /// Whether more than one named message needs a yes too.
    static var asksForMany: Bool { get }
    var selection: QueueSelection { get }
    var place: GatewayPlace { get }
}

extension QueueActionCommand {
    static var asksForMany: Bool { false }

    func run() async throws {
        let answers = try await Answers.find(place)
        if selection.ids.isEmpty { return try await runByFilter(answers) }
        let messages = Set(selection.ids.map { $0.prefix { $0 != "/" } }).count
        if Self.asksForMany && messages > 1 { try confirm(PlainText.count(messages, "message")) }
        print(try await answers.sentence(.act(Self.action, ids: selection.ids)))
    }

    private func runByFilter(_ answers: Answers) async throws {
        var filter = selection.filter.filter()
        guard case .count(let messages, let copies, let asOf) = try await answers.ask(.countQueue(filter)) else {
            throw CommandFailure.unexpectedAnswer
        }
        let words = selection.filter.words
        guard copies > 0 else { return print("Nothing waits\(words).") }
        // What comes in while somebody thinks about it is not meant.
        filter.arrivedBy = asOf
        let copiesText = PlainText.count(copies, "copy", "copies")
        try confirm("\(PlainText.count(messages, "message")) (\(copiesText))\(words)")
        print(try await answers.sentence(.actOnAll(Self.action, filter)))
    }

    private func confirm(_ what: String) throws {
        if selection.yes { return }
        guard try Terminal.confirm("This \(Self.verb) \(what).") else {
            throw CommandFailure(.refused, "Nothing was changed.")
        }
    }

    static func described(_ abstract: String, note: String, example: String) -> CommandConfiguration {
        CommandConfiguration(
            commandName: action.rawValue,
            abstract: abstract,
            discussion: """
                \(note) With --all, --state, --older or --hop it says first how much mail is meant, and asks; without a \
                terminal it wants --yes.

                Example: postern queue \(action.rawValue) \(example)
                Exit codes: 0 done; 1 no such message waits, or you said no; 64 nobody could be asked.
                """
        )
    }
}

struct QueueRetryCommand: QueueActionCommand {
    static let action = QueueAction.retry
    static let verb = "tries"
    static let configuration = described(
        "Try waiting mail now.",
        note: "Held mail stays held.",
        example: "--hop example.net"
    )

    @OptionGroup var selection: QueueSelection
    @OptionGroup var place: GatewayPlace
}

struct QueueHoldCommand: QueueActionCommand {
    static let action = QueueAction.hold
    static let verb = "holds"
    static let configuration = described(
        "Keep mail back until you release it.",
        note: "Mail that is on its way is left alone.",
        example: "k7mnp3qrstuvwxyz"
    )

    @OptionGroup var selection: QueueSelection
    @OptionGroup var place: GatewayPlace
}

struct QueueReleaseCommand: QueueActionCommand {
    static let action = QueueAction.release
    static let verb = "releases"
    static let configuration = described(
        "Let held mail go on.",
        note: "What waits for a key goes on only when one is there: it is encrypted anew, never sent in clear.",
        example: "--state held"
    )

    @OptionGroup var selection: QueueSelection
    @OptionGroup var place: GatewayPlace
}

struct QueueDropCommand: QueueActionCommand {
    static let action = QueueAction.drop
    static let verb = "destroys"
    static let asksForMany = true
    static let configuration = described(
        "Destroy waiting mail; nobody is told.",
        note: "Asks first, too, when more than one message is named.",
        example: "k7mnp3qrstuvwxyz/2"
    )

    @OptionGroup var selection: QueueSelection
    @OptionGroup var place: GatewayPlace
}
