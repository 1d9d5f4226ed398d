// SPDX-License-Identifier: Apache-2.0

import ArgumentParser
import Control

struct UserCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "user",
        abstract: "Users, their addresses and the aliases.",
        discussion: """
            A user signs in with NAME, may send only as the addresses that are theirs, and has a mailbox in mail/NAME \
            under the data directory.

            Example: postern user add carol --address carol@example.org
            """,
        subcommands: [
            UserAddCommand.self, UserPasswordCommand.self, UserRemoveCommand.self, UserListCommand.self,
            UserAliasCommand.self,
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

            Example: postern user add carol --address carol@example.org --address info@example.org
            Exit codes: 0 added; 1 the name or an address is taken or no good.
            """
    )

    @Argument(help: "The login and the name of the mailbox's folder: a-z, 0-9, dot, dash, underscore.")
    var name: String

    @Option(name: .long, help: ArgumentHelp("An address that is theirs; may be given many times.", valueName: "a"))
    var address: [String] = []

    @OptionGroup var passwordOptions: PasswordOptions
    @OptionGroup var place: GatewayPlace
    @OptionGroup var output: OutputOptions

    func request(password: String) -> ControlRequest { .addUser(name: name, password: password, addresses: address) }
}

struct UserPasswordCommand: PasswordCommand {
    static let configuration = CommandConfiguration(
        commandName: "passwd",
        abstract: "Change a user's password.",
        discussion: "Example: postern user passwd carol\nExit codes: 0 changed; 1 no such user."
    )

    @Argument(help: "The user.")
    var name: String

    @OptionGroup var passwordOptions: PasswordOptions
    @OptionGroup var place: GatewayPlace
    @OptionGroup var output: OutputOptions

    func request(password: String) -> ControlRequest { .changePassword(name: name, password: password) }
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
        abstract: "List users and aliases with their addresses.",
        discussion: "Example: postern user list\nExit codes: 0 listed."
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
            for user in users { table.add(user.name, user.addresses.joined(separator: ", ")) }
            for alias in aliases { table.add(alias.address, "-> " + alias.targets.joined(separator: ", ")) }
            return table.text()
        }
    }
}

struct UserAliasCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "alias",
        abstract: "Addresses that stand for others.",
        discussion: "Example: postern user alias add team@example.org carol@example.org dave@example.org",
        subcommands: [UserAliasAddCommand.self, UserAliasRemoveCommand.self]
    )
}

struct UserAliasAddCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "add",
        abstract: "Make an address stand for others; an alias that is there gets the new targets.",
        discussion: """
            Example: postern user alias add team@example.org carol@example.org dave@example.org
            Exit codes: 0 added; 1 the address is a user's, or no address.
            """
    )

    @Argument(help: "The alias.")
    var address: String

    @Argument(help: "Where its mail goes.")
    var targets: [String]

    @OptionGroup var place: GatewayPlace

    func run() async throws {
        print(try await Answers.find(place).sentence(.addAlias(address: address, targets: targets)))
    }
}

struct UserAliasRemoveCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "remove",
        abstract: "Remove an alias.",
        discussion: "Example: postern user alias remove team@example.org\nExit codes: 0 removed; 1 no such alias."
    )

    @Argument(help: "The alias.")
    var address: String

    @OptionGroup var place: GatewayPlace

    func run() async throws { print(try await Answers.find(place).sentence(.removeAlias(address: address))) }
}
