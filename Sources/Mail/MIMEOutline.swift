// SPDX-License-Identifier: Apache-2.0

/// What a message's MIME structure says about protection it already has, and what its body demands of a next hop.
package struct MIMEOutline: Sendable {
    /// Encryption that is there already.
    package enum Existing: Sendable, Equatable {
        case none
        /// Every leaf with content is an encrypted OpenPGP message (or, beside one, S/MIME).
        case openPGP
        /// Every leaf with content is S/MIME enveloped-data or authEnveloped-data.
        case smime
        /// Some leaves are encrypted, others readable; also when the structure can be read in two ways.
        case mixedOnlyPartly
    }

    /// Found by parsing every leaf to its end.
    ///
    /// Text before, between and behind the parts counts as readable content, but for the few words that mailers write
    /// before an encrypted part.
    package var existingEncryption = Existing.none
    /// A top-level `multipart/signed`, an opaque S/MIME signed-data, or a text that is clearsigned as a whole.
    package var isSigned = false
    /// The top level is `multipart/signed` and its signed part has an `hp` or `protected-headers` parameter, so that a
    /// reader shows the header fields of the signed part.
    package var signedPartProtectsHeader = false
    /// The body has bytes over 127: it needs 8BITMIME.
    package var has8BitBody = false
    /// The body has a line over 998 bytes (CRLF not counted).
    package var hasLineOver998 = false
    /// The body has a NUL byte.
    package var hasNUL = false
    /// Two readers could see different structures, or the structure goes beyond the limits.
    ///
    /// It then counts as readable.
    package var isAmbiguous = false
    /// The structure is deeper than 100 levels or has more than 10,000 parts; what is beyond was not looked at.
    package var isTruncated = false

    package init() {}
}
