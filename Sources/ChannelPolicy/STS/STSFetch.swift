// SPDX-License-Identifier: Apache-2.0

/// What fetching a policy file came to (RFC 8461 §3.3).
package enum STSFetch: Sendable, Hashable {
    case policy(STSPolicy)
    case failed(Failure)

    package enum Failure: Error, Sendable, Hashable {
        /// The policy host has no address, or none that may be used.
        case noAddress
        case unreachable
        case timedOut
        /// The policy host's certificate or TLS failed.
        case notProven
        /// Any status but 200; redirects are never followed.
        case status(Int)
        /// Not `text/plain`.
        case mediaType
        /// The answer is no HTTP, or breaks off.
        case malformed
        case flawed(STSPolicy.Flaw)

        package var text: String {
            switch self {
            case .noAddress: "the policy host has no usable address"
            case .unreachable: "the policy host can't be reached"
            case .timedOut: "the policy host did not answer in time"
            case .notProven: "the policy host's certificate does not hold"
            case .status(let code): "the policy host answered \(code)"
            case .mediaType: "the policy host sent something else than text/plain"
            case .malformed: "the policy host's answer can't be read"
            case .flawed(let flaw): flaw.text
            }
        }
    }

    /// Judges a whole answer.
    package init(status: Int, contentType: String?, body: [UInt8]) {
        guard status == 200 else {
            self = .failed(.status(status))
            return
        }
        guard STSFetch.isPlainText(contentType) else {
            self = .failed(.mediaType)
            return
        }
        do throws(STSPolicy.Flaw) {
            self = .policy(try STSPolicy(parsing: body))
        } catch {
            self = .failed(.flawed(error))
        }
    }

    /// Where a domain's policy lies.
    package static func url(_ domain: String) -> String { "https://mta-sts.\(domain)/.well-known/mta-sts.txt" }

    private static func isPlainText(_ contentType: String?) -> Bool {
        guard let type = contentType?.utf8.prefix(while: { $0 != UInt8(ascii: ";") }) else { return false }
        return TaggedText.trimmed(Array(type)[...]).elementsEqual("text/plain".utf8) { left, right in
            ((0x41...0x5a).contains(left) ? left | 0x20 : left) == right
        }
    }
}
