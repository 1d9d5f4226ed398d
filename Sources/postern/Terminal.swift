// SPDX-License-Identifier: Apache-2.0

import Glibc

/// What a command says and asks.
enum Terminal {
    static var outputIsTerminal: Bool { isatty(STDOUT_FILENO) == 1 }
    static var inputIsTerminal: Bool { isatty(STDIN_FILENO) == 1 }

    /// Lets a reader at the other end of a pipe see what was printed so far.
    static func flush() { fflush(nil) }

    /// One line on standard error.
    static func complain(_ sentence: String) {
        write(sentence + "\n", to: STDERR_FILENO)
    }

    /// Asks for a line that is not shown; nil at the end of the input.
    static func readSecret(_ prompt: String) -> String? {
        var before = termios()
        let isTerminal = tcgetattr(STDIN_FILENO, &before) == 0
        if isTerminal {
            var silent = before
            silent.c_lflag &= ~tcflag_t(ECHO)
            tcsetattr(STDIN_FILENO, TCSAFLUSH, &silent)
        }
        // Only now: whoever answers at once must neither be shown nor lost.
        write(prompt, to: STDERR_FILENO)
        defer {
            if isTerminal {
                tcsetattr(STDIN_FILENO, TCSAFLUSH, &before)
                write("\n", to: STDERR_FILENO)
            }
        }
        return readLine(strippingNewline: true)
    }

    /// Asks twice; fails when there is no terminal or the answers differ.
    static func readNewSecret(_ what: String, emptyMeans: String? = nil, insteadOfPrompt: String) throws -> String {
        guard inputIsTerminal else {
            throw CommandFailure(
                .usage,
                "Nobody can be asked for the \(what), because there is no terminal; \(insteadOfPrompt)."
            )
        }
        let hint = emptyMeans.map { " (empty: \($0))" } ?? ""
        guard let first = readSecret("New \(what)\(hint): ") else {
            throw CommandFailure(.refused, "No \(what) was given; nothing was changed.")
        }
        if first.isEmpty && emptyMeans != nil { return "" }
        guard !first.isEmpty else {
            throw CommandFailure(.refused, "An empty \(what) protects nothing; nothing was changed.")
        }
        guard readSecret("The same again: ") == first else {
            throw CommandFailure(.refused, "The two answers differ; nothing was changed.")
        }
        return first
    }

    /// Asks before something is removed, where somebody can be asked; throws when the answer is no.
    ///
    /// In a script the command itself is the answer.
    static func confirmRemoval(_ consequence: String) throws {
        guard inputIsTerminal, try !confirm(consequence) else { return }
        throw CommandFailure(.refused, "Nothing was removed.")
    }

    /// Asks a question whose safe answer is no.
    static func confirm(_ question: String) throws -> Bool {
        guard inputIsTerminal else {
            throw CommandFailure(
                .usage,
                "\(question) Nobody can be asked, because there is no terminal; say --yes to go on."
            )
        }
        write(question + " Go on? [y/N] ", to: STDERR_FILENO)
        let answer = readLine(strippingNewline: true) ?? ""
        return ["y", "yes"].contains(answer.lowercased())
    }

    private static func write(_ text: String, to descriptor: Int32) {
        fflush(nil)
        let bytes = Array(text.utf8)
        var sent = 0
        while sent < bytes.count {
            let count = bytes[sent...].withUnsafeBytes { Glibc.write(descriptor, $0.baseAddress, $0.count) }
            if count < 0 && errno == EINTR { continue }
            guard count > 0 else { return }
            sent += count
        }
    }
}

/// A password that Postern makes up: 100 bits, in groups that a person can copy.
enum MadePassword {
    private static let letters = Array("abcdefghjkmnpqrstuvwxyz23456789")

    static func make() -> String {
        var generator = SystemRandomNumberGenerator()
        let groups = (0..<4).map { _ in
            String((0..<5).map { _ in letters[Int.random(in: 0..<letters.count, using: &generator)] })
        }
        return groups.joined(separator: "-")
    }
}
