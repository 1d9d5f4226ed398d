// SPDX-License-Identifier: Apache-2.0

import Foundation
import Privacy
import Store
import Testing
import Vault

@testable import Accounts

@Suite("Limits of an account")
struct SendingLimitTests {
    private let start = WallTime(seconds: 1_800_000_000)

    private func after(_ seconds: Int64) -> WallTime { WallTime(seconds: start.seconds + seconds) }

    private func allowance(messages: Int = 0, day: Int = 0, recipients: Int = 0) -> SendingAllowance {
        SendingAllowance(
            messagesPerHour: messages,
            messagesPerDay: day,
            recipientsPerHour: recipients,
            recipientsPerDay: 0,
            softStart: .seconds(86_400)
        )
    }

    @Test("an hour and a day slide, and err on the large side by a slot at most")
    func sliding() {
        var usage = SendingUsage()
        for minute in stride(from: Int64(0), to: 60, by: 1) {
            usage.add(messages: 1, recipients: 2, at: after(minute * 60))
        }
        #expect(usage.total(lastSeconds: SendingUsage.hour, at: after(3599)) == .init(messages: 60, recipients: 120))
        usage.add(messages: 1, recipients: 1, at: after(2 * 3600))
        let hour = usage.total(lastSeconds: SendingUsage.hour, at: after(2 * 3600)).messages
        #expect((1...6).contains(hour))
        #expect(usage.total(lastSeconds: SendingUsage.day, at: after(2 * 3600)).messages == 61)
        #expect(usage.total(lastSeconds: SendingUsage.day, at: after(28 * 3600)).messages == 0)
    }

    @Test("a busy day takes few slots")
    func bounded() {
        var usage = SendingUsage()
        for minute in stride(from: Int64(0), to: 3 * 1440, by: 2) {
            usage.add(messages: 1, recipients: 1, at: after(minute * 60))
        }
        #expect(usage.slots.count <= 42)
        let day = usage.total(lastSeconds: SendingUsage.day, at: after(3 * 86_400)).messages
        #expect((720...780).contains(day))
    }

    @Test("what a clock that was set back left in the future counts from now, and then ends")
    func clockSetBack() {
        var usage = SendingUsage()
        usage.add(messages: 5, recipients: 5, at: after(7 * 86_400))
        usage.add(messages: 1, recipients: 1, at: start)
        #expect(usage.total(lastSeconds: SendingUsage.hour, at: start).messages == 6)
        #expect(usage.total(lastSeconds: SendingUsage.day, at: after(90_000)).messages == 0)
    }

    @Test("a new account may send a tenth, rounded up; no limit stays none")
    func softStart() {
        let full = allowance(messages: 25, day: 1000)
        let soft = full.applied(created: start, now: after(3600))
        #expect((soft.messagesPerHour, soft.messagesPerDay, soft.recipientsPerHour) == (3, 100, 0))
        #expect(full.applied(created: start, now: after(86_400)) == full)
        #expect(full.applied(created: nil, now: start) == full)
        let more = full.times(3)
        #expect((more.messagesPerHour, more.messagesPerDay, more.recipientsPerHour) == (75, 3000, 0))
        #expect(allowance(messages: .max).times(2).messagesPerHour == .max)
    }

    private func withLedger(_ body: (SendingLedger, RecordStore) async throws -> Void) async throws {
        let directory = FileManager.default.temporaryDirectory.path + "/postern-ledger-\(UUID().uuidString)"
        let time = Time(wall: { WallTime(seconds: 1_800_000_000) }, boot: { BootTime(milliseconds: 0) })
        let records = try RecordStore.open(directory: directory, vault: try Vault.ephemeral(), time: time, log: .none)
        defer { try? FileManager.default.removeItem(atPath: directory) }
        try await body(try await SendingLedger.load(from: records), records)
        await records.close()
    }

    @Test("what sessions have begun counts until it is given back; what was accepted survives a restart")
    func ledger() async throws {
        let carol = try #require(AccountName("carol"))
        let other = try #require(AccountName(dovecotLogin: "carol"))
        let limit = allowance(messages: 2, recipients: 3)
        try await withLedger { ledger, records in
            func begin(_ item: SendingLedger.Item, _ name: AccountName, _ ledger: SendingLedger) -> Bool {
                ledger.begin(item, by: name, limit, created: nil, now: start)
            }
            #expect(begin(.message, carol, ledger) && begin(.message, carol, ledger))
            #expect(!ledger.isAnyAtLimit(now: start))
            #expect(!begin(.message, carol, ledger))
            #expect(ledger.isAnyAtLimit(now: start) && !ledger.isAnyAtLimit(now: after(3601)))
            ledger.giveBack(messages: 1, recipients: 0, by: carol)
            #expect(begin(.message, carol, ledger))
            for _ in 0..<3 { #expect(begin(.recipient, carol, ledger)) }
            #expect(!begin(.recipient, carol, ledger))
            #expect(begin(.recipient, other, ledger), "a login at Dovecot is somebody else")
            await ledger.count(recipients: 3, by: carol, now: start)
            let again = try await SendingLedger.load(from: records)
            #expect(again.report(on: carol, now: start) == .init(messages: 1, recipients: 3, isAtLimit: false))
            #expect(begin(.message, carol, again) && !begin(.message, carol, again))
            #expect(!begin(.recipient, carol, again))
        }
    }
}
