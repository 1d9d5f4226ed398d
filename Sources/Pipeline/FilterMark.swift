// SPDX-License-Identifier: Apache-2.0

import Mail
import Vault

/// The field by which a filter knows a message that it has had before: `Postern-Filter: 1; hash`.
///
/// The hash is keyed by the vault and covers the filter's direction, the number, and what identifies the message, so
/// that nobody else can write one, and one from another message counts for nothing. It decides about nothing but
/// loops: what comes again is protected by the same rules as what comes for the first time.
struct FilterMark {
    static let field = "Postern-Filter"
    /// A mailing list on the other server may send a message through again; one that comes more often goes round.
    static let passes = 3

    private let vault: Vault

    init(vault: Vault) {
        self.vault = vault
    }

    /// How often the filter has had the message already.
    func count(in header: HeaderSection, filter: String) -> Int {
        let fields = header.fields(Self.field)
        // Only what the filter itself wrote is looked for, so that a stranger's fields cost a comparison.
        guard !fields.isEmpty else { return 0 }
        let known = (1...Self.passes).filter { number in
            let ours = Array(value(number, header, filter).utf8)
            return fields.contains { $0.value == ours }
        }
        return known.last ?? 0
    }

    /// Puts the mark for one more pass in place of all that are there.
    func stamp(_ header: inout HeaderSection, filter: String, after count: Int) {
        header.remove { $0.isNamed(Self.field) }
        header.prepend(Self.field, value(count + 1, header, filter))
    }

    private func value(_ number: Int, _ header: HeaderSection, _ filter: String) -> String {
        let direction = filter.prefix { $0 != " " }
        let identity = (header.first("Message-ID") ?? header.first("Date"))?.value ?? []
        let hash = vault.keyedHash("filter-mark", Array("\(direction) \(number) ".utf8) + identity)
        return "\(number); " + hash.prefix(16).map { String($0 >> 4, radix: 16) + String($0 & 15, radix: 16) }.joined()
    }
}
