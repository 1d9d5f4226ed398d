// SPDX-License-Identifier: Apache-2.0

import NIOCore
import SMTPTransport
import SMTPWire
import Synchronization

/// Gathers the lines of a conversation and passes each on as soon as it is whole.
///
/// Secrets are stars in it.
final class ProbeTranscript: Sendable {
    /// Of a message so many lines are shown.
    private static let maxContentLines = 200
    private static let maxLine = 2048

    private struct State {
        var lines: [ProbeLine] = []
        var isEncrypted = false
        /// What must not be shown: the password and its encodings.
        var secrets: [String] = []
        var isSigningIn = false
        var contentLines = 0
        var isSendingContent = false
        var heard: [UInt8] = []
    }

    private let state = Mutex(State())
    private let show: @Sendable (ProbeLine) -> Void

    init(_ show: @escaping @Sendable (ProbeLine) -> Void) { self.show = show }

    var lines: [ProbeLine] { state.withLock { $0.lines } }

    var tap: ConversationTap {
        ConversationTap(
            said: { buffer in self.said(Array(buffer.readableBytesView)) },
            heard: { buffer in self.heard(Array(buffer.readableBytesView)) }
        )
    }

    func note(_ text: String) { add(.note, text) }
    func fault(_ text: String) { add(.fault, text) }

    /// What is said and heard from here on goes through TLS.
    func tlsIsUp() { state.withLock { $0.isEncrypted = true } }

    /// Until ``signInEnded()`` what is said is a secret but for the first two words of AUTH.
    func signInBegins(user: String, password: String) {
        let encodings = [
            password, base64(password), base64("\0\(user)\0\(password)"),
        ]
        state.withLock {
            $0.isSigningIn = true
            // Shorter ones would make holes in words that mean something else.
            $0.secrets = encodings.filter { $0.utf8.count > 3 }
        }
    }

    func signInEnded() { state.withLock { $0.isSigningIn = false } }

    /// Until ``contentEnded()`` what is said may be long.
    func contentBegins() { state.withLock { $0.isSendingContent = true } }

    func contentEnded() {
        let hidden = state.withLock { state in
            state.isSendingContent = false
            return max(0, state.contentLines - ProbeTranscript.maxContentLines)
        }
        if hidden > 0 { note("\(hidden) more lines of the message are not shown") }
    }

    // MARK: - From the tap

    private func said(_ bytes: [UInt8]) {
        for line in bytes.split(separator: 10, omittingEmptySubsequences: false).dropLastIfEmpty() {
            let text = ProbeTranscript.text(line)
            let shown: String? = state.withLock { state in
                if state.isSigningIn { return ProbeTranscript.masked(text) }
                guard state.isSendingContent else { return text }
                state.contentLines += 1
                return state.contentLines <= ProbeTranscript.maxContentLines ? text : nil
            }
            if let shown { add(.said, shown) }
        }
    }

    private func heard(_ bytes: [UInt8]) {
        let lines: [String] = state.withLock { state in
            state.heard += bytes
            var lines: [String] = []
            while let end = state.heard.firstIndex(of: 10) {
                lines.append(ProbeTranscript.text(state.heard[..<end]))
                state.heard.removeFirst(end + 1)
            }
            // The client gives up on such a line; there is nothing to show of it.
            if state.heard.count > ProbeTranscript.maxLine { state.heard.removeAll() }
            return lines.map { line in
                state.secrets.reduce(line) { $0.replacing($1, with: "****") }
            }
        }
        for line in lines { add(line.first == "4" || line.first == "5" ? .refused : .heard, line) }
    }

    private func add(_ kind: ProbeLine.Kind, _ text: String) {
        let line = state.withLock { state in
            let isConversation = kind != .note && kind != .fault
            let line = ProbeLine(kind, text, isEncrypted: isConversation && state.isEncrypted)
            state.lines.append(line)
            return line
        }
        show(line)
    }

    // MARK: - Text

    /// `AUTH PLAIN ****`, and stars alone for what follows.
    private static func masked(_ line: String) -> String {
        let words = line.split(separator: " ")
        guard words.first?.uppercased() == "AUTH" else { return "****" }
        return words.prefix(2).joined(separator: " ") + (words.count > 2 ? " ****" : "")
    }

    private static func text(_ line: ArraySlice<UInt8>) -> String {
        let line = line.last == 13 ? line.dropLast() : line
        return Printable.text(String(decoding: line.prefix(maxLine), as: UTF8.self))
    }
}

private func base64(_ text: String) -> String { String(decoding: Base64.encode(Array(text.utf8)), as: UTF8.self) }

extension [ArraySlice<UInt8>] {
    /// Bytes that end in a line feed have nothing behind it.
    fileprivate func dropLastIfEmpty() -> ArraySlice<Element> { last?.isEmpty == true ? dropLast() : self[...] }
}

/// Text from outside, safe on a terminal.
enum Printable {
    /// Control characters and marks that turn the direction of writing become `?`.
    static func text(_ text: String) -> String {
        String(
            String.UnicodeScalarView(
                text.unicodeScalars.map { scalar in
                    switch scalar.value {
                    case 0..<0x20, 0x7F..<0xA0, 0x200E, 0x200F, 0x2028...0x202E, 0x2066...0x2069: "?"
                    default: scalar
                    }
                }
            )
        )
    }
}
