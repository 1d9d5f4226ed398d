// SPDX-License-Identifier: Apache-2.0

/// The MIME shape of an encrypted message (RFC 3156 4) with its header protected (RFC 9788).
///
/// Inside, the body's bytes and the original `Content-` fields are untouched. Parameters are added only behind a
/// Content-Type that every reader understands the same way; anything else goes whole into a `multipart/mixed` of ours
/// that carries them. Odd lines stay outside.
package struct PGPMIME {
    /// How the header goes inside.
    private enum Shape {
        /// No header protection: only the `Content-` fields are inside.
        case bare
        /// A signed entity as it is; copies of the fields stand before it, without a claim.
        case signed
        /// `hp` on the entity's own Content-Type.
        case extended
        /// The entity whole, in a multipart/mixed with `hp`.
        case wrapped
    }

    private static let protection = #"hp="cipher"; protected-headers="v1""#
    private static let hpOuter = Array("HP-Outer: ".utf8)
    private static let newLine: [UInt8] = [ASCII.carriageReturn, ASCII.lineFeed]

    /// The bytes around a body that is to be encrypted.
    ///
    /// `boundary` and `innerBoundary` are random and different, so that they occur in no body; characters that a
    /// boundary can't have are left out of them.
    package static func layout(
        header: HeaderSection,
        outline: MIMEOutline,
        options: ProtectionOptions,
        boundary: String,
        innerBoundary: String
    ) -> ProtectedLayout {
        let type = ContentType(of: header)
        let shape = shape(of: type, outline: outline, options: options)
        let hides = shape == .extended || shape == .wrapped || (shape == .signed && outline.signedPartProtectsHeader)
        let fields = header.lines.map { ProtectedFields.Field($0, role: ProtectedFields.role(of: $0)) }
        let unstructured = fields.filter { $0.role != .content && $0.role != .version }
        let outside = hides ? ProtectedFields.obscured(unstructured) : unstructured

        var inside: [UInt8] = []
        inside.reserveCapacity(4096)
        if hides {
            for field in fields where field.role == .protected { append(field.line, to: &inside) }
        }
        let content = fields.filter { $0.role == .content }.map(\.line)
        let innerBoundary = safeBoundary(innerBoundary)
        switch shape {
        case .bare, .signed: content.forEach { append($0, to: &inside) }
        case .extended: content.forEach { append($0.isNamed("Content-Type") ? extended($0) : $0, to: &inside) }
        case .wrapped:
            inside += Array("Content-Type: multipart/mixed; boundary=\"\(innerBoundary)\";\r\n\t\(protection)\r\n".utf8)
        }
        if shape == .extended, !type.isPresent { inside += Array("Content-Type: text/plain; \(protection)\r\n".utf8) }
        if shape == .extended || shape == .wrapped {
            for field in outside where field.role == .protected {
                inside += hpOuter
                append(field.line, to: &inside)
            }
        }
        if options.gatewayLabel { inside += Array("Postern-Protection: gateway\r\n".utf8) }
        inside += newLine
        if shape == .wrapped {
            inside += Array("--\(innerBoundary)\r\n".utf8)
            content.forEach { append($0, to: &inside) }
            inside += newLine
        }
        let boundary = safeBoundary(boundary)
        return ProtectedLayout(
            outerPrefix: outerPrefix(outside.map(\.line), boundary: boundary),
            plaintextPrefix: inside,
            plaintextSuffix: shape == .wrapped ? Array("\r\n--\(innerBoundary)--\r\n".utf8) : [],
            outerSuffix: Array("\r\n--\(boundary)--\r\n".utf8)
        )
    }

    private static func shape(of type: ContentType, outline: MIMEOutline, options: ProtectionOptions) -> Shape {
        guard options.headerProtection else { return .bare }
        // Opaque S/MIME is signed in the same sense: its payload lies deeper, so that `hp` here would be a false claim.
        let isCMS = type.isType("application", "pkcs7-mime") || type.isType("application", "x-pkcs7-mime")
        if type.isType("multipart", "signed") || (outline.isSigned && isCMS) {
            return options.wrapSigned ? .wrapped : .signed
        }
        // Other layers of protection, or what calls itself one, are never the payload either.
        if isCMS || type.isType("multipart", "encrypted") { return .wrapped }
        let isClaimed = type.parameters.contains {
            $0.name.starts(with: "hp".utf8) && ($0.name.count == 2 || $0.name[2] == 0x2A)
                || $0.name.starts(with: "protected-headers".utf8)
        }
        return !type.isPresent || (type.isExtensible && !isClaimed) ? .extended : .wrapped
    }

    /// The field with the two parameters on a line of their own behind its last byte.
    private static func extended(_ line: HeaderSection.Line) -> HeaderSection.Line {
        HeaderSection.Line(Array(line.bytes.dropLast(2)) + Array(";\r\n\t\(protection)\r\n".utf8))
    }

    /// The outer header section and all that comes before the armor.
    private static func outerPrefix(_ outside: [HeaderSection.Line], boundary: String) -> [UInt8] {
        // Some servers end the header at the first line that is no field. What makes the message readable goes before
        // any such line, but behind an mbox `From `, which they let pass as the first line.
        let firstOdd = outside.indices.first { $0 > 0 && outside[$0].isOdd } ?? outside.endIndex
        let isMbox = outside.first?.isMboxLine ?? true
        let place = outside.first?.isOdd == true && !isMbox ? 0 : firstOdd
        var prefix: [UInt8] = []
        prefix.reserveCapacity(4096)
        for line in outside[..<place] { append(line, to: &prefix) }
        prefix += Array(
            """
            MIME-Version: 1.0\r
            Content-Type: multipart/encrypted; protocol="application/pgp-encrypted";\r
            \tboundary="\(boundary)"\r\n
            """.utf8
        )
        for line in outside[place...] { append(line, to: &prefix) }
        prefix += Array(
            """
            \r
            --\(boundary)\r
            Content-Type: application/pgp-encrypted\r
            Content-Description: PGP/MIME version identification\r
            \r
            Version: 1\r
            \r
            --\(boundary)\r
            Content-Type: application/octet-stream; name="encrypted.asc"\r
            Content-Description: OpenPGP encrypted message\r
            Content-Disposition: inline; filename="encrypted.asc"\r
            \r\n
            """.utf8
        )
        return prefix
    }

    private static func append(_ line: HeaderSection.Line, to bytes: inout [UInt8]) {
        bytes += line.bytes
        if !line.endsWithCRLF { bytes += newLine }
    }

    private static func safeBoundary(_ boundary: String) -> String {
        let bytes = boundary.utf8.filter {
            ASCII.isLetter($0) || ASCII.isDigit($0) || [ASCII.hyphen, ASCII.dot, ASCII.equals, 0x5F].contains($0)
        }
        return String(decoding: bytes.prefix(70), as: UTF8.self)
    }
}
