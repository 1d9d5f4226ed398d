// SPDX-License-Identifier: Apache-2.0

/// Why a SOCKS5 proxy gave no connection.
package enum SOCKSFailure: Error, Sendable, Hashable {
    /// The proxy wants to be spoken to in another way than by user and password.
    case noCommonMethod
    /// The proxy does not take this user and password.
    case signInRefused
    /// The proxy's own word, by its number.
    case refused(UInt8)
    /// What the proxy says is not SOCKS5.
    case malformed
    /// The proxy hung up.
    case lost
    case timedOut
    /// A host name that SOCKS5 cannot carry: empty, over 255 octets, or not ASCII.
    case unusableName

    /// In words, without a stop.
    package var text: String {
        switch self {
        case .noCommonMethod: "the proxy takes no user and password"
        case .signInRefused: "the proxy refuses the user and password"
        case .refused(let code): SOCKSFailure.texts[code] ?? "the proxy refuses with code \(code)"
        case .malformed: "the proxy does not speak SOCKS5"
        case .lost: "the proxy closed the connection"
        case .timedOut: "the proxy did not answer in time"
        case .unusableName: "the host's name can't be asked for through a proxy"
        }
    }

    /// RFC 1928 §6, and what Tor adds for onion services (`ExtendedErrors`, its proposal 304).
    private static let texts: [UInt8: String] = [
        0x01: "the proxy had a failure of its own", 0x02: "the proxy's rules do not allow the connection",
        0x03: "the network can't be reached from the proxy", 0x04: "the host can't be reached from the proxy",
        0x05: "the host refused the proxy's connection", 0x06: "the connection took too long on the way",
        0x07: "the proxy knows no CONNECT", 0x08: "the proxy does not take this kind of address",
        0xF0: "the onion service's descriptor can't be found", 0xF1: "the onion service's descriptor is invalid",
        0xF2: "the onion service can't be introduced to", 0xF3: "the rendezvous with the onion service failed",
        0xF4: "the onion service wants client authorization",
        0xF5: "the onion service refuses the client authorization",
        0xF6: "the onion address is invalid", 0xF7: "the introduction to the onion service took too long",
    ]
}
