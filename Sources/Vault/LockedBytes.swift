// SPDX-License-Identifier: Apache-2.0

import Glibc

/// Secret bytes in memory that is locked against swapping, left out of core dumps and overwritten at the end.
///
/// It has no description and an empty mirror. The bytes are written once, in the initializer, and only read afterwards.
@safe package final class LockedBytes: Sendable {
    // Invariant: set once before the object is shared, never changed, freed only in `deinit`; the memory is read-only
    // to everybody after `init` returns. So sharing the address between threads is sound.
    private nonisolated(unsafe) let base: UnsafeMutableRawPointer
    private let mappedBytes: Int

    package let count: Int
    /// Whether the kernel agreed to lock the memory (`RLIMIT_MEMLOCK` may forbid it).
    package let isLocked: Bool

    /// `count` bytes, zero at first, which `fill` writes.
    ///
    /// Throws ``VaultError/system(_:)`` when there is no memory, and whatever `fill` throws, with the bytes wiped.
    package init(count: Int, fill: (inout MutableRawSpan) throws(VaultError) -> Void) throws(VaultError) {
        let page = max(4096, Int(sysconf(Int32(_SC_PAGESIZE))))
        let bytes = max(1, (max(0, count) + page - 1) / page) * page
        let mapped = unsafe mmap(nil, bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0)
        guard let mapped = unsafe mapped, unsafe mapped != MAP_FAILED else { throw .system(errno) }
        self.isLocked = unsafe mlock(mapped, bytes) == 0
        unsafe madvise(mapped, bytes, MADV_DONTDUMP)
        unsafe self.base = mapped
        self.mappedBytes = bytes
        self.count = max(0, count)
        var span = unsafe MutableRawSpan(_unsafeStart: mapped, byteCount: self.count)
        try fill(&span)
    }

    /// Random bytes from the system's generator.
    package static func random(count: Int) throws(VaultError) -> LockedBytes {
        try LockedBytes(count: count) { span throws(VaultError) in
            var generator = SystemRandomNumberGenerator()
            unsafe span.withUnsafeMutableBytes { buffer in
                for index in buffer.indices { unsafe buffer[index] = generator.next() }
            }
        }
    }

    /// A copy of `bytes`; the caller's own copy stays the caller's to wipe.
    package convenience init(copying bytes: some Sequence<UInt8>, count: Int) throws(VaultError) {
        try self.init(count: count) { span throws(VaultError) in
            unsafe span.withUnsafeMutableBytes { buffer in
                var index = 0
                for byte in bytes where index < buffer.count {
                    unsafe buffer[index] = byte
                    index += 1
                }
            }
        }
    }

    package convenience init(copying bytes: [UInt8]) throws(VaultError) {
        try self.init(copying: bytes, count: bytes.count)
    }

    /// Lends the bytes; no pointer may leave `body`.
    package func withBytes<Result>(_ body: (UnsafeRawBufferPointer) throws -> Result) rethrows -> Result {
        try unsafe body(UnsafeRawBufferPointer(start: base, count: count))
    }

    /// A copy in ordinary memory, for a secret that has to leave this process.
    package func copy() -> [UInt8] { unsafe withBytes { unsafe Array($0) } }

    deinit {
        unsafe explicit_bzero(base, mappedBytes)
        unsafe munmap(base, mappedBytes)
    }
}

extension LockedBytes: CustomReflectable {
    package var customMirror: Mirror { Mirror(self, children: EmptyCollection<Mirror.Child>()) }
}
