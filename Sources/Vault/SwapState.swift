// SPDX-License-Identifier: Apache-2.0

import Glibc

/// Where the kernel may write this process's memory to.
package enum SwapState: Sendable, Equatable {
    /// Nowhere: no swap, only compressed memory, or a unit with `MemorySwapMax=0`.
    case none
    /// Only to devices that dm-crypt encrypts.
    case encryptedOnly
    /// To this device or file, in clear.
    case plain(device: String)

    /// What holds now, from `/proc/swaps`, `/sys/block` and this process's control group.
    package static func current() -> SwapState {
        let swaps = SwapReport.devices(readText("/proc/swaps") ?? "")
        guard !swaps.isEmpty, !SwapReport.swapForbidden(limits: ownSwapLimits()) else { return .none }
        return SwapReport.judge(swaps) { device in deviceFacts(device) }
    }

    /// `memory.swap.max` of this process's control group and of every group above it.
    private static func ownSwapLimits() -> [String] {
        guard var group = SwapReport.unifiedGroup(readText("/proc/self/cgroup") ?? "") else { return [] }
        var limits: [String] = []
        while !group.isEmpty && group != "/" {
            if let limit = readText("/sys/fs/cgroup" + group + "/memory.swap.max") { limits.append(limit) }
            group = String(group[..<(group.lastIndex(of: "/") ?? group.startIndex)])
        }
        return limits
    }

    private static func deviceFacts(_ path: String) -> SwapReport.Device {
        guard let name = blockName(path) else { return SwapReport.Device(path: path) }
        let base = "/sys/block/" + name
        return SwapReport.Device(
            path: "/dev/" + name,
            mapperUUID: readText(base + "/dm/uuid"),
            backing: readText(base + "/backing_dev"),
            below: listing(base + "/slaves").map { "/dev/" + $0 }
        )
    }

    /// `dm-3` for `/dev/mapper/swap`; nil for a swap file.
    private static func blockName(_ path: String) -> String? {
        guard let real = unsafe realpath(path, nil) else { return nil }
        defer { unsafe free(real) }
        guard let resolved = unsafe String(validatingCString: real), resolved.hasPrefix("/dev/") else { return nil }
        return String(resolved.dropFirst(5))
    }

    private static func listing(_ directory: String) -> [String] {
        guard let stream = unsafe opendir(directory) else { return [] }
        defer { unsafe closedir(stream) }
        var names: [String] = []
        while let entry = unsafe readdir(stream) {
            let name = unsafe withUnsafeBytes(of: entry.pointee.d_name) { bytes in
                unsafe String(decoding: bytes.prefix { $0 != 0 }, as: UTF8.self)
            }
            if name != "." && name != ".." { names.append(name) }
        }
        return names
    }
}

/// The pure half: reads what the kernel's files say.
package enum SwapReport {
    /// A block device as far as swap is concerned.
    package struct Device: Sendable {
        package var path: String
        /// `/sys/block/dm-N/dm/uuid`; begins `CRYPT-` for dm-crypt.
        package var mapperUUID: String?
        /// `/sys/block/zramN/backing_dev`: where compressed memory may be written on to.
        package var backing: String?
        /// What a mapped device (LVM, say) lies on.
        package var below: [String]

        package init(path: String, mapperUUID: String? = nil, backing: String? = nil, below: [String] = []) {
            self.path = path
            self.mapperUUID = mapperUUID
            self.backing = backing
            self.below = below
        }
    }

    /// The devices and files of `/proc/swaps`, `\040` and the like undone.
    package static func devices(_ swaps: String) -> [String] {
        swaps.split(separator: "\n").dropFirst().compactMap { line in
            line.split(whereSeparator: { $0 == " " || $0 == "\t" }).first.map { unescaped(String($0)) }
        }
    }

    /// The path in `0::/path`, the line of `/proc/self/cgroup` for control groups v2.
    package static func unifiedGroup(_ text: String) -> String? {
        for line in text.split(separator: "\n") where line.hasPrefix("0::") { return String(line.dropFirst(3)) }
        return nil
    }

    /// Whether any of the limits is zero.
    package static func swapForbidden(limits: [String]) -> Bool {
        limits.contains { $0.split(whereSeparator: \.isWhitespace) == ["0"] }
    }

    /// The worst of the devices decides.
    ///
    /// `facts` looks one up by its path.
    package static func judge(_ swaps: [String], facts: (String) -> Device) -> SwapState {
        var state = SwapState.none
        for swap in swaps {
            switch judge(swap, depth: 0, facts: facts) {
            case .plain(let device): return .plain(device: device)
            case .encryptedOnly: state = .encryptedOnly
            case .none: break
            }
        }
        return state
    }

    private static func judge(_ path: String, depth: Int, facts: (String) -> Device) -> SwapState {
        guard depth < 16 else { return .plain(device: path) }
        let device = facts(path)
        if device.path.hasPrefix("/dev/zram") {
            let backing =
                (device.backing ?? "none").split(whereSeparator: \.isWhitespace).first.map(String.init) ?? "none"
            return backing == "none" ? .none : judge(backing, depth: depth + 1, facts: facts)
        }
        if let uuid = device.mapperUUID, uuid.hasPrefix("CRYPT-") { return .encryptedOnly }
        guard !device.below.isEmpty else { return .plain(device: path) }
        for lower in device.below {
            if case .plain = judge(lower, depth: depth + 1, facts: facts) { return .plain(device: path) }
        }
        return .encryptedOnly
    }

    private static func unescaped(_ text: String) -> String {
        var bytes: [UInt8] = []
        var rest = Array(text.utf8)[...]
        while let byte = rest.popFirst() {
            let digits = rest.prefix(3)
            if byte == 92, digits.count == 3, let code = UInt8(String(decoding: digits, as: UTF8.self), radix: 8) {
                bytes.append(code)
                rest = rest.dropFirst(3)
            } else {
                bytes.append(byte)
            }
        }
        return String(decoding: bytes, as: UTF8.self)
    }
}

private func readText(_ path: String) -> String? {
    guard let bytes = try? DurableFile.read(path) else { return nil }
    return String(decoding: bytes, as: UTF8.self)
}
