// SPDX-License-Identifier: Apache-2.0

/// Tells whether a text is one ASCII armor (RFC 9580 6.2) around an encrypted OpenPGP message and nothing else, or
/// one clearsigned text (section 7) and nothing else.
///
/// White space around it does not count; a quoted armor is no armor.
struct ArmorRecognizer: Sendable {
    private enum State {
        /// Nothing but white space has come.
        case begin
        case headers
        case data
        /// Behind the checksum or the last data line: only the END line may come.
        case end
        case after
        /// In a clearsigned text, before and behind the signature's BEGIN line.
        case signedText
        case signature
        case afterSignature
        case broken
    }

    /// No line of an armor is longer; GnuPG and others write 64, RFC 9580 allows 76 characters.
    private static let lineLimit = 1000

    private var state = State.begin
    private var line: [UInt8] = []
    private var base64 = Base64Decoder()
    private var message = OpenPGPMessageRecognizer()
    /// What one line decodes to; kept for its memory.
    private var decoded: [UInt8] = []

    /// Whether more bytes can't change the answer.
    var isBroken: Bool { state == .broken }

    /// Whether what came so far, with ``finish()`` called, is a whole armored encrypted message.
    var isEncrypted: Bool { state == .after && message.isComplete }

    /// Whether what came so far, with ``finish()`` called, is a whole clearsigned text.
    var isClearsigned: Bool { state == .afterSignature }

    mutating func consume(_ bytes: ArraySlice<UInt8>) {
        var start = bytes.startIndex
        while start < bytes.endIndex, state != .broken {
            guard let lineFeed = BodyScan.lineFeed(in: bytes, from: start) else {
                line.append(contentsOf: bytes[start...].prefix(Self.lineLimit + 1))
                if line.count > Self.lineLimit { overlong() }
                return
            }
            if line.isEmpty {
                take(bytes[start..<lineFeed])
            } else {
                line.append(contentsOf: bytes[start..<lineFeed].prefix(Self.lineLimit + 1))
                let whole = line
                line.removeAll(keepingCapacity: true)
                take(whole[...])
            }
            start = lineFeed + 1
        }
    }

    /// Takes a last line without line end.
    mutating func finish() {
        let whole = line
        line = []
        take(whole[...])
    }

    /// Signed text may have lines of any length; they are cut, because only what they begin with matters.
    private mutating func overlong() {
        guard state == .signedText || state == .signature else { return state = .broken }
        line.removeSubrange(Self.lineLimit...)
    }

    private mutating func take(_ rawLine: ArraySlice<UInt8>) {
        var end = rawLine.endIndex
        while end > rawLine.startIndex, ASCII.isSpace(rawLine[end - 1]) { end -= 1 }
        let line = rawLine[..<end]
        switch state {
        case .begin:
            if line.isEmpty { return }
            state =
                Self.isMarker(line, "-----BEGIN PGP MESSAGE-----")
                ? .headers : Self.isMarker(line, "-----BEGIN PGP SIGNED MESSAGE-----") ? .signedText : .broken
        case .headers: takeHeader(line)
        case .data: takeData(line)
        case .end: takeEnd(line)
        case .after, .afterSignature:
            if !line.isEmpty { state = .broken }
        case .signedText:
            if Self.isMarker(line, "-----BEGIN PGP SIGNATURE-----") { state = .signature }
        case .signature:
            if Self.isMarker(line, "-----END PGP SIGNATURE-----") { state = .afterSignature }
        case .broken: break
        }
    }

    private mutating func takeHeader(_ line: ArraySlice<UInt8>) {
        if line.isEmpty { return state = .data }
        // "Version: ...", "Charset: ..."; a comment without a blank behind the colon occurs.
        if !line.contains(ASCII.colon) { state = .broken }
    }

    private mutating func takeData(_ line: ArraySlice<UInt8>) {
        guard let first = line.first else { return }
        if first == ASCII.hyphen { return takeEnd(line) }
        if first == ASCII.equals, line.count == 5 {
            state = base64.isComplete ? .end : .broken
            return
        }
        decoded.removeAll(keepingCapacity: true)
        guard base64.decode(line, into: &decoded) else { return state = .broken }
        message.consume(decoded[...])
        if message.isBroken { state = .broken }
    }

    private mutating func takeEnd(_ line: ArraySlice<UInt8>) {
        if line.isEmpty { return }
        state = Self.isMarker(line, "-----END PGP MESSAGE-----") && base64.isComplete ? .after : .broken
    }

    private static func isMarker(_ line: ArraySlice<UInt8>, _ marker: StaticString) -> Bool {
        line.count == marker.utf8CodeUnitCount && marker.withUTF8Buffer { line.elementsEqual($0) }
    }
}
