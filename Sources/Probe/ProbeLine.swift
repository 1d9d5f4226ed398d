// SPDX-License-Identifier: Apache-2.0

/// One line of what happened, as swaks would write it.
package struct ProbeLine: Sendable, Hashable, Encodable {
    package enum Kind: String, Sendable, Hashable, Encodable {
        /// What the probe has to say, and what keeps it from going on.
        case note, fault
        case said, heard
        /// A reply that refuses.
        case refused
    }

    package let kind: Kind
    /// It went through TLS.
    package let isEncrypted: Bool
    package let text: String

    init(_ kind: Kind, _ text: String, isEncrypted: Bool = false) {
        self.kind = kind
        self.isEncrypted = isEncrypted
        self.text = text
    }

    package var shown: String { mark + " " + text }

    private var mark: String {
        switch (kind, isEncrypted) {
        case (.note, _): "==="
        case (.fault, _): "***"
        case (.said, false): " ->"
        case (.said, true): " ~>"
        case (.heard, false): "<- "
        case (.heard, true): "<~ "
        case (.refused, false): "<**"
        case (.refused, true): "<~*"
        }
    }
}
