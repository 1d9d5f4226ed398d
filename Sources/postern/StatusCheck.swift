// SPDX-License-Identifier: Apache-2.0

import Control

/// What `postern status --check` says: one line and an exit code, as the plugins of Nagios do.
struct StatusCheck {
    enum Status: Int32 {
        case ok, warning, critical, unknown

        fileprivate var word: String {
            switch self {
            case .ok: "OK"
            case .warning: "WARNING"
            case .critical: "CRITICAL"
            case .unknown: "UNKNOWN"
            }
        }
    }

    /// A gateway that is silent for longer counts as gone.
    private static let patience = Duration.seconds(10)

    let status: Status
    private let words: String
    private var figures = ""

    /// No name and no address is in it.
    var line: String { "POSTERN \(status.word) - \(words)\(figures)" }

    private init(_ status: Status, _ words: String) {
        self.status = status
        self.words = words
    }

    static func look(_ place: GatewayPlace) -> StatusCheck {
        let location: GatewayLocation
        do throws(CommandFailure) {
            location = try place.locate()
        } catch {
            return StatusCheck(.unknown, "the settings can't be read; run the check with the gateway's --config")
        }
        do throws(CommandFailure) {
            guard let gateway = try RunningGateway.find(location, patience: patience) else {
                return StatusCheck(.critical, "no gateway is running")
            }
            guard case .status(let report) = try gateway.ask(.status) else {
                return StatusCheck(.unknown, "the gateway and this command are of different versions")
            }
            return StatusCheck(report)
        } catch {
            return error.status == .notAllowed
                ? StatusCheck(.unknown, "the control socket is closed to this user")
                : StatusCheck(.critical, "the gateway does not answer")
        }
    }

    init(_ report: StatusReport) {
        let isCritical = report.locked || report.alarms.contains { $0.severity == .critical }
        status = isCritical ? .critical : report.alarms.isEmpty ? .ok : .warning
        let waiting = ["ready", "held", "set-aside"].reduce(0) { $0 + (report.queue[$1] ?? 0) }
        let names = (report.locked ? ["locked"] : []) + report.alarms.map(\.name)
        let copies = PlainText.count(waiting, "copy waits", "copies wait")
        words =
            (names.isEmpty ? "" : names.joined(separator: ", ") + "; ")
            + "up \(PlainText.span(report.upSeconds)), \(copies)"
        figures =
            " | waiting=\(waiting) held=\(report.queue["held"] ?? 0) oldest=\(report.oldestSeconds ?? 0)s"
            + " sessions=\(report.sessions) alarms=\(report.alarms.count)"
    }
}
