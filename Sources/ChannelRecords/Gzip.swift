// SPDX-License-Identifier: Apache-2.0

import CZlib

/// Gzip (RFC 1952) of what lies in memory.
package enum Gzip {
    package enum Flaw: Error, Sendable, Hashable {
        case damaged
        /// It unpacks to more than is wanted.
        case tooLarge
    }

    /// Window bits of the largest window, and the mark by which zlib writes and reads gzip's header.
    private static let windowBits: CInt = 15 + 16
    private static let chunk = 65_536

    /// Nil when the library has no memory.
    package static func packed(_ bytes: [UInt8]) -> [UInt8]? {
        var stream = unsafe z_stream()
        let size = unsafe CInt(MemoryLayout<z_stream>.size)
        let started = unsafe deflateInit2_(
            &stream,
            Z_DEFAULT_COMPRESSION,
            Z_DEFLATED,
            windowBits,
            8,
            Z_DEFAULT_STRATEGY,
            ZLIB_VERSION,
            size
        )
        guard started == Z_OK else { return nil }
        defer { unsafe deflateEnd(&stream) }
        let output = unsafe run(&stream, over: bytes, limit: .max) { unsafe deflate($0, Z_FINISH) }
        return try? output.get()
    }

    /// What `bytes` hold, at most `limit`; what follows the first member is left out.
    package static func unpacked(_ bytes: [UInt8], limit: Int) throws(Flaw) -> [UInt8] {
        var stream = unsafe z_stream()
        let size = unsafe CInt(MemoryLayout<z_stream>.size)
        guard unsafe inflateInit2_(&stream, windowBits, ZLIB_VERSION, size) == Z_OK else { throw .damaged }
        defer { unsafe inflateEnd(&stream) }
        return try unsafe run(&stream, over: bytes, limit: limit) { unsafe inflate($0, Z_NO_FLUSH) }.get()
    }

    /// Drives the library until the stream ends.
    private static func run(
        _ stream: inout z_stream,
        over bytes: [UInt8],
        limit: Int,
        _ step: (UnsafeMutablePointer<z_stream>) -> CInt
    ) -> Result<[UInt8], Flaw> {
        var input = bytes
        var piece = [UInt8](repeating: 0, count: chunk)
        var output: [UInt8] = []
        guard let length = UInt32(exactly: input.count) else { return .failure(.tooLarge) }
        return unsafe input.withUnsafeMutableBufferPointer { input in
            unsafe stream.next_in = input.baseAddress
            unsafe stream.avail_in = length
            while true {
                let (status, made) = unsafe piece.withUnsafeMutableBufferPointer { piece in
                    unsafe stream.next_out = piece.baseAddress
                    unsafe stream.avail_out = UInt32(piece.count)
                    let status = unsafe step(&stream)
                    return (status, unsafe piece.count - Int(stream.avail_out))
                }
                guard output.count + made <= limit else { return .failure(.tooLarge) }
                output += piece[..<made]
                if status == Z_STREAM_END { return .success(output) }
                // Without progress the stream is cut off.
                guard status == Z_OK, made > 0 else { return .failure(.damaged) }
            }
        }
    }
}
