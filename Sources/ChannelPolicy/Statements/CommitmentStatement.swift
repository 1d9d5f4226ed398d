// SPDX-License-Identifier: Apache-2.0

package import Mail

/// What a provider states about its mail servers, for the providers that compared its key (docs/commitment-statement.md).
///
/// A value of this type says nothing about who made it; see ``StatementEnvelope``.
package struct CommitmentStatement: Sendable, Hashable, Codable {
    /// Begins the bytes that are signed.
    package static let type = "postern-commitment-statement-v1"
    /// Where a domain serves it.
    package static let wellKnownPath = "/.well-known/providers-commitment"

    package static let minDays = 14
    package static let maxDays = 60
    package static let maxPayloadBytes = 16_384
    private static let maxMailHosts = 64
    private static let maxPins = 16
    /// JSON numbers are exact up to here in every language.
    private static let maxNumber = (1 << 53) - 1

    /// Lower case with A-labels, as all names here.
    package let domain: String
    /// The level of the Commitment that the provider says it keeps; nobody but the provider vouches for it.
    package let level: Int
    package let mailHosts: [String]
    /// One of these, or of ``nextPins``, is the key of each of the mail hosts.
    package let pins: [Pin]
    package let nextPins: [Pin]
    package let onion: String?
    package let serial: Int64
    /// Seconds since 1970, as all times here.
    package let issued: Int64
    package let expires: Int64
    package let nextKey: KeyFingerprint?

    /// Throws what ``init(payload:)`` would throw about the same values.
    package init(
        domain: Domain,
        level: Int,
        mailHosts: [Domain],
        pins: [Pin],
        nextPins: [Pin] = [],
        onion: String? = nil,
        serial: Int64,
        issued: Int64,
        expires: Int64,
        nextKey: KeyFingerprint? = nil
    ) throws(StatementFault) {
        self.domain = domain.key
        self.level = level
        self.mailHosts = mailHosts.map(\.key)
        self.pins = pins
        self.nextPins = nextPins
        self.onion = onion
        self.serial = serial
        self.issued = issued
        self.expires = expires
        self.nextKey = nextKey
        try check()
    }

    /// Reads a payload whose signature is verified already.
    ///
    /// Total and bounded. Members that are not known are passed over.
    package init(payload: [UInt8]) throws(StatementFault) {
        guard payload.count <= Self.maxPayloadBytes else { throw .tooLarge(maxBytes: Self.maxPayloadBytes) }
        let members = try StatementMembers(payload)
        domain = try members.name("domain")
        level = Int(try members.number("level"))
        mailHosts = try members.names("mx")
        pins = try members.pins("pins")
        nextPins = try members.has("next_pins") ? members.pins("next_pins") : []
        onion = try members.has("onion") ? members.text("onion") : nil
        serial = try members.number("serial")
        issued = try members.number("issued")
        expires = try members.number("expires")
        nextKey = try members.has("next_key") ? members.fingerprint("next_key") : nil
        try check()
    }

    private func check() throws(StatementFault) {
        guard (1...3).contains(level) else { throw .malformed("level", mustBe: "1, 2 or 3") }
        guard (1...Self.maxMailHosts).contains(mailHosts.count) else {
            throw .malformed("mx", mustBe: "a list of 1 to \(Self.maxMailHosts) host names")
        }
        guard (1...Self.maxPins).contains(pins.count), pins.allSatisfy({ $0.kind == .publicKey }) else {
            throw .malformed("pins", mustBe: Self.pinsWords(from: 1))
        }
        guard nextPins.count <= Self.maxPins, nextPins.allSatisfy({ $0.kind == .publicKey }) else {
            throw .malformed("next_pins", mustBe: Self.pinsWords(from: 0))
        }
        if let onion, !Self.isOnion(onion) {
            throw .malformed("onion", mustBe: "a version 3 onion address in lower case, with .onion")
        }
        for (name, number) in [("serial", serial), ("issued", issued), ("expires", expires)]
        where !(1...Int64(Self.maxNumber)).contains(number) {
            throw .malformed(name, mustBe: "a whole number from 1 to \(Self.maxNumber)")
        }
        let seconds = expires - issued
        guard seconds >= Int64(Self.minDays) * 86_400, seconds <= Int64(Self.maxDays) * 86_400 else { throw .validity }
    }

    private static func pinsWords(from least: Int) -> String {
        "a list of \(least) to \(maxPins) pins, each \"spki:\" and 64 hexadecimal digits"
    }

    private static func isOnion(_ text: String) -> Bool {
        let bytes = Array(text.utf8)
        return bytes.count == 62 && text.hasSuffix(".onion")
            && bytes.prefix(56).allSatisfy { (0x61...0x7a).contains($0) || (0x32...0x37).contains($0) }
    }

    /// What is signed for a payload: the type, a line feed, and the payload as it is.
    package static func signedBytes(payload: [UInt8]) -> [UInt8] { Array(type.utf8) + [0x0a] + payload }

    /// The payload as Postern writes it: one member a line, so that people can read what they sign.
    package var payload: [UInt8] {
        var members: [(String, JSONText)] = [
            ("domain", .string(domain)), ("level", .number(level)),
            ("mx", .array(mailHosts.map { .string($0) })),
            ("pins", .array(pins.map { .string($0.text) })),
        ]
        if !nextPins.isEmpty { members.append(("next_pins", .array(nextPins.map { .string($0.text) }))) }
        if let onion { members.append(("onion", .string(onion))) }
        members += [("serial", .number(Int(serial))), ("issued", .number(Int(issued)))]
        members.append(("expires", .number(Int(expires))))
        if let nextKey { members.append(("next_key", .string(nextKey.text))) }
        let lines = members.map { "  \"\($0.0)\": \(String(decoding: $0.1.encoded, as: UTF8.self))" }
        return Array("{\n\(lines.joined(separator: ",\n"))\n}\n".utf8)
    }

    /// The serial of the next statement: the time, but above the last one's, so that it rises even when a clock was set back.
    package static func serial(after last: Int64?, now: Int64) -> Int64 { max(now, (last ?? 0) + 1) }
}

