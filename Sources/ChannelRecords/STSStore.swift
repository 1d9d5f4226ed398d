// SPDX-License-Identifier: Apache-2.0

import ChannelPolicy
import FoundationEssentials
import Privacy
import Store

/// The policies in the store, sealed: a file of them would tell with whom this gateway's users correspond.
struct STSStore: Sendable {
    let records: RecordStore

    /// Nil while the store can't be read.
    func all() async -> [(name: String, cached: CachedSTS)]? {
        guard let stored = try? await records.all(.stsPolicy) else { return nil }
        return stored.compactMap { record in
            guard let name = String(validating: record.id, as: UTF8.self),
                let cached = try? JSONDecoder().decode(CachedSTS.self, from: Data(record.value))
            else { return nil }
            return (name, cached)
        }
    }

    /// What can't be written holds in memory until the gateway ends.
    func put(_ name: String, _ cached: CachedSTS, _ log: Log) async {
        do {
            try await records.put(
                kind: .stsPolicy,
                id: Array(name.utf8),
                value: [UInt8](JSONEncoder().encode(cached)),
                expires: WallTime(seconds: cached.expiresAt)
            )
        } catch {
            log.warning("an MTA-STS policy could not be stored")
        }
    }

    func remove(_ name: String, _ log: Log) async {
        do {
            try await records.remove(.stsPolicy, id: Array(name.utf8))
        } catch {
            log.warning("an MTA-STS policy that is over could not be removed")
        }
    }
}
