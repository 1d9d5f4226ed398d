// SPDX-License-Identifier: Apache-2.0

import ChannelPolicy
import Peers
import Privacy
import ServiceLifecycle

/// Looks at the peers' statements when their time has come, and raises an alarm where a person must look.
struct PeerRefresher: Service {
    private static let interval = Duration.seconds(5)

    let keeper: PeerKeeper
    let alarms: AlarmBoard
    let time: Time

    func run() async throws {
        try? await cancelWhenGracefulShutdown {
            while true {
                await keeper.refreshDue()
                setAlarms()
                try await time.sleep(for: Self.interval)
            }
        }
    }

    private func setAlarms() {
        let peers = keeper.book.all
        let now = time.wall().seconds
        let revoked = peers.count { $0.life.revokedSince != nil }
        alarms.set(.peerRevoked, revoked > 0)
        let refused = peers.count { $0.life.revokedSince == nil && $0.trouble?.isRefusal ?? false }
        alarms.set(.peerRefused, refused > 0)
        let ending = peers.count { $0.life.revokedSince == nil && $0.life.isNearEnd(at: now) }
        alarms.set(.peerExpires, ending + keeper.book.lost.count > 0)
    }
}
