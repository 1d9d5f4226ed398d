// SPDX-License-Identifier: Apache-2.0

import ArgumentParser
import Control

struct UserCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "user",
        abstract: "Users, their addresses and the aliases.",
        discussion: """
            A user signs in with NAME, may send only as the addresses that are theirs and as what send-as adds, and has \
            a mailbox in mail/NAME under the data directory.

            Example: postern user add carol --address carol@example.org
            """,
        subcommands: [
            UserAddCommand.self, UserPasswordCommand.self, UserRemoveCommand.self, UserListCommand.self,
            UserForwardCommand.self, UserAliasCommand.self, UserSendAsCommand.self, UserLimitCommand.self,
        ]
    )
}

/// Where a password comes from: a prompt without echo, standard input, or Postern.
struct PasswordOptions: ParsableArguments {
    @Flag(help: "Read the password from the first line of standard input.")
    var passwordStdin = false

    @Flag(help: "Make a password up and print it, once.")
    var makePassword = false

    func validate() throws {
        if passwordStdin && makePassword {
            throw ValidationError("--password-stdin and --make-password exclude each other.")
        }
    }

    struct Choice {
        let password: String
        let isMade: Bool
    }

    func choose() throws -> Choice {
        if makePassword { return Choice(password: MadePassword.make(), isMade: true) }
        if passwordStdin {
            guard let line = readLine(strippingNewline: true), !line.isEmpty else {
                throw CommandFailure(.inputMissing, "Standard input held no password; give it as the first line.")
            }
            return Choice(password: line, isMade: false)
        }
        let typed = try Terminal.readNewSecret(
            "password",
            emptyMeans: "one is made up",
            insteadOfPrompt: "say --password-stdin or --make-password"
        )
        return typed.isEmpty
            ? Choice(password: MadePassword.make(), isMade: true) : Choice(password: typed, isMade: false)
    }
}

/// A command that gives a user a password.
protocol PasswordCommand: AsyncParsableCommand {
    var passwordOptions: PasswordOptions { get }
    var place: GatewayPlace { get }
    var output: OutputOptions { get }

    func request(password: String) -> ControlRequest
}

extension PasswordCommand {
    func run() async throws {
        // Whoever answers is looked for first, so that nobody types a password in vain.
        let answers = try await Answers.find(place)
        let choice = try passwordOptions.choose()
        let done = try await answers.sentence(request(password: choice.password))
        let change = UserChange(done: done, password: choice.isMade ? choice.password : nil)
        try output.show(change) { change.text }
    }
}

/// What a command that changed a user tells: the sentence, and the password when Postern made it.
private struct UserChange: Encodable {
    let done: String
    let password: String?

    var text: String { done + (password.map { "\nPassword (shown only now): \($0)" } ?? "") }
}

struct UserAddCommand: PasswordCommand {
    static let configuration = CommandConfiguration(
        commandName: "add",
        abstract: "Add a user.",
        discussion: """
            Without --address the user gets NAME@DOMAIN for the first domain with a maildir route.

            A new user may send a tenth of the limits for some days (soft_start in [limits.account]), unless \
            --established. With --scram the password can be proved without sending it; it must then be printable \
            ASCII. A mail program that prefers SCRAM tries it for every user once there is one with it.

            Example: postern user add carol --address carol@example.org --send-as office@example.org
            Exit codes: 0 added; 1 the name or an address is taken or no good.
            """
    )

    @Argument(help: "The login and the name of the mailbox's folder: a-z, 0-9, dot, dash, underscore.")
    var name: String

    @Option(name: .long, help: ArgumentHelp("An address that is theirs; may be given many times.", valueName: "a"))
    var address: [String] = []

    @Option(
        name: .long,
        help: ArgumentHelp(
            "What they may send as besides: an address, or *@example.org; may be given many times.",
            valueName: "a"
        )
    )
    var sendAs: [String] = []

