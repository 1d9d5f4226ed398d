// SPDX-License-Identifier: Apache-2.0

package import Accounts
package import ChannelRecords
import Glibc
package import Keyring
package import OpenPGP
import OperatingSystem
package import Peers
package import Privacy
package import Settings
package import Store
package import Vault

/// Everything behind one data directory, opened together: by the running gateway, or by a command when none runs.
package struct DataDirectory: Sendable {
    package let path: String
    package let vault: Vault
    package let queue: QueueStore
    package let records: RecordStore
    package let keyring: Keyring
    package let accounts: Accounts
    package let ledger: SendingLedger
    package let peers: PeerBook
    package let certificates: TLSKeyring
    package let tlsLedger: TLSReportLedger
    package let tlsShelf: TLSReportShelf
    package let worker: WorkerClient

    /// Opens queue and records under an unlocked vault; makes them when the directory is new.
    ///
    /// Blocks while it reads the queue. Throws ``StoreError/alreadyOpen`` while another process has it open.
    package static func open(
        path: String,
        settings: PosternSettings,
        vault: Vault,
        time: Time,
        log: Log
    ) async throws -> DataDirectory {
        let queue = try QueueStore.open(directory: path, vault: vault, time: time, log: log)
        let records = try RecordStore.open(directory: path, vault: vault, time: time, log: log)
        return DataDirectory(
            path: path,
            vault: vault,
            queue: queue,
            records: records,
            keyring: Keyring(records: records),
            accounts: try await Accounts.load(from: records, log: log),
            ledger: try await SendingLedger.load(from: records),
            peers: try await PeerBook.load(from: records),
            certificates: try await TLSKeyring.load(from: records, log: log),
            tlsLedger: try await TLSReportLedger.load(from: records, time: time),
            tlsShelf: TLSReportShelf(records: records),
            worker: WorkerClient(executable: "/proc/self/exe")
        )
    }

    /// The sentence about what keeps this process from writing there; nil when nothing is seen.
    package static func obstacle(at path: String) -> String? {
        guard let volume = Volume(holding: path) else {
            return "\(path): the data directory can't be reached; look at its path and its rights."
        }
        if volume.isReadOnly {
            return
                "\(path): its disk is mounted read-only; mount it for writing and start again. Nothing that waits is lost."
        }
        guard unsafe access(path, R_OK | W_OK | X_OK) == 0 else {
            return "\(path): the gateway's user may not read and write there; give it the directory with chown -R."
        }
        if volume.isFull {
            return "\(path): its disk is full; make room and start again. Nothing that waits is lost."
        }
        return nil
    }

    /// Finishes what was handed in and closes the files.
    package func close() async {
        await queue.close()
        await records.close()
    }
}
