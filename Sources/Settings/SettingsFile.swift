// SPDX-License-Identifier: Apache-2.0

import Glibc

/// Why a settings file can't be read.
struct FileReadError: Error {
    let problem: String
    let remedy: String
}

/// Bytes of a file that might be anything: a device, a directory, too much.
enum SettingsFile {
    /// The whole file, at most `limit` bytes.
    static func read(_ path: String, limit: Int) throws(FileReadError) -> [UInt8] {
        // Not blocking: a pipe without a writer would hold the start up for ever.
        let descriptor = unsafe open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK)
        guard descriptor >= 0 else { throw failure(errno) }
        defer { close(descriptor) }
        var facts = stat()
        guard unsafe fstat(descriptor, &facts) == 0 else { throw failure(errno) }
        guard facts.st_mode & S_IFMT == S_IFREG else {
            throw FileReadError(problem: "this is not a file", remedy: "name a settings file")
        }
        var bytes: [UInt8] = []
        var chunk = [UInt8](repeating: 0, count: 65536)
        while bytes.count <= limit {
            let count = unsafe chunk.withUnsafeMutableBytes { unsafe Glibc.read(descriptor, $0.baseAddress, $0.count) }
            if count < 0, errno == EINTR { continue }
            guard count >= 0 else { throw failure(errno) }
            if count == 0 { return bytes }
            bytes += chunk.prefix(count)
        }
        throw FileReadError(
            problem: "the file is larger than \(SizeText.format(limit))",
            remedy: "name a settings file"
        )
    }

    /// The process's working directory; the root when it is gone.
    static func workingDirectory() -> String {
        guard let path = unsafe getcwd(nil, 0) else { return "/" }
        defer { unsafe free(path) }
        return unsafe String(cString: path)
    }

    private static func failure(_ code: Int32) -> FileReadError {
        switch code {
        case ENOENT:
            FileReadError(
                problem: "there is no such file",
                remedy: "write one with postern init, or name another with --config"
            )
        case EACCES:
            FileReadError(
                problem: "the file may not be read",
                remedy: "give the user that runs postern the right to read it"
            )
        default:
            FileReadError(problem: "the file can't be read (error \(code))", remedy: "look at the path and the disk")
        }
    }
}
