// SPDX-License-Identifier: Apache-2.0

import Delivery
package import Dial
import NIOCore
import NIOPosix
import SMTPWire

/// A host and a port, as they are typed: `mx.example.org`, `mx.example.org:587`, `192.0.2.1:25`, `[2001:db8::1]:25`.
package struct ProbePlace: Sendable, Hashable {
    package let host: String
    /// Nil when none was typed.
    package let port: Int?

    package init?(_ text: String) {
        var host = text[...]
        var port: Substring?
        if text.hasPrefix("["), let end = text.firstIndex(of: "]") {
            host = text[text.index(after: text.startIndex)..<end]
            let rest = text[text.index(after: end)...]
            guard rest.isEmpty || rest.hasPrefix(":") else { return nil }
            if !rest.isEmpty { port = rest.dropFirst() }
            guard IPAddress(String(host))?.isIPv4 == false else { return nil }
        } else if text.count(where: { $0 == ":" }) == 1, let colon = text.firstIndex(of: ":") {
            host = text[..<colon]
            port = text[text.index(after: colon)...]
        }
        let isName = host.utf8.allSatisfy { $0 > 0x20 && $0 < 0x7F && $0 != UInt8(ascii: ":") }
        guard !host.isEmpty, host.utf8.count <= 255, isName || IPAddress(String(host)) != nil else { return nil }
        self.host = String(host)
        guard let port else {
            self.port = nil
            return
        }
        guard let number = Int(port), (1...65_535).contains(number) else { return nil }
        self.port = number
    }

    /// The proxy that listens here, with credentials for one destination, which Tor gives a circuit of its own; nil when the
    /// name has no address.
    package func proxy(for destination: String) async -> SOCKSProxy? {
        let addresses = IPAddress(host).map { [$0] } ?? []
        let found = addresses.isEmpty ? await SystemHosts.addresses(of: host, on: .singleton) : addresses
        guard let first = found.first,
            let address = try? SocketAddress(packedIPAddress: ByteBuffer(bytes: first.bytes), port: port ?? 9050)
        else { return nil }
        var isolation = SOCKSIsolation()
        return SOCKSProxy(address, signIn: .whereTaken(isolation.credentials(for: destination.lowercased())))
    }
}
