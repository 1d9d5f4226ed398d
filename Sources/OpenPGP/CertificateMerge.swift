// SPDX-License-Identifier: Apache-2.0

/// Puts two copies of one certificate together: every component and every signature that either holds (RFC 9580 section 10.1).
///
/// Nothing that one copy knows is lost, so that an older copy can't undo a revocation or an expiry. Which signatures count is for
/// the judge of the result to say. Linear in the size of both.
package struct CertificateMerge {
    /// A packet without its header, so that header formats don't make two of one.
    private struct PacketKey: Hashable {
        let tag: UInt8
        let body: ArraySlice<UInt8>
    }

    /// A key, user ID or attribute, and the signatures over it in the order they were met.
    private struct Component {
        let head: PacketKey
        var signatures: [PacketKey] = []
        var known: Set<PacketKey> = []
    }

    private var components: [Component] = []
    private var positions: [PacketKey: Int] = [:]

    private init() {}

    /// Both copies are binary, and their primary keys are equal; ``CertificateVerdict/malformed`` otherwise.
    package static func merge(_ first: [UInt8], _ second: [UInt8]) throws(CertificateVerdict) -> [UInt8] {
        var merge = CertificateMerge()
        try merge.take(first)
        try merge.take(second)
        return try merge.encoded()
    }

    private mutating func take(_ bytes: [UInt8]) throws(CertificateVerdict) {
        var walker = PacketWalker(bytes)
        var current: Int?
        while let packet = try walker.next() {
            let key = PacketKey(tag: packet.tag, body: bytes[packet.body])
            switch packet.tag {
            case PacketTag.publicKey, PacketTag.userID, PacketTag.userAttribute, PacketTag.publicSubkey:
                guard (current == nil) == (packet.tag == PacketTag.publicKey) else { throw .malformed }
                current = position(of: key)
            case PacketTag.signature:
                guard let current else { throw .malformed }
                if components[current].known.insert(key).inserted { components[current].signatures.append(key) }
            default:
                // Trust, marker and padding packets carry nothing between implementations.
                continue
            }
        }
        guard current != nil else { throw .malformed }
    }

    private mutating func position(of key: PacketKey) -> Int {
        if let position = positions[key] { return position }
        positions[key] = components.count
        components.append(Component(head: key))
        return components.count - 1
    }

    /// The primary key, then user IDs and attributes, then subkeys, each group as first met.
    private func encoded() throws(CertificateVerdict) -> [UInt8] {
        let primaries = components.filter { $0.head.tag == PacketTag.publicKey }
        guard primaries.count == 1 else { throw .malformed }
        let identities = components.filter { $0.head.tag == PacketTag.userID || $0.head.tag == PacketTag.userAttribute }
        let subkeys = components.filter { $0.head.tag == PacketTag.publicSubkey }
        var bytes: [UInt8] = []
        for component in primaries + identities + subkeys {
            for packet in [component.head] + component.signatures {
                bytes += PacketWalker.header(tag: packet.tag, count: packet.body.count)
                bytes += packet.body
            }
        }
        return bytes
    }
}
