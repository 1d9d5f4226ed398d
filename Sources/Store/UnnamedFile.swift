// SPDX-License-Identifier: Apache-2.0

import Crypto
import Foundation
import Glibc
import Mail
import Vault

/// A file without a name, sealed under a key that exists only in this object: gone, and unreadable, when the object is.
///
/// Chunks of 64 KiB, each sealed with its index and whether it is the last. One writer; then any number of readers.
final class UnnamedFile: Sendable {
    private let descriptor: Int32
    private let key = RecordKey(SymmetricKey(size: .bits256))
    private static let stride = ChunkRow.size + RecordKey.overhead

    init(directory: String) throws(StoreError) {
        // glibc's O_TMPFILE, which Swift's module leaves out: __O_TMPFILE | O_DIRECTORY.
        let unnamed: Int32 = 0o20_000_000 | O_DIRECTORY
        let opened = unsafe open(directory, unnamed | O_RDWR | O_CLOEXEC, 0o600)
        if opened >= 0 {
            descriptor = opened
            return
        }
        // A file system without O_TMPFILE: a name for the blink of an eye.
        let path = directory + "/.spool-" + MessageID().text
        descriptor = unsafe open(path, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0o600)
        guard descriptor >= 0 else { throw errno == ENOSPC ? .full : .io("spool") }
        unsafe unlink(path)
    }

    deinit { close(descriptor) }

    func write(_ bytes: ArraySlice<UInt8>, index: Int, isLast: Bool) throws(StoreError) {
        let sealed = key.seal(bytes, context: Self.context(index, isLast))
        var done = 0
        while done < sealed.count {
            let written = unsafe sealed.withUnsafeBytes { buffer in
                unsafe pwrite(
                    descriptor,
                    buffer.baseAddress.map { unsafe $0 + done },
                    sealed.count - done,
                    off_t(index * Self.stride + done)
                )
            }
            if written < 0 && errno == EINTR { continue }
            guard written > 0 else { throw errno == ENOSPC || errno == EDQUOT || errno == EFBIG ? .full : .io("spool") }
            done += written
        }
    }

    /// One chunk, in clear.
    func read(index: Int, isLast: Bool) throws(StoreError) -> [UInt8] {
        var sealed = Data(count: Self.stride)
        var done = 0
        while done < Self.stride {
            let got = unsafe sealed.withUnsafeMutableBytes { buffer in
                unsafe pread(
                    descriptor,
                    buffer.baseAddress.map { unsafe $0 + done },
                    Self.stride - done,
                    off_t(index * Self.stride + done)
                )
            }
            if got < 0 && errno == EINTR { continue }
            guard got >= 0 else { throw .io("spool") }
            if got == 0 { break }
            done += got
        }
        do throws(VaultError) {
            return try key.open(sealed.prefix(done), context: Self.context(index, isLast))
        } catch {
            throw .damaged
        }
    }

    private static func context(_ index: Int, _ isLast: Bool) -> [UInt8] {
        Array("spool \(index) \(isLast)".utf8)
    }
}
