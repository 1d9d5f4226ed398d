// SPDX-License-Identifier: Apache-2.0

import Glibc

/// A file that the operator named; `-` is standard input.
enum InputFile {
    /// The whole of it, at most `limit` bytes.
    static func read(_ path: String, limit: Int) throws(CommandFailure) -> [UInt8] {
        if path == "-" { return try read(descriptor: STDIN_FILENO, named: "Standard input", limit: limit) }
        let descriptor = open(path, O_RDONLY | O_CLOEXEC)
        guard descriptor >= 0 else {
            throw errno == EACCES
                ? CommandFailure(.notAllowed, "\(path) may not be read by this user.")
                : CommandFailure(.inputMissing, "\(path) is not there, or can't be opened.")
        }
        defer { close(descriptor) }
        return try read(descriptor: descriptor, named: path, limit: limit)
    }

    private static func read(descriptor: Int32, named name: String, limit: Int) throws(CommandFailure) -> [UInt8] {
        var bytes: [UInt8] = []
        var chunk = [UInt8](repeating: 0, count: 65536)
        while true {
            let count = chunk.withUnsafeMutableBytes { Glibc.read(descriptor, $0.baseAddress, $0.count) }
            if count < 0 && errno == EINTR { continue }
            guard count >= 0 else { throw CommandFailure(.inputMissing, "\(name) can't be read; is it a directory?") }
            if count == 0 { return bytes }
            guard bytes.count + count <= limit else {
                throw CommandFailure(.refused, "\(name) is larger than \(limit >> 20) MiB; split it.")
            }
            bytes += chunk[..<count]
        }
    }
}
