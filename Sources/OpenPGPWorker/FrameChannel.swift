// SPDX-License-Identifier: Apache-2.0

import Glibc
import OpenPGP

/// Frames over standard input and output; see ``WorkerProtocol``.
///
/// Whatever goes wrong ends the process.
final class FrameChannel {
    struct Frame {
        let kind: WorkerProtocol.Kind
        let body: [UInt8]
    }

    /// `nil` when the gateway has closed its end.
    func receive() -> Frame? {
        guard let header = read(5) else { return nil }
        let count = Int(WorkerProtocol.number(header.dropFirst()))
        guard let kind = WorkerProtocol.Kind(rawValue: header[0]), count <= WorkerProtocol.maxFrameBytes,
            let body = read(count)
        else { exit(1) }
        return Frame(kind: kind, body: body)
    }

    func send(_ kind: WorkerProtocol.Kind, _ body: [UInt8]) {
        let bytes = WorkerProtocol.header(kind, count: body.count) + body
        var written = 0
        while written < bytes.count {
            let count = unsafe bytes.withUnsafeBytes { buffer in
                unsafe write(1, buffer.baseAddress?.advanced(by: written), buffer.count - written)
            }
            if count > 0 {
                written += count
            } else if errno != EINTR {
                exit(1)
            }
        }
    }

    func endUnfit(version: UInt32, reason: UInt8) -> Never {
        send(.unfit, WorkerProtocol.bigEndian(version) + [reason])
        exit(1)
    }

    private func read(_ count: Int) -> [UInt8]? {
        var bytes = [UInt8](repeating: 0, count: count)
        var done = 0
        while done < count {
            let more = unsafe bytes.withUnsafeMutableBytes { buffer in
                unsafe Glibc.read(0, buffer.baseAddress?.advanced(by: done), buffer.count - done)
            }
            if more > 0 {
                done += more
            } else if more == 0 {
                return nil
            } else if errno != EINTR {
                exit(1)
            }
        }
        return bytes
    }
}
