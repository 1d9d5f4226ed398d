// SPDX-License-Identifier: Apache-2.0

import OpenPGP

/// Between librnp's callbacks and the gateway: asks for plaintext when librnp wants some, passes ciphertext on.
final class PlaintextStream {
    private let channel: FrameChannel
    private var chunk: [UInt8] = []
    private var used = 0
    private var isAtEnd = false

    init(_ channel: FrameChannel) { self.channel = channel }

    /// Fills `target`, or as much as there is; 0 at the end, `nil` when the gateway broke off.
    fileprivate func read(into target: UnsafeMutableRawBufferPointer) -> Int? {
        if used == chunk.count, !isAtEnd {
            channel.send(.need, [])
            guard let frame = channel.receive(), frame.kind == .plaintext else { return nil }
            chunk = frame.body
            used = 0
            isAtEnd = chunk.isEmpty
        }
        let count = min(target.count, chunk.count - used)
        unsafe target.copyBytes(from: chunk[used..<(used + count)])
        used += count
        return count
    }

    fileprivate func write(_ bytes: UnsafeRawBufferPointer) {
        var start = 0
        while start < bytes.count {
            let end = min(bytes.count, start + WorkerProtocol.chunkBytes)
            channel.send(.ciphertext, unsafe [UInt8](bytes[start..<end]))
            start = end
        }
    }
}

/// librnp's reader (`rnp_input_reader_t`).
func readPlaintext(
    _ owner: UnsafeMutableRawPointer?,
    _ target: UnsafeMutableRawPointer?,
    _ count: Int,
    _ read: UnsafeMutablePointer<Int>?
) -> Bool {
    guard let owner = unsafe owner, let target = unsafe target, let read = unsafe read else { return false }
    let stream = unsafe Unmanaged<PlaintextStream>.fromOpaque(owner).takeUnretainedValue()
    guard let done = unsafe stream.read(into: UnsafeMutableRawBufferPointer(start: target, count: count)) else {
        return false
    }
    unsafe read.pointee = done
    return true
}

/// librnp's writer (`rnp_output_writer_t`).
func writeCiphertext(_ owner: UnsafeMutableRawPointer?, _ bytes: UnsafeRawPointer?, _ count: Int) -> Bool {
    guard let owner = unsafe owner, let bytes = unsafe bytes else { return false }
    let stream = unsafe Unmanaged<PlaintextStream>.fromOpaque(owner).takeUnretainedValue()
    unsafe stream.write(UnsafeRawBufferPointer(start: bytes, count: count))
    return true
}