    @Flag(help: "Let the user sign in with SCRAM-SHA-256 too.")
    var scram = false

    @Flag(help: "No soft start: you know the user.")
    var established = false

    @OptionGroup var passwordOptions: PasswordOptions
    @OptionGroup var place: GatewayPlace
    @OptionGroup var output: OutputOptions

    func request(password: String) -> ControlRequest {
        .addUser(
            NewUser(
                name: name,
                password: password,
                addresses: address,
                sendAs: sendAs,
                scram: scram,
                isEstablished: established
            )
        )
    }
}

struct UserPasswordCommand: PasswordCommand {
    static let configuration = CommandConfiguration(
        commandName: "passwd",
        abstract: "Change a user's password.",
        discussion: "Example: postern user passwd carol\nExit codes: 0 changed; 1 no such user."
    )

    @Argument(help: "The user.")
    var name: String

    @Flag(inversion: .prefixedNo, help: "Let the user sign in with SCRAM-SHA-256 too; without either as before.")
    var scram: Bool?

    @OptionGroup var passwordOptions: PasswordOptions
    @OptionGroup var place: GatewayPlace
    @OptionGroup var output: OutputOptions

    func request(password: String) -> ControlRequest {
        .changePassword(name: name, password: password, scram: scram)
    }
}

struct UserRemoveCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "remove",
        abstract: "Remove a user; the mailbox stays until you delete it.",
        discussion: "Example: postern user remove carol\nExit codes: 0 removed; 1 no such user."
    )

    @Argument(help: "The user.")
    var name: String

    @OptionGroup var place: GatewayPlace

    func run() async throws { print(try await Answers.find(place).sentence(.removeUser(name: name))) }
}

struct UserListCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "list",
        abstract: "List users and aliases with their addresses, and what they sent in the last day.",
        discussion: """
            Says which account is at its sending limit. Logins at Dovecot are listed once they have signed in.

            Example: postern user list
            Exit codes: 0 listed.
            """
    )

    @OptionGroup var place: GatewayPlace
    @OptionGroup var output: OutputOptions

    private struct Facts: Encodable {
        let users: [UserSummary]
        let aliases: [AliasSummary]
    }

    func run() async throws {
        guard case .users(let users, let aliases) = try await Answers.find(place).ask(.listUsers) else {
            throw CommandFailure.unexpectedAnswer
        }
        try output.show(Facts(users: users, aliases: aliases)) {
            guard !users.isEmpty || !aliases.isEmpty else {
                return "There are no users; `postern user add NAME` adds one."
            }
            var table = TextTable("USER OR ALIAS", "ADDRESSES")
            for user in users {
                let forward = user.forwardsTo.map {
                    " -> " + $0.joined(separator: ", ") + (user.keepsCopy == true ? ", and the mailbox" : "")
                }
                let addresses = user.atDovecot ? "(at Dovecot)" : user.addresses.joined(separator: ", ")
                table.add(user.name, addresses + (forward ?? ""))
                for line in Self.facts(user) { table.addLine("  " + line) }
            }
            for alias in aliases { table.add(alias.address, "-> " + alias.targets.joined(separator: ", ")) }
            return table.text()
        }
    }

    private static func facts(_ user: UserSummary) -> [String] {
        var lines: [String] = []
        if !user.sendAs.isEmpty { lines.append("sends as " + user.sendAs.joined(separator: ", ") + " too") }
        if user.scram { lines.append("signs in with SCRAM too") }
        if user.softStart { lines.append("is new, and may send a tenth of the limits") }
        if user.limitTimes != 1 { lines.append("may send \(user.limitTimes) times the limits") }
        if user.messagesInDay > 0 {
            let messages = PlainText.count(user.messagesInDay, "message")
            lines.append("sent \(messages) to \(PlainText.count(user.recipientsInDay, "recipient")) in the last day")
        }
        if user.atLimit { lines.append("IS AT ITS SENDING LIMIT") }
        return lines
    }
}
