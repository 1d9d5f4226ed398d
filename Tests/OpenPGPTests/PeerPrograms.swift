// SPDX-License-Identifier: Apache-2.0

import Foundation
import TestSupport
import Testing

/// gpg, sq and rnp with the secret key of one fixture, in a directory of their own.
struct PeerPrograms: ~Copyable {
    let directory: URL

    init() throws {
        // Short, because gpg's agent puts a socket there.
        directory = URL(filePath: "/tmp/pk-\(UInt32.random(in: 0 ... .max))")
        try FileManager.default.createDirectory(
            at: directory,
            withIntermediateDirectories: true,
            attributes: [.posixPermissions: 0o700]
        )
    }

    deinit {
        _ = try? run("gpgconf", "--homedir", directory.path, "--kill", "all")
        try? FileManager.default.removeItem(at: directory)
    }

    func write(_ bytes: [UInt8], as name: String) throws -> String {
        let file = directory.appending(path: name)
        try Data(bytes).write(to: file)
        return file.path
    }

    func importIntoGPG(_ file: String) throws {
        try require("gpg", "--homedir", directory.path, "--batch", "--quiet", "--import", file)
    }

    func gpg(decrypting file: String) throws -> [UInt8] {
        let output = fresh()
        try require(
            "gpg",
            "--homedir",
            directory.path,
            "--batch",
            "--quiet",
            "--yes",
            "--output",
            output,
            "--decrypt",
            file
        )
        return try read(output)
    }

    func sq(decrypting file: String, with key: String) throws -> [UInt8] {
        let output = fresh()
        try require("sq", "decrypt", "--recipient-key", key, "--output", output, file)
        return try read(output)
    }

    func rnp(decrypting file: String, with key: String) throws -> [UInt8] {
        let output = fresh()
        try require("rnp", "--keyfile", key, "--password", "", "--output", output, "--overwrite", "--decrypt", file)
        return try read(output)
    }

    /// What gpg tells of a message's packets.
    func packets(in file: String) throws -> String {
        let listed = try run(
            "gpg",
            "--homedir",
            directory.path,
            "--batch",
            "--list-packets",
            "--verbose",
            "--debug",
            "0",
            "--show-session-key",
            file
        )
        return String(decoding: listed.output + listed.errors, as: UTF8.self)
    }

    private func fresh() -> String { directory.appending(path: UUID().uuidString).path }

    private func read(_ file: String) throws -> [UInt8] { [UInt8](try Data(contentsOf: URL(filePath: file))) }

    private func require(_ arguments: String...) throws {
        let result = try ChildProcess.run(arguments)
        try #require(result.status == 0, "\(arguments[0]): \(String(decoding: result.errors, as: UTF8.self))")
    }

    /// A program that is not installed fails the test.
    private func run(_ arguments: String...) throws -> ChildProcess.Outcome {
        try ChildProcess.run(arguments)
    }
}
