// SPDX-License-Identifier: Apache-2.0

/// What the level asks of the host and the files that the settings name.
///
/// Found out by the caller; what is unknown counts neither for nor against.
package struct HostFacts: Sendable {
    package enum Swap: String, Sendable, CaseIterable {
        case none
        /// Encrypted; whether with a random key is not known.
        case encrypted
        /// Encrypted with a key that outlives the boot.
        case lastingKey = "lasting-key"
        case plain
        case unknown
    }

    package var swap = Swap.unknown
    /// Whether the process may not be swapped out at all (its unit's `MemorySwapMax=0`).
    package var isSwapBarred = false
    /// Whether the PEM file of `tls.key` is encrypted; nil when it was not looked at.
    package var isTLSKeyEncrypted: Bool?
    /// Whether `tls.key`, or where the vault has the only keys the vault, lies on a file system that outlives the boot; nil when it was
    /// not looked at.
    package var isTLSKeyOnDisk: Bool?

    package init() {}
}
