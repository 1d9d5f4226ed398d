// SPDX-License-Identifier: Apache-2.0

import Control
import Glibc

/// A conversation with the gateway that runs.
final class RunningGateway {
    private let client: ControlClient

    private init(_ client: consuming ControlClient) { self.client = client }

    /// Fails with one sentence when no gateway runs.
    static func connect(_ location: GatewayLocation) throws(CommandFailure) -> RunningGateway {
        if let gateway = try find(location) { return gateway }
        throw CommandFailure(
            .noGateway,
            "No gateway is running for \(location.shownData) (nothing answers at \(location.sockets[0])); start it with "
                + "`\(location.startCommand)`."
        )
    }

    /// The running gateway, also when its settings file is broken now: then by the data directory that the file may still
    /// name, or by the one on the command line.
    static func connectWithoutSettings(_ place: GatewayPlace) throws(CommandFailure) -> RunningGateway {
        do {
            return try connect(try place.locate())
        } catch {
            guard error.status == .settings, let location = place.locateByDataAlone(),
                let gateway = try find(location)
            else { throw error }
            return gateway
        }
    }

    /// The gateway for `location`, nil when none runs.
    ///
    /// With `patience`, an answer that takes longer counts as none.
    static func find(_ location: GatewayLocation, patience: Duration? = nil) throws(CommandFailure) -> RunningGateway? {
        for path in location.sockets {
            do {
                return RunningGateway(try ControlClient(path: path, patience: patience))
            } catch {
                guard isClosedToUs(path) else { continue }
                throw CommandFailure(
                    .notAllowed,
                    "The control socket \(path) is closed to this user; run the command as root or as the gateway's own user."
                )
            }
        }
        return nil
    }

    /// The answer; a refusal is thrown as the sentence it holds.
    func ask(_ request: ControlRequest) throws(CommandFailure) -> ControlResponse {
        let response: ControlResponse
        do {
            response = try client.ask(request)
        } catch {
            throw CommandFailure(
                .noGateway,
                "The gateway ended before it answered; `postern log` of the next run may tell why."
            )
        }
        if case .refused(let sentence) = response { throw CommandFailure(.refused, sentence) }
        return response
    }

    private static func isClosedToUs(_ path: String) -> Bool {
        if access(path, F_OK) != 0 { return errno == EACCES }
        return access(path, R_OK | W_OK) != 0 && errno == EACCES
    }
}
