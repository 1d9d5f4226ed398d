// SPDX-License-Identifier: Apache-2.0

import Control
import FoundationEssentials
import Mail
import Pipeline
import Privacy
import ServiceLifecycle
import Settings
import Store

/// Tells the operator about alarms, by the program and by the mail that the settings ask for.
///
/// Never blocks the mail, and never tells of its own failures by the way that failed: those are on the board only.
struct AlarmNotifier: Service {
    let settings: AlarmSettings
    let hostname: Domain
    let alarms: AlarmBoard
    let pipeline: Pipeline
    let queue: QueueStore
    let time: Time
    let log: Log

    /// The same alarm runs the program at most this often.
    static let commandInterval = Duration.seconds(600)
    private static let commandPatience = Duration.seconds(30)
    /// The same alarm is mailed at most this often.
    static let mailInterval = Duration.seconds(3600)
    /// Alarms that go up together go into one mail.
    private static let gathering = Duration.seconds(10)
    /// After a mail that could not be sent.
    private static let mailPause = Duration.seconds(300)

    func run() async throws {
        try? await cancelWhenGracefulShutdown {
            try await withThrowingTaskGroup(of: Void.self) { group in
                if !settings.command.isEmpty { group.addTask { try await runCommands() } }
                if let address = settings.mail { group.addTask { try await sendMail(to: address) } }
                // Without either there is nothing to do until the gateway stops.
                group.addTask { while true { try await time.sleep(for: .seconds(3600)) } }
                try await group.waitForAll()
            }
        }
    }

    // MARK: - Command

    private func runCommands() async throws {
        var news = AlarmNews(interval: Self.commandInterval)
        while true {
            for item in news.due(alarms.alarms, at: time.boot()) {
                news.remember([item], at: time.boot())
                await runCommand(item)
            }
            try await time.sleep(for: .seconds(1))
        }
    }

    private func runCommand(_ item: AlarmNews.Item) async {
        let alarm = item.alarm
        let state = item.isRaised ? "raised" : "cleared"
        let sentence = item.isRaised ? [alarm.sentence, alarm.remedy].joined(separator: " ") : "It is over."
        do throws(AlarmCommand.Failure) {
            try await AlarmCommand.run(
                settings.command + [alarm.subject, state, sentence],
                environment: [
                    "POSTERN_ALARM=" + alarm.subject, "POSTERN_ALARM_STATE=" + state,
                    "POSTERN_ALARM_SEVERITY=" + alarm.severity.rawValue, "POSTERN_ALARM_TEXT=" + sentence,
                ],
                patience: Self.commandPatience
            )
            alarms.clear(.alarmCommand)
        } catch {
            log.warning("the alarm command did not do its work")
            switch error {
            case .cancelled: break
            case .cannotStart: alarms.raise(.alarmCommand, "The alarm command could not be started.")
            case .failed: alarms.raise(.alarmCommand, "The alarm command failed.")
            case .tookTooLong:
                alarms.raise(.alarmCommand, "The alarm command took longer than 30 seconds and was ended.")
            }
        }
    }

    // MARK: - Mail

    private func sendMail(to address: EmailAddress) async throws {
        var news = AlarmNews(interval: Self.mailInterval)
        var last: MessageID?
        while true {
            try await time.sleep(for: .seconds(1))
            guard !news.due(alarms.alarms, at: time.boot()).isEmpty else { continue }
            try await time.sleep(for: Self.gathering)
            let items = news.due(alarms.alarms, at: time.boot())
            if let last, await isWaiting(last) {
                alarms.raise(.alarmMail, "The last alarm mail still waits; no other is sent before it has left.")
                try await time.sleep(for: Self.mailPause)
                continue
            }
            guard !items.isEmpty else { continue }
            do throws(OwnMailProblem) {
                last = try await pipeline.send(message(items), to: address)
                news.remember(items, at: time.boot())
                alarms.clear(.alarmMail)
            } catch {
                alarms.raise(.alarmMail, Self.sentence(error))
                try await time.sleep(for: Self.mailPause)
            }
        }
    }

    private func isWaiting(_ id: MessageID) async -> Bool {
        let entries = (try? await queue.trace(id)) ?? []
        return entries.contains { [.ready, .leased, .held].contains($0.state) }
    }

    private static func sentence(_ problem: OwnMailProblem) -> String {
        switch problem {
        case .noRoute: "Alarm mail was not sent: no route leads to the address."
        case .noKey: "Alarm mail was not sent: the policy for the address asks for a key, and none is known."
        case .keyUnusable: "Alarm mail was not sent: the key of the address is expired, revoked or unusable."
        case .notStored: "Alarm mail was not sent: it could not be stored."
        }
    }

    private func message(_ items: [AlarmNews.Item]) -> OwnMail {
        let raised = items.filter(\.isRaised)
        let number = raised.count == 1 ? "1 alarm" : "\(raised.count) alarms"
        var lines = ["The mail gateway \(hostname.key) needs its operator.", ""]
        for item in raised {
            lines += [
                "\(item.alarm.severity.rawValue): \(item.alarm.subject), since \(Self.moment(item.alarm.since))",
                "  \(item.alarm.sentence)",
            ]
            if !item.alarm.remedy.isEmpty { lines.append("  What to do: \(item.alarm.remedy)") }
            lines.append("")
        }
        for item in items where !item.isRaised { lines += ["over: \(item.alarm.subject)", ""] }
        lines.append("`postern status` shows all that stands now.")
        let subject = raised.isEmpty ? "Postern: alarms are over" : "Postern: \(number) at \(hostname.key)"
        return OwnMail(subject: subject, lines: lines)
    }

    private static func moment(_ time: WallTime) -> String {
        Date(timeIntervalSince1970: Double(time.seconds)).formatted(.iso8601)
    }
}
