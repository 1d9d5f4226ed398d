// SPDX-License-Identifier: Apache-2.0

/// A reply that another server gave us.
///
/// Its text is that server's and may say anything.
package struct RemoteReply: Sendable, Hashable {
    /// An enhanced status code with its class (RFC 3463).
    package struct Enhanced: Sendable, Hashable {
        package let `class`: Int
        package let status: EnhancedStatus

        package init(class: Int, status: EnhancedStatus) {
            self.class = `class`
            self.status = status
        }

        /// The code as text, such as `5.1.1`.
        package var text: String { "\(`class`).\(status.subject).\(status.detail)" }
    }

    /// The basic code, 200...599.
    package let code: Int
    /// The enhanced code of the last line, if it has one whose class agrees with ``code``.
    package let enhanced: Enhanced?
    /// The text of each line without codes, control characters replaced by `?`, at most 2,048 octets each.
    ///
    /// May hold addresses: untrusted and private.
    package let lines: [String]

    package init(code: Int, enhanced: Enhanced? = nil, lines: [String] = [""]) {
        self.code = min(max(code, 200), 599)
        self.enhanced = enhanced
        self.lines = lines
    }

    package var isSuccess: Bool { code < 300 }
    package var isIntermediate: Bool { (300..<400).contains(code) }
    package var isTransientFailure: Bool { (400..<500).contains(code) }
    package var isPermanentFailure: Bool { code >= 500 }

    /// The enhanced code, or `X.0.0` of the basic code's class.
    package var statusText: String { enhanced?.text ?? "\(code / 100).0.0" }
}

extension RemoteReply: CustomStringConvertible, CustomDebugStringConvertible, CustomReflectable {
    /// The codes alone.
    package var description: String { enhanced.map { "\(code) \($0.text)" } ?? "\(code)" }
    package var debugDescription: String { description }
    package var customMirror: Mirror { Mirror(self, children: EmptyCollection<Mirror.Child>()) }
}
