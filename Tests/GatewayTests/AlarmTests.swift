// SPDX-License-Identifier: Apache-2.0

import Control
import Foundation
import Privacy
import Synchronization
import Testing

@testable import Gateway

@Suite("Alarms")
struct AlarmTests {
    private static func time(_ seconds: Int64 = 1_790_000_000) -> Time {
        Time(wall: { WallTime(seconds: seconds) }, boot: { BootTime(milliseconds: 0) })
    }

    private static func at(_ seconds: Int64) -> BootTime { BootTime(milliseconds: seconds * 1000) }

    @Test("a value that wavers between two bounds neither raises nor clears")
    func highIsBad() {
        var age = Hysteresis(raise: 10, clear: 5)
        let raised = [0, 9, 10, 6, 9, 5, 9, 12].map { age.observe($0) }
        #expect(raised == [false, false, true, true, true, false, false, true])
    }

    @Test("the same where low values are bad")
    func lowIsBad() {
        var disk = Hysteresis(raise: 5, clear: 10)
        let raised = [20, 6, 5, 9, 10, 6].map { disk.observe($0) }
        #expect(raised == [false, false, true, true, false, false])
    }

    @Test("an alarm of the catalogue has its own words, and keeps the time since when it stands")
    func board() {
        let seconds = Mutex<Int64>(1000)
        let time = Time(
            wall: { WallTime(seconds: seconds.withLock { $0 }) },
            boot: { BootTime(milliseconds: 0) }
        )
        let board = AlarmBoard(time: time)
        board.raise(.diskLow)
        seconds.withLock { $0 = 2000 }
        board.raise(.diskLow, "5 MiB are left.")
        board.raise(.storeFull)
        board.raise("another-subject", "Something was stopped; see `postern status`.")
        #expect(board.alarms.map(\.subject) == ["store-full", "another-subject", "disk-low"])
        #expect(board.alarms.map(\.severity) == [.critical, .warning, .warning])
        #expect(board.alarms.map(\.since.seconds) == [2000, 2000, 1000])
        #expect(board.alarms[2].sentence == "5 MiB are left." && board.alarms[1].remedy.isEmpty)
        board.clear(.storeFull)
        #expect(board.alarms.count == 2)
    }

    @Test("each change is told once, and the same alarm not again before its time")
    func news() {
        let board = AlarmBoard(time: Self.time())
        var news = AlarmNews(interval: .seconds(600))
        func due(_ seconds: Int64) -> [String] {
            let items = news.due(board.alarms, at: Self.at(seconds))
            news.remember(items, at: Self.at(seconds))
            return items.map { ($0.isRaised ? "+" : "-") + $0.alarm.subject }
        }
        #expect(due(0).isEmpty)
        board.raise(.diskLow)
        #expect(due(1) == ["+disk-low"])
        #expect(due(2).isEmpty)
        board.raise(.setAside)
        board.clear(.diskLow)
        #expect(due(3) == ["+set-aside"])
        board.raise(.diskLow)
        #expect(due(300).isEmpty, "it is back as it was told")
        board.clear(.diskLow)
        #expect(due(601) == ["-disk-low"])
        board.raise(.diskLow)
        #expect(due(700).isEmpty)
        #expect(due(1201) == ["+disk-low"])
        board.raise(.alarmMail)
        board.raise(.alarmCommand)
        #expect(due(5000).isEmpty, "alarms about the telling are not told")
    }

    @Test("what is not remembered is due again")
    func notRemembered() {
        let board = AlarmBoard(time: Self.time())
        let news = AlarmNews(interval: .seconds(600))
        board.raise(.diskLow)
        #expect(news.due(board.alarms, at: Self.at(0)).count == 1 && news.due(board.alarms, at: Self.at(1)).count == 1)
    }

    @Test("every alarm says what is wrong and what to do", arguments: AlarmKind.allCases)
    func sentences(kind: AlarmKind) {
        #expect(kind.meaning.hasSuffix(".") && kind.remedy.hasSuffix("."))
        #expect((kind.meaning + kind.remedy).utf8.allSatisfy { (32..<127).contains($0) })
    }

    @Test("the alarm command runs without a shell and without our environment, and is ended when it takes too long")
    func command() async throws {
        let folder = NSTemporaryDirectory() + "postern-alarm-\(UUID().uuidString)"
        try FileManager.default.createDirectory(atPath: folder, withIntermediateDirectories: true)
        defer { try? FileManager.default.removeItem(atPath: folder) }
        let script = folder + "/notify"
        let text = #"""
            #!/bin/sh
            printf '%s\n' "$@" > "$OUT"
            env >> "$OUT"
            [ "$1" = slow ] && sleep 600
            [ "$1" = ok ]

            """#
        try Data(text.utf8).write(to: URL(filePath: script))
        try FileManager.default.setAttributes([.posixPermissions: 0o755], ofItemAtPath: script)
        let environment = ["OUT=\(folder)/out"]
        try await AlarmCommand.run(
            [script, "ok", "$(id) ; `id`"],
            environment: environment,
            patience: .seconds(300)
        )
        let said = try String(contentsOfFile: folder + "/out", encoding: .utf8)
        #expect(said.hasPrefix("ok\n$(id) ; `id`\n") && !said.contains("HOME="))
        await #expect(throws: AlarmCommand.Failure.failed) {
            try await AlarmCommand.run([script, "bad"], environment: environment, patience: .seconds(300))
        }
        await #expect(throws: AlarmCommand.Failure.tookTooLong) {
            try await AlarmCommand.run([script, "slow"], environment: environment, patience: .milliseconds(300))
        }
        await #expect(throws: AlarmCommand.Failure.cannotStart) {
            try await AlarmCommand.run([folder + "/none"], environment: [], patience: .seconds(300))
        }
    }

    @Test("counts of today begin anew at midnight")
    func today() {
        let seconds = Mutex<Int64>(86_400 * 20_000 - 10)
        let time = Time(
            wall: { WallTime(seconds: seconds.withLock { $0 }) },
            boot: { BootTime(milliseconds: 0) }
        )
        let counters = Counters(time: time)
        counters.add("copies encrypted", 3)
        counters.reached(limit: "recipients")
        #expect(counters.sinceMidnight == ["copies encrypted": 3, "limit recipients": 1])
        seconds.withLock { $0 += 20 }
        #expect(counters.sinceMidnight.isEmpty)
        counters.add("copies encrypted")
        #expect(counters.sinceMidnight == ["copies encrypted": 1] && counters.all["copies encrypted"] == 4)
    }

    @Test(
        "of a reply only the codes are told, and no word that holds an address",
        arguments: [
            ("550 5.1.1 <x@far.test> unknown", "550 5.1.1"), ("451 later, x@far.test", "451"), ("250", "250"),
            ("The mail server could not be reached.", "The mail server could not be reached."),
            ("see x@far.test for it", "see … for it"), ("", ""),
        ]
    )
    func replies(text: String, told: String) {
        #expect(ReplyText.codes(text) == told)
    }
}
