// SPDX-License-Identifier: Apache-2.0

import Glibc
package import Mail

/// The name of this machine, and how it was found.
package struct HostName: Sendable, Encodable {
    /// The kernel's own name.
    package let short: String
    /// The full one; nil when no source has it.
    package let full: String?
    /// "the system", "/etc/mailname", "Postfix": who says so.
    package let source: String?

    /// Nil when there is none that could be a gateway's.
    package var domain: Domain? { full.flatMap(Domain.init) }

    /// Asks the kernel, the resolver (as `hostname --fqdn` does), `/etc/mailname`, and Postfix.
    ///
    /// Blocks for as long as the resolver does.
    static func find(postfixName: String?) -> HostName {
        let short = kernelName()
        let candidates: [(name: () -> String?, source: String)] = [
            ({ short }, "the kernel"),
            ({ canonicalName(of: short) }, "the resolver"),
            ({ TextFile.firstLine("/etc/mailname") }, "/etc/mailname"),
            ({ postfixName }, "Postfix"),
        ]
        for candidate in candidates {
            guard let name = candidate.name(), isFull(name) else { continue }
            return HostName(short: short, full: name, source: candidate.source)
        }
        return HostName(short: short, full: nil, source: nil)
    }

    /// Has a dot, is a domain, and is none of the names that every machine has.
    static func isFull(_ name: String) -> Bool {
        let name = name.lowercased()
        guard name.contains("."), Domain(name) != nil else { return false }
        return !["localhost", "localdomain", "local", "internal", "lan", "home", "invalid"].contains(
            name.split(separator: ".").last.map { String($0) } ?? ""
        )
    }

    private static func kernelName() -> String {
        var bytes = [CChar](repeating: 0, count: 256)
        guard gethostname(&bytes, 255) == 0 else { return "localhost" }
        return String(decoding: bytes.prefix { $0 != 0 }.map { UInt8(bitPattern: $0) }, as: UTF8.self)
    }

    private static func canonicalName(of name: String) -> String? {
        var hints = addrinfo()
        hints.ai_flags = AI_CANONNAME
        hints.ai_socktype = Int32(SOCK_STREAM.rawValue)
        var list: UnsafeMutablePointer<addrinfo>?
        guard getaddrinfo(name, nil, &hints, &list) == 0 else { return nil }
        defer { freeaddrinfo(list) }
        return list?.pointee.ai_canonname.map { String(cString: $0) }
    }
}

/// Small text files.
enum TextFile {
    /// At most a megabyte; nil when it can't be read.
    static func read(_ path: String) -> String? {
        let descriptor = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK)
        guard descriptor >= 0 else { return nil }
        defer { close(descriptor) }
        var bytes: [UInt8] = []
        var block = [UInt8](repeating: 0, count: 16_384)
        while bytes.count < 1 << 20 {
            let count = block.withUnsafeMutableBytes { Glibc.read(descriptor, $0.baseAddress, $0.count) }
            guard count >= 0 else { return nil }
            if count == 0 { break }
            bytes += block.prefix(count)
        }
        return String(decoding: bytes, as: UTF8.self)
    }

    static func firstLine(_ path: String) -> String? {
        read(path)?.split(whereSeparator: \.isNewline).first.map { String($0) }
    }

    /// The names in a directory, sorted; none when it can't be read.
    static func names(in directory: String) -> [String] {
        guard let handle = opendir(directory) else { return [] }
        defer { closedir(handle) }
        var names: [String] = []
        while let entry = readdir(handle) {
            let name = withUnsafeBytes(of: &entry.pointee.d_name) { bytes in
                String(decoding: bytes.prefix { $0 != 0 }, as: UTF8.self)
            }
            if name != ".", name != ".." { names.append(name) }
        }
        return names.sorted()
    }
}
