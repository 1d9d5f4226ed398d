// SPDX-License-Identifier: Apache-2.0

/// Says of one leaf of a MIME message whether its content is encrypted: by looking at all of it, never by its label.
struct LeafRecognizer: Sendable {
    enum Content: Sendable, Equatable {
        /// White space only, or the version part of PGP/MIME: tells nobody anything.
        case nothing
        case openPGP
        case smime
        /// A readable S/MIME signed-data.
        case signedCMS
        case clearsigned
        case readable
    }

    private enum State: Sendable {
        /// Nothing but white space has come.
        case start
        case armor(ArmorRecognizer)
        case packets(OpenPGPMessageRecognizer)
        case cms(CMSRecognizer)
        /// The version part of multipart/encrypted (RFC 3156 4).
        case control([UInt8])
        case readable
    }

    private var decoder: TransferDecoder
    private var state = State.start
    private let isText: Bool
    private let isControlType: Bool

    init(header: HeaderSection, type: ContentType) {
        let encodings = header.fields("Content-Transfer-Encoding")
        decoder = TransferDecoder(encodings.first?.value)
        isText = type.isType("text") || type.type.isEmpty
        isControlType = type.isType("application", "pgp-encrypted")
        // A message in the message has a header of its own in clear; twofold fields mean different things to readers.
        if type.isType("message") || type.isAmbiguous || encodings.count > 1 { state = .readable }
    }

    /// Whether more bytes can't change the answer.
    var isDecided: Bool {
        if case .readable = state { true } else { false }
    }

    mutating func consume(_ bytes: ArraySlice<UInt8>) {
        guard !isDecided else { return }
        guard let decoded = decoder.decode(bytes) else { return state = .readable }
        take(decoded)
    }

    mutating func finish() -> Content {
        switch state {
        case .start: return .nothing
        case .readable: return .readable
        case .control(let text): return Self.isVersion(text) ? .nothing : .readable
        case .packets(let packets): return packets.isComplete ? .openPGP : .readable
        case .armor(var armor):
            armor.finish()
            return armor.isEncrypted ? .openPGP : armor.isClearsigned ? .clearsigned : .readable
        case .cms(let cms):
            switch cms.kind {
            case .encrypted: return .smime
            case .signed: return .signedCMS
            case .other: return .readable
            }
        }
    }

    private mutating func take(_ bytes: ArraySlice<UInt8>) {
        // Each case hands its recogniser over and back, so that it is changed in place and not copied.
        switch state {
        case .start:
            begin(bytes)
        case .armor(var armor):
            state = .readable
            armor.consume(bytes)
            if !armor.isBroken { state = .armor(armor) }
        case .packets(var packets):
            state = .readable
            packets.consume(bytes)
            if !packets.isBroken { state = .packets(packets) }
        case .cms(var cms):
            state = .readable
            cms.consume(bytes)
            state = .cms(cms)
        case .control(var text):
            state = .readable
            text.append(contentsOf: bytes)
            if text.count <= 256 { state = .control(text) }
        case .readable:
            break
        }
    }

    private mutating func begin(_ bytes: ArraySlice<UInt8>) {
        guard let first = bytes.firstIndex(where: { !ASCII.isSpace($0) }) else { return }
        let rest = bytes[first...]
        if rest[first] == ASCII.hyphen {
            state = .armor(ArmorRecognizer())
        } else if isText {
            state = .readable
            return
        } else if rest[first] & 0x80 != 0 {
            state = .packets(OpenPGPMessageRecognizer())
        } else if rest[first] == 0x30 {
            state = .cms(CMSRecognizer())
        } else if isControlType {
            state = .control([])
        } else {
            state = .readable
            return
        }
        take(rest)
    }

    /// `Version: 1` and white space, nothing else.
    private static func isVersion(_ text: [UInt8]) -> Bool {
        let words = text.split { ASCII.isSpace($0) }
        let joined = words.joined()
        return ASCII.equalsIgnoringCase(Array(joined), "Version:1".utf8)
    }
}
