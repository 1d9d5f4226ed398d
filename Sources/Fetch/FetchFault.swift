// SPDX-License-Identifier: Apache-2.0

package import ChannelPolicy
import Privacy

/// Why nothing was fetched.
package enum FetchFault: Error, Sendable, Hashable, FixedWord {
    case url(FetchURL.Flaw)
    /// The caller allows no such port.
    case port
    case lookupFailed
    /// The answer fails DNSSEC.
    case bogus
    case noAddress
    /// The host has addresses, none of which may be connected to.
    case forbiddenAddress
    case unreachable
    case timedOut
    case handshake
    case unproven(ProofFault)
    case brokenOff
    /// No HTTP, or HTTP that breaks its own rules.
    case malformed
    case headerTooLarge
    case tooLarge
    /// Compressed, or sent in another coding that was not asked for.
    case encoded
    case tooManyRedirects
    case redirect(FetchURL.Flaw)
    /// A redirect without a place, or to another host where the caller wants the same.
    case redirectElsewhere
    case cancelled
    /// This machine can't make a TLS context.
    case noTLS

    package var text: String {
        switch self {
        case .url(let flaw): flaw.text
        case .port: "the URL's port is not 443"
        case .lookupFailed: "the host can't be looked up"
        case .bogus: "the host's addresses fail DNSSEC"
        case .noAddress: "the host has no address"
        case .forbiddenAddress: "the host's addresses are none of the public internet"
        case .unreachable: "the host can't be reached"
        case .timedOut: "the host did not answer in time"
        case .handshake: "the TLS handshake failed"
        case .unproven(let fault): fault.text
        case .brokenOff: "the answer broke off"
        case .malformed: "the answer is no valid HTTP"
        case .headerTooLarge: "the answer's header is too large"
        case .tooLarge: "the answer is too large"
        case .encoded: "the answer is compressed or encoded"
        case .tooManyRedirects: "there were too many redirects"
        case .redirect(let flaw): "a redirect can't be followed: \(flaw.text)"
        case .redirectElsewhere: "a redirect leads nowhere, or to another host"
        case .cancelled: "it was cancelled"
        case .noTLS: "this machine can't set up TLS"
        }
    }

    package var fixedWord: StaticString {
        switch self {
        case .url, .port: "bad-url"
        case .lookupFailed: "lookup-failed"
        case .bogus: "bogus-dns"
        case .noAddress: "no-address"
        case .forbiddenAddress: "forbidden-address"
        case .unreachable: "unreachable"
        case .timedOut: "timed-out"
        case .handshake, .noTLS: "handshake"
        case .unproven(let fault): fault.fixedWord
        case .brokenOff: "broken-off"
        case .malformed: "malformed"
        case .headerTooLarge: "header-too-large"
        case .tooLarge: "too-large"
        case .encoded: "encoded"
        case .tooManyRedirects, .redirect, .redirectElsewhere: "redirect"
        case .cancelled: "cancelled"
        }
    }
}
