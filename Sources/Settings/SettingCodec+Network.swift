// SPDX-License-Identifier: Apache-2.0

import Mail

extension SettingCodec where Value == NetworkRange {
    /// A block of addresses that is small enough to be somebody's own.
    static var network: SettingCodec {
        text("an address block", plural: "address blocks", example: "127.0.0.0/8") { text, node, reading in
            guard let range = NetworkRange(text) else {
                return reading.fail(
                    node,
                    "\(quoted(text)) is not an address block",
                    "write one such as \"127.0.0.0/8\" or \"::1\", with no bits set after the prefix"
                )
            }
            guard range.prefixLength >= (range.base.count == 4 ? 8 : 7) else {
                return reading.fail(
                    node,
                    "\(quoted(text)) would make strangers' machines ours, and this an open relay",
                    "list only the networks of your own machines"
                )
            }
            return range
        } encode: {
            $0.description
        }
    }
}

extension SettingCodec where Value == Endpoint {
    static var relayHop: SettingCodec {
        text("a host and port", plural: "hosts and ports", example: "mail.example.org:25") { text, node, reading in
            EndpointText.parse(text).map { .tcp(host: $0.host, port: $0.port) }
                ?? reading.fail(
                    node,
                    "\(quoted(text)) is not a host and port",
                    "write them as \"mail.example.org:25\", \"192.0.2.1:25\" or \"[2001:db8::1]:25\""
                )
        } encode: {
            EndpointText.format($0)
        }
    }

    static var lmtpHop: SettingCodec {
        text("a host and port, or `unix:` and a path", plural: "hosts and ports", example: "unix:/run/dovecot/lmtp") {
            text,
            node,
            reading in
            if text.hasPrefix("unix:") {
                return FilePath.resolve(String(text.dropFirst(5)), in: reading.directory).map { .unix(path: $0) }
                    ?? reading.fail(node, "\(quoted(text)) has no path", "write it as \"unix:/run/dovecot/lmtp\"")
            }
            return EndpointText.parse(text).map { .tcp(host: $0.host, port: $0.port) }
                ?? reading.fail(
                    node,
                    "\(quoted(text)) is neither a socket nor a host and port",
                    "write it as \"unix:/run/dovecot/lmtp\" or \"127.0.0.1:24\""
                )
        } encode: {
            EndpointText.format($0)
        }
    }
}

extension SettingCodec where Value == Endpoint {
    /// Where a filter hands mail back to.
    static var filterHop: SettingCodec {
        text("a host and port, or `unix:` and a path", plural: "hosts and ports", example: "127.0.0.1:10026") {
            text,
            node,
            reading in
            if text.hasPrefix("unix:") {
                return FilePath.resolve(String(text.dropFirst(5)), in: reading.directory).map { .unix(path: $0) }
                    ?? reading.fail(node, "\(quoted(text)) has no path", "write it as \"unix:/run/server/lmtp\"")
            }
            return EndpointText.parse(text).map { .tcp(host: $0.host, port: $0.port) }
                ?? reading.fail(
                    node,
                    "\(quoted(text)) is neither a host and port nor a socket",
                    "write it as \"127.0.0.1:10026\" or \"unix:/run/server/lmtp\""
                )
        } encode: {
            EndpointText.format($0)
        }
    }
}

extension SettingCodec where Value == ResolverSettings.Server {
    static var resolver: SettingCodec {
        text("an IP address, with `@` and a port if it isn't 53", plural: "IP addresses", example: "127.0.0.1@5353") {
            text,
            node,
            reading in
            EndpointText.resolver(text)
                ?? reading.fail(
                    node,
                    "\(quoted(text)) is not a resolver's address",
                    "write it as \"127.0.0.1\" or \"127.0.0.1@5353\""
                )
        } encode: {
            $0.port == 53 ? $0.address : "\($0.address)@\($0.port)"
        }
    }
}

extension SettingCodec where Value == ResolverSettings.Stub {
    static var stub: SettingCodec {
        text("a zone, `=` and a resolver", plural: "zones with their resolvers", example: "example.org=127.0.0.1@5353")
        {
            text,
            node,
            reading in
            let parts = text.split(separator: "=", maxSplits: 1, omittingEmptySubsequences: false)
            guard parts.count == 2, let zone = Domain(String(parts[0])),
                let server = EndpointText.resolver(String(parts[1]))
            else {
                return reading.fail(
                    node,
                    "\(quoted(text)) is not a zone with its resolver",
                    "write it as \"example.org=127.0.0.1@5353\""
                )
            }
            return ResolverSettings.Stub(zone: zone, server: server)
        } encode: {
            "\($0.zone.wire)=\($0.server.address)@\($0.server.port)"
        }
    }
}

/// Hosts with ports, as text.
package enum EndpointText {
    package static func parse(_ text: String) -> (host: String, port: Int)? {
        guard let colon = text.lastIndex(of: ":"), let port = port(text[text.index(after: colon)...]) else {
            return nil
        }
        let host = String(text[..<colon])
        if host.hasPrefix("["), host.hasSuffix("]") {
            guard let bytes = IPText.parse(String(host.dropFirst().dropLast())), bytes.count == 16 else { return nil }
            return (IPText.format(bytes), port)
        }
        // More colons without brackets: where the address ends could only be guessed.
        guard !host.contains(":") else { return nil }
        if let bytes = IPText.parse(host) { return (IPText.format(bytes), port) }
        guard let name = Domain(host) else { return nil }
        return (name.wire, port)
    }

    static func resolver(_ text: String) -> ResolverSettings.Server? {
        let parts = text.split(separator: "@", maxSplits: 1, omittingEmptySubsequences: false)
        guard let first = parts.first, let bytes = IPText.parse(String(first)) else { return nil }
        guard parts.count == 2 else { return ResolverSettings.Server(address: IPText.format(bytes)) }
        return port(parts[1]).map { ResolverSettings.Server(address: IPText.format(bytes), port: $0) }
    }

    package static func format(_ endpoint: Endpoint) -> String {
        switch endpoint {
        case .unix(let path): "unix:\(path)"
        case .tcp(let host, let port): host.contains(":") ? "[\(host)]:\(port)" : "\(host):\(port)"
        }
    }

    private static func port(_ text: Substring) -> Int? {
        guard (1...5).contains(text.utf8.count), text.utf8.allSatisfy({ (48...57).contains($0) }), let port = Int(text),
            (1...65535).contains(port)
        else { return nil }
        return port
    }
}
