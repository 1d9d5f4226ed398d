// SPDX-License-Identifier: Apache-2.0

package import ChannelPolicy
import FoundationEssentials
package import Store

/// What was last written to be signed for each domain of ours: its serial, and since when its pins are published.
package struct OwnStatements: Sendable {
    private let records: RecordStore

    package init(records: RecordStore) { self.records = records }

    /// The last one made for `domain`; nil when there was none.
    package func last(for domain: String) async throws(StoreError) -> CommitmentStatement? {
        guard let record = try await records.get(.setting, id: Self.id(domain)) else { return nil }
        return try? JSONDecoder().decode(CommitmentStatement.self, from: Data(record.value))
    }

    /// Durable when it returns: only then may the statement be given out.
    package func keep(_ statement: CommitmentStatement) async throws(StoreError) {
        guard let value = try? JSONEncoder().encode(statement) else { throw .contentFailed }
        try await records.put(kind: .setting, id: Self.id(statement.domain), value: [UInt8](value))
    }

    private static func id(_ domain: String) -> [UInt8] { Array("statement \(domain)".utf8) }
}
