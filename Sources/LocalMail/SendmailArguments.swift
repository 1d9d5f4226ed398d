// SPDX-License-Identifier: Apache-2.0

package import Mail
package import SMTPWire

/// What a program asks of `sendmail`, from its arguments: every switch that PHP, cron, mailx, git and mail libraries pass.
///
/// Values may be attached (`-fADDRESS`) or stand apart (`-f ADDRESS`), flags may share a dash (`-ti`). What asks for
/// another program's files or habits (`-C`, `-d`, `-X`, most `-o`) is read and ignored.
package struct SendmailArguments: Sendable, Equatable {
    package enum Mode: Sendable, Equatable {
        /// A message on standard input.
        case message
        /// `-bs`: SMTP on standard input and output.
        case smtp
        /// `-bi`, `newaliases`.
        case aliases
        /// `-bp`, `mailq`.
        case queue
        /// `-q`: another server's queue run.
        case queueRun
    }

    package var mode = Mode.message
    /// `-t`: recipients stand in the header too.
    package var readsRecipients = false
    /// `-i`: a line with a single dot is text.
    package var ignoresDots = false
    /// `-f`, `-r`: empty for the null sender.
    package var sender: String?
    /// `-F`.
    package var fullName: String?
    /// `-N`.
    package var notify: Notify?
    /// `-R`.
    package var ret: DSNReturn?
    /// `-V`.
    package var envelopeID: String?
    /// `-v`.
    package var isVerbose = false
    package var recipients: [String] = []
    /// `--config`, `--data`, `--socket`, `--spool`: where the gateway is.
    package var place: [String: String] = [:]
    package var wantsHelp = false

    private static let withValue = Set("ABCDFLMNORVXbefhmopr".unicodeScalars).subtracting("m".unicodeScalars)
    private static let attachedOnly = Set("qd".unicodeScalars)
    private static let flags = Set("tivnGIUEcmsT".unicodeScalars)

    package init() {}

    /// Reads what follows the program's name.
    package init(_ arguments: [String]) throws(SendmailFailure) {
        var rest = arguments[...]
        while let argument = rest.popFirst() {
            if argument == "--" {
                recipients += rest
                return
            }
            if argument.hasPrefix("--") {
                try takeLong(argument, &rest)
            } else if argument.hasPrefix("-"), argument.utf8.count > 1 {
                try takeSwitches(argument, &rest)
            } else {
                recipients.append(argument)
            }
        }
    }

    private mutating func takeLong(_ argument: String, _ rest: inout ArraySlice<String>) throws(SendmailFailure) {
        let parts = argument.dropFirst(2).split(separator: "=", maxSplits: 1, omittingEmptySubsequences: false)
        let name = parts.first.map { String($0) } ?? ""
        if name == "help" {
            wantsHelp = true
            return
        }
        guard ["config", "data", "socket", "spool"].contains(name) else {
            throw SendmailFailure(.usage, "There is no option --\(name); `postern sendmail --help` lists them.")
        }
        guard let value = parts.count == 2 ? String(parts[1]) : rest.popFirst(), !value.isEmpty else {
            throw SendmailFailure(.usage, "--\(name) needs a path.")
        }
        place[name] = value
    }

    private mutating func takeSwitches(_ argument: String, _ rest: inout ArraySlice<String>) throws(SendmailFailure) {
        var letters = argument.unicodeScalars.dropFirst()
        while let letter = letters.popFirst() {
            if Self.attachedOnly.contains(letter) {
                if letter == "q" { mode = .queueRun }
                return
            }
            if Self.withValue.contains(letter) {
                let attached = String(letters)
                guard let value = attached.isEmpty ? rest.popFirst() : attached else {
                    throw SendmailFailure(.usage, "-\(letter) needs a value.")
                }
                return try take(letter, value)
            }
            guard Self.flags.contains(letter) else {
                throw SendmailFailure(.usage, "There is no switch -\(letter); `postern sendmail --help` lists them.")
            }
            switch letter {
            case "t": readsRecipients = true
            case "i": ignoresDots = true
            case "v": isVerbose = true
            case "I": mode = .aliases
            default: break
            }
        }
    }

    private mutating func take(_ letter: Unicode.Scalar, _ value: String) throws(SendmailFailure) {
        switch letter {
        case "f", "r": sender = value == "<>" ? "" : Self.withoutBrackets(value)
        case "F": fullName = value
        case "o": if value == "i" { ignoresDots = true }
        case "N": notify = try Self.notify(value)
        case "R": ret = try Self.ret(value)
        case "V": envelopeID = value
        case "B": try Self.checkBody(value)
        case "b": mode = try Self.mode(value)
        default: break
        }
    }

    private static func withoutBrackets(_ value: String) -> String {
        value.hasPrefix("<") && value.hasSuffix(">") ? String(value.dropFirst().dropLast()) : value
    }

    private static func mode(_ value: String) throws(SendmailFailure) -> Mode {
        switch value {
        case "m": .message
        case "s": .smtp
        case "i": .aliases
        case "p": .queue
        default:
            throw SendmailFailure(
                .usage,
                "-b\(value) is not possible; -bm takes a message and -bs a conversation. `postern up` runs the gateway."
            )
        }
    }

    private static func checkBody(_ value: String) throws(SendmailFailure) {
        guard ["7BIT", "8BITMIME"].contains(value.uppercased()) else {
            throw SendmailFailure(.usage, "-B takes 7BIT or 8BITMIME.")
        }
    }

    private static func notify(_ value: String) throws(SendmailFailure) -> Notify {
        var result: Notify = []
        for word in value.lowercased().split(separator: ",", omittingEmptySubsequences: false) {
            switch word {
            case "never" where value.lowercased() == "never": return .never
            case "success": result.insert(.success)
            case "failure": result.insert(.failure)
            case "delay": result.insert(.delay)
            default: throw SendmailFailure(.usage, "-N takes never, or a list of success, failure and delay.")
            }
        }
        return result
    }

    private static func ret(_ value: String) throws(SendmailFailure) -> DSNReturn {
        switch value.lowercased() {
        case "full": .full
        case "hdrs": .headers
        default: throw SendmailFailure(.usage, "-R takes full or hdrs.")
        }
    }
}
