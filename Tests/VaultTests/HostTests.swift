// SPDX-License-Identifier: Apache-2.0

import Foundation
import Testing

@testable import Vault

@Suite("Swap, hardening and where a passphrase comes from")
struct HostTests {
    private static let header = "Filename\t\t\t\tType\t\tSize\t\tUsed\t\tPriority\n"

    @Test("/proc/swaps is read, escapes included")
    func swaps() {
        let text =
            Self.header + "/dev/dm-1                               partition\t999420\t0\t-2\n"
            + "/var/swap\\040file\\011x                      file\t1024\t0\t-3\n"
        #expect(SwapReport.devices(text) == ["/dev/dm-1", "/var/swap file\tx"])
        #expect(SwapReport.devices(Self.header).isEmpty)
        #expect(SwapReport.devices("").isEmpty)
        #expect(SwapReport.devices(Self.header + "/a\\04").count == 1)
    }

    @Test(
        "the worst device decides: dm-crypt is encrypted, zram alone is no swap, all else is plain",
        arguments: [
            (["/dev/zram0"], SwapState.none),
            (["/dev/zram0", "/dev/dm-1"], .encryptedOnly),
            (["/dev/dm-1"], .encryptedOnly),
            (["/dev/dm-2"], .encryptedOnly),
            (["/dev/dm-3"], .plain(device: "/dev/dm-3")),
            (["/dev/dm-1", "/dev/vda2"], .plain(device: "/dev/vda2")),
            (["/swapfile"], .plain(device: "/swapfile")),
            (["/dev/zram1"], .plain(device: "/dev/vda2")),
            (["/dev/dm-9"], .plain(device: "/dev/dm-9")),
        ]
    )
    func judging(swaps: [String], expected: SwapState) {
        let devices: [String: SwapReport.Device] = [
            "/dev/dm-1": .init(path: "/dev/dm-1", mapperUUID: "CRYPT-PLAIN-swap\n"),
            "/dev/dm-2": .init(path: "/dev/dm-2", mapperUUID: "LVM-abc\n", below: ["/dev/dm-1"]),
            "/dev/dm-3": .init(path: "/dev/dm-3", mapperUUID: "LVM-abc\n", below: ["/dev/dm-1", "/dev/vda2"]),
            "/dev/zram0": .init(path: "/dev/zram0", backing: "none\n"),
            "/dev/zram1": .init(path: "/dev/zram1", backing: "/dev/vda2\n"),
            "/dev/dm-9": .init(path: "/dev/dm-9", below: ["/dev/dm-9"]),
        ]
        #expect(SwapReport.judge(swaps) { devices[$0] ?? .init(path: $0) } == expected)
    }

    @Test("a unit with MemorySwapMax=0 is seen through its control group")
    func controlGroups() {
        #expect(SwapReport.unifiedGroup("0::/system.slice/postern.service\n") == "/system.slice/postern.service")
        #expect(SwapReport.unifiedGroup("12:cpu:/x\n1:name=systemd:/y\n") == nil)
        #expect(SwapReport.swapForbidden(limits: ["max\n", "0\n"]))
        #expect(!SwapReport.swapForbidden(limits: ["max\n", "1048576\n"]))
        #expect(!SwapReport.swapForbidden(limits: []))
    }

    @Test("after hardening the process has no core and is not dumpable")
    func hardening() {
        #expect(ProcessHardening.apply() == .init(notDumpable: true, noCore: true))
        // Other tests of this process look into /proc/self, which only a dumpable process may do without being root.
        #expect(ProcessHardening.setDumpable(true))
    }

    @Test("one line end is not part of a passphrase; an empty or enormous one is refused")
    func trimming() throws {
        func text(_ bytes: LockedBytes) -> String {
            unsafe bytes.withBytes { unsafe String(decoding: $0, as: UTF8.self) }
        }
        #expect(text(try PassphraseSource.trimmed(Array("a b\n".utf8))) == "a b")
        #expect(text(try PassphraseSource.trimmed(Array("a b\r\n".utf8))) == "a b")
        #expect(text(try PassphraseSource.trimmed(Array("a\n\n".utf8))) == "a\n")
        #expect(text(try PassphraseSource.trimmed(Array("a\r".utf8))) == "a\r")
        #expect(throws: VaultError.badPassphrase) { try PassphraseSource.trimmed([10]) }
        #expect(throws: VaultError.badPassphrase) { try PassphraseSource.trimmed([UInt8](repeating: 65, count: 4097)) }
    }

    @Test("a passphrase file that every user may read is refused, a missing one says so")
    func passphraseFile() throws {
        let path = FileManager.default.temporaryDirectory.path + "/postern-pass-\(UUID().uuidString)"
        defer { try? FileManager.default.removeItem(atPath: path) }
        #expect(throws: VaultError.noPassphrase) { try PassphraseSource.file(path).read() }
        _ = FileManager.default.createFile(
            atPath: path,
            contents: Data("horse\n".utf8),
            attributes: [.posixPermissions: 0o644]
        )
        #expect(throws: VaultError.secretReadableByAll) { try PassphraseSource.file(path).read() }
        try FileManager.default.setAttributes([.posixPermissions: 0o600], ofItemAtPath: path)
        #expect(try PassphraseSource.file(path).read().count == 5)
        #expect(try PassphraseSource.keyFile(path).count == 6)
    }
}
