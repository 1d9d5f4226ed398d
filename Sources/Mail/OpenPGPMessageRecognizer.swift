// SPDX-License-Identifier: Apache-2.0

/// Tells whether bytes are one whole encrypted OpenPGP message (RFC 9580 10.3): session key packets, then one packet of
/// encrypted data that reaches to the end.
///
/// Walks the packets in any slicing without keeping them. Knows all length forms; partial lengths only where they are
/// allowed. Encrypted data is SEIPD (version 1 or 2) or the AEAD packet that GnuPG 2.3 and later write; data without
/// integrity protection (tag 9) does not count.
struct OpenPGPMessageRecognizer: Sendable {
    private enum State {
        case tag
        /// Octets of a length that are still to come, its value so far, and what is added to it in the end.
        case length(octetsLeft: Int, value: Int, plus: Int)
        /// The first octet of a new-format length, at the start of a packet or behind a partial body.
        case firstLengthOctet
        /// Octets of this piece of the body that are still to come.
        case body(left: Int, isPartial: Bool)
        case broken
    }

    private enum Tag {
        static let publicKeySessionKey: UInt8 = 1
        static let symmetricKeySessionKey: UInt8 = 3
        static let marker: UInt8 = 10
        static let protectedData: UInt8 = 18
        static let aeadData: UInt8 = 20
    }

    /// Session key packets are a few KiB at the most, post-quantum ones too.
    private static let sessionKeyLimit = 64 * 1024
    /// Version, one block of prefix and check, a literal packet's head and the modification detection packet.
    private static let dataMinimum = 40

    private var state = State.tag
    private var tag: UInt8 = 0
    private var isFirstBodyOctet = false
    private var hasSessionKey = false
    private var dataOctets: Int?
    private var isInPartial = false

    /// Whether more bytes can't change the answer.
    var isBroken: Bool {
        if case .broken = state { true } else { false }
    }

    /// Whether what came so far is a whole encrypted message.
    var isComplete: Bool {
        guard case .tag = state, let dataOctets else { return false }
        return hasSessionKey && dataOctets >= Self.dataMinimum
    }

    mutating func consume(_ bytes: ArraySlice<UInt8>) {
        var index = bytes.startIndex
        while index < bytes.endIndex {
            switch state {
            case .broken:
                return
            case .body(let left, let isPartial):
                if isFirstBodyOctet { checkVersion(bytes[index]) }
                let taken = min(left, bytes.endIndex - index)
                index += taken
                if let octets = dataOctets { dataOctets = octets &+ taken }
                if case .body = state { advance(left - taken, isPartial: isPartial) }
            default:
                take(bytes[index])
                index += 1
            }
        }
    }

    /// An octet of a packet's head.
    private mutating func take(_ octet: UInt8) {
        switch state {
        case .tag: takeTag(octet)
        case .firstLengthOctet: takeFirstLengthOctet(Int(octet))
        case .length(let octetsLeft, let value, let plus):
            let value = value << 8 | Int(octet)
            if octetsLeft > 1 {
                state = .length(octetsLeft: octetsLeft - 1, value: value, plus: plus)
            } else {
                beginBody(value + plus)
            }
        case .body, .broken: break
        }
    }

    private mutating func takeTag(_ octet: UInt8) {
        // Behind the encrypted data nothing may come.
        guard octet & 0x80 != 0, dataOctets == nil else { return state = .broken }
        isFirstBodyOctet = true
        isInPartial = false
        if octet & 0x40 != 0 {
            tag = octet & 0x3F
            state = .firstLengthOctet
        } else {
            tag = octet >> 2 & 0x0F
            let octets = [1, 2, 4, 0][Int(octet & 3)]
            // The old form of "to the end of the file" exists for no kind of packet that counts here.
            state = octets == 0 ? .broken : .length(octetsLeft: octets, value: 0, plus: 0)
        }
        switch tag {
        case Tag.publicKeySessionKey, Tag.symmetricKeySessionKey: hasSessionKey = true
        case Tag.protectedData, Tag.aeadData: dataOctets = 0
        case Tag.marker where !hasSessionKey: break
        default: state = .broken
        }
    }

    private mutating func takeFirstLengthOctet(_ octet: Int) {
        switch octet {
        case 0..<192: beginBody(octet)
        case 192..<224: state = .length(octetsLeft: 1, value: octet - 192, plus: 192)
        case 255: state = .length(octetsLeft: 4, value: 0, plus: 0)
        default:
            // Partial: only for data, and the first piece has 512 octets or more.
            guard dataOctets != nil, isInPartial || octet & 0x1F >= 9 else { return state = .broken }
            isInPartial = true
            state = .body(left: 1 << (octet & 0x1F), isPartial: true)
        }
    }

    private mutating func beginBody(_ length: Int) {
        guard dataOctets != nil || length <= Self.sessionKeyLimit else { return state = .broken }
        // A packet has at least its version; only the last piece of a partial body may be empty.
        guard length > 0 || isInPartial else { return state = .broken }
        advance(length, isPartial: false)
    }

    private mutating func advance(_ left: Int, isPartial: Bool) {
        state = left > 0 ? .body(left: left, isPartial: isPartial) : isPartial ? .firstLengthOctet : .tag
    }

    private mutating func checkVersion(_ octet: UInt8) {
        isFirstBodyOctet = false
        let isKnown =
            switch tag {
            case Tag.publicKeySessionKey: octet == 3 || octet == 6
            case Tag.symmetricKeySessionKey: (4...6).contains(octet)
            case Tag.protectedData: octet == 1 || octet == 2
            case Tag.aeadData: octet == 1
            default: true
            }
        if !isKnown { state = .broken }
    }
}
