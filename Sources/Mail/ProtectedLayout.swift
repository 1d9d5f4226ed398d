// SPDX-License-Identifier: Apache-2.0

/// What stands around the body before encryption and around the armor after it.
///
/// The plaintext is `plaintextPrefix`, the body's raw bytes, `plaintextSuffix`. The message is `outerPrefix`, the
/// armored ciphertext, `outerSuffix`. The body is never decoded, encoded or searched for anything.
package struct ProtectedLayout: Sendable {
    package var outerPrefix: [UInt8]
    package var plaintextPrefix: [UInt8]
    package var plaintextSuffix: [UInt8]
    package var outerSuffix: [UInt8]

    /// What is to be encrypted.
    package func plaintext(of body: any ByteSource) -> ConcatenatedSource {
        ConcatenatedSource([MemorySource(plaintextPrefix), body, MemorySource(plaintextSuffix)])
    }

    /// The header section that shows outside, without the empty line: what a delivery report may return.
    package var outerHeader: HeaderSection {
        var splitter = HeaderSplitter(limit: outerPrefix.count)
        _ = splitter.consume(outerPrefix[...])
        return HeaderSection(parsing: splitter.header)
    }
}

/// How a copy is to be protected.
package struct ProtectionOptions: Sendable {
    /// RFC 9788: the header fields go inside too, and the Subject outside becomes `[...]`.
    package var headerProtection: Bool
    /// With header protection: a signed message goes whole into a `multipart/mixed` that carries the header, because
    /// nothing may be added to a signed part.
    package var wrapSigned: Bool
    /// `Postern-Protection: gateway` inside: this was encrypted on the way, not by the sender.
    package var gatewayLabel: Bool

    package init(headerProtection: Bool = true, wrapSigned: Bool = false, gatewayLabel: Bool = true) {
        self.headerProtection = headerProtection
        self.wrapSigned = wrapSigned
        self.gatewayLabel = gatewayLabel
    }
}