/// The members of a JSON object from outside, each as the type that it must have.
struct StatementMembers {
    private static let maxValues = 512

    private let object: JSONText

    init(_ bytes: [UInt8]) throws(StatementFault) {
        guard let value = JSONReader.read(bytes, maxValues: Self.maxValues, wholeNumbersOnly: true),
            case .object = value
        else { throw .notJSON }
        guard !value.repeatsMember else { throw .repeatedMember }
        object = value
    }

    func has(_ name: String) -> Bool { object[name] != nil }

    func text(_ name: String) throws(StatementFault) -> String {
        guard let text = try member(name).asString else { throw .malformed(name, mustBe: "a text") }
        return text
    }

    func number(_ name: String) throws(StatementFault) -> Int64 {
        guard let number = try member(name).asNumber else { throw .malformed(name, mustBe: "a whole number") }
        return Int64(number)
    }

    func name(_ name: String) throws(StatementFault) -> String {
        try Self.name(try text(name), of: name)
    }

    func names(_ name: String) throws(StatementFault) -> [String] {
        var names: [String] = []
        for item in try texts(name) { names.append(try Self.name(item, of: name)) }
        return names
    }

    func pins(_ name: String) throws(StatementFault) -> [Pin] {
        var pins: [Pin] = []
        for item in try texts(name) {
            guard let pin = Pin(item) else {
                throw .malformed(name, mustBe: "a list of pins, each \"spki:\" and 64 hexadecimal digits")
            }
            pins.append(pin)
        }
        return pins
    }

    func fingerprint(_ name: String) throws(StatementFault) -> KeyFingerprint {
        guard let fingerprint = KeyFingerprint(try text(name)) else {
            throw .malformed(name, mustBe: "the fingerprint of a version 4 key, 40 hexadecimal digits")
        }
        return fingerprint
    }

    private func texts(_ name: String) throws(StatementFault) -> [String] {
        guard let items = try member(name).asArray else { throw .malformed(name, mustBe: "a list") }
        let texts = items.compactMap(\.asString)
        guard texts.count == items.count else { throw .malformed(name, mustBe: "a list of texts") }
        return texts
    }

    private func member(_ name: String) throws(StatementFault) -> JSONText {
        guard let value = object[name] else { throw .missing(name) }
        return value
    }

    private static func name(_ text: String, of member: String) throws(StatementFault) -> String {
        guard let domain = Domain(text), domain.key == text else {
            throw .malformed(member, mustBe: "of domain names in lower case, with A-labels and no dot at the end")
        }
        return text
    }
}
