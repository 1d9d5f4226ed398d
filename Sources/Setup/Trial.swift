// SPDX-License-Identifier: Apache-2.0

/// One thing that `postern check` tried, and how it went.
package struct Trial: Sendable, Encodable {
    package enum State: String, Sendable, Encodable {
        case ok
        case fault
        /// It can't be told from here.
        case unknown
    }

    /// The kind: `port`, `certificate`, `next hop`, `sign-in`, `dns`, `data`, `vault`, `secret`.
    package let what: String
    /// The one that was tried: an address and port, a file, a name.
    package let subject: String
    package let state: State
    package let detail: String
    /// What to do; nil when all is well.
    package let remedy: String?

    static func ok(_ what: String, _ subject: String, _ detail: String) -> Trial {
        Trial(what: what, subject: subject, state: .ok, detail: detail, remedy: nil)
    }

    static func fault(_ what: String, _ subject: String, _ detail: String, remedy: String) -> Trial {
        Trial(what: what, subject: subject, state: .fault, detail: detail, remedy: remedy)
    }

    static func unknown(_ what: String, _ subject: String, _ detail: String, remedy: String? = nil) -> Trial {
        Trial(what: what, subject: subject, state: .unknown, detail: detail, remedy: remedy)
    }
}
