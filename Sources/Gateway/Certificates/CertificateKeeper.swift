// SPDX-License-Identifier: Apache-2.0

import Privacy
import ServiceLifecycle
import Settings

/// Puts a key to use when its pin has been published long enough, and says when that comes too late.
struct CertificateKeeper: Service {
    let settings: PosternSettings
    let keyring: TLSKeyring
    let alarms: AlarmBoard
    /// Shows those who come what is kept now.
    let show: @Sendable () async -> Void
    let time: Time
    let log: Log

    private static let interval = Duration.seconds(5)
    /// So long before a certificate ends the operator is told that the next key will not be ready.
    private static let notice = Duration.seconds(10 * 86_400)

    func run() async throws {
        try? await cancelWhenGracefulShutdown {
            while true {
                await look()
                try await time.sleep(for: Self.interval)
            }
        }
    }

    private func look() async {
        let now = time.wall()
        var kept = keyring.kept
        if kept.advance(to: now) > 0 || kept != keyring.kept {
            do {
                let count = try await keyring.change { $0.advance(to: now) }
                if count > 0 {
                    await show()
                    log.notice("a published key is used from now on", .count("certificates", count))
                }
            } catch {
                log.error("the server's certificates could not be stored")
            }
        }
        let file = settings.tls.flatMap { CertificateFile.facts($0.certificate) }.map { [($0.names, $0.expires)] } ?? []
        let standing = keyring.kept
        alarms.set(
            .nextKeyLate,
            standing.expiresBeforeNext(
                within: Self.notice,
                of: time.calendar(),
                others: file.map { (names: $0.0, expires: $0.1) }
            )
        )
        alarms.set(.certificateMissing, settings.hasOnlyVaultCertificates && standing.live.isEmpty)
    }
}
