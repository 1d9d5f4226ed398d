// SPDX-License-Identifier: Apache-2.0

import Control
import ServiceLifecycle
import Settings

/// Answers operators until the gateway stops.
struct ControlService: Service {
    let server: ControlServer
    let core: GatewayCore

    /// Binds the socket that the settings name, or the one that the data directory's name leads to.
    static func bind(
        _ settings: PosternSettings,
        at path: String,
        core: GatewayCore,
        shared: GatewayShared
    ) async throws(GatewayProblem) -> ControlService {
        guard ControlPath.prepareDirectory(of: path) else {
            throw GatewayProblem(
                "The directory of the control socket \(path) can't be made; set control.socket to a place that can be written."
            )
        }
        do {
            let server = try await ControlServer.bind(path: path, group: shared.group, log: shared.log(settings))
            return ControlService(server: server, core: core)
        } catch {
            throw GatewayProblem(
                "The control socket \(path) can't be made; set control.socket to a place that can be written."
            )
        }
    }

    func run() async throws {
        do {
            try await cancelWhenGracefulShutdown {
                try await server.run { await core.answer($0) }
            }
        } catch is CancellationError {
            // The gateway stops.
        }
    }
}
