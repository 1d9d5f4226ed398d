// SPDX-License-Identifier: Apache-2.0

/// The TLSA records of one name, sorted into those that count and those that don't, with the reasons.
///
/// Unusable records go first, then digest algorithm agility (RFC 7671 §9) leaves, for each usage and selector, the full records
/// and those with the strongest digest.
package struct TLSASet: Sendable, Hashable {
    package enum Reason: Sendable, Hashable {
        case unusable(UsableTLSA.Unusable)
        /// A stronger digest stands beside it for the same usage and selector.
        case weakerDigest
        /// More records than are looked at.
        case overLimit

        package var text: String {
            switch self {
            case .unusable(let reason): reason.text
            case .weakerDigest: "a stronger digest stands beside it"
            case .overLimit: "it stands behind the first \(TLSASet.maxRecords)"
            }
        }
    }

    package struct PassedOver: Sendable, Hashable {
        package let record: TLSARecord
        package let reason: Reason
    }

    /// The records that count, in their order, none twice.
    package let usable: [UsableTLSA]
    package let passedOver: [PassedOver]

    /// So many records are looked at.
    package static let maxRecords = 100

    package init(_ records: [TLSARecord]) {
        var readable: [UsableTLSA] = []
        var passedOver: [PassedOver] = []
        var seen: Set<TLSARecord> = []
        for record in records.prefix(TLSASet.maxRecords) where seen.insert(record).inserted {
            do throws(UsableTLSA.Unusable) {
                readable.append(try UsableTLSA(record))
            } catch {
                passedOver.append(PassedOver(record: record, reason: .unusable(error)))
            }
        }
        var usable: [UsableTLSA] = []
        for record in readable {
            let rivals = readable.filter { $0.usage == record.usage && $0.selector == record.selector }
            let strongest = rivals.map(\.matching.rawValue).max() ?? 0
            if record.matching == .full || record.matching.rawValue == strongest {
                usable.append(record)
            } else {
                passedOver.append(PassedOver(record: record.record, reason: .weakerDigest))
            }
        }
        for record in records.dropFirst(TLSASet.maxRecords) {
            passedOver.append(PassedOver(record: record, reason: .overLimit))
        }
        self.usable = usable
        self.passedOver = passedOver
    }

    /// There is something that the server's certificate can match.
    package var isUsable: Bool { !usable.isEmpty }

    /// Some record names an authority, so that the certificate's name counts.
    package var hasTrustAnchor: Bool { usable.contains { $0.usage == .trustAnchor } }
}
