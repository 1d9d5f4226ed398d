// SPDX-License-Identifier: Apache-2.0

import Privacy
import Testing

@testable import Accounts

@Suite("Slowing wrong passwords")
struct SignInBrakeTests {
    private let brake = SignInBrake(longest: .seconds(60))
    private let mallory: [UInt8] = [192, 0, 2, 66]
    private let honest: [UInt8] = [198, 51, 100, 1]

    private func at(_ seconds: Int64) -> BootTime { BootTime(milliseconds: seconds * 1000) }

    /// The wait of one attempt in seconds, which then turns out as `result`; nil when it was turned away.
    private func attempt(
        _ login: String = "alice",
        from source: [UInt8]? = nil,
        at now: Int64,
        _ result: SignInBrake.Result = .wrong
    ) -> Int64? {
        let source = source ?? mallory
        guard case .at(let start) = brake.admit(login: login, source: source, now: at(now)) else { return nil }
        brake.settle(login: login, source: source, result, now: start)
        return (start - at(now)).wholeMilliseconds / 1000
    }

    @Test("a source waits longer with each wrong password, up to the longest, whatever the login")
    func bySource() {
        var now: Int64 = 1000
        var waits: [Int64] = []
        for number in 0..<12 {
            let wait = attempt("user\(number)", at: now) ?? -1
            waits.append(wait)
            now += wait
        }
        #expect(waits == [0, 0, 0, 1, 2, 4, 8, 16, 32, 60, 60, 60])
    }

    @Test("attempts at once queue behind each other, and too many are turned away")
    func queue() {
        let waits = (0..<14).map { attempt("user\($0)", at: 1000) }
        #expect(waits[3] == 1 && waits[4] == 3 && waits[5] == 7)
        #expect(waits.contains(nil))
        #expect(waits.compactMap { $0 }.allSatisfy { $0 <= 120 })
    }

    @Test("a login under attack costs another source a short wait, and one that is known there none")
    func byLogin() {
        #expect(attempt(from: honest, at: 1000, .right) == 0)
        for number in 0..<30 { _ = attempt(from: [10, 0, 0, UInt8(number)], at: 1001) }
        #expect(attempt(from: [10, 9, 9, 9], at: 1002) == 16)
        #expect(attempt(from: honest, at: 1002, .right) == 0)
    }

    @Test("who gets it right after some slips does not wait; guesses at others stay counted")
    func forgiven() {
        for _ in 0..<3 { _ = attempt(at: 1000) }
        #expect(attempt(at: 1010, .right) == 0)
        #expect(attempt(at: 1010) == 0)
        for number in 0..<6 { _ = attempt("other\(number)", at: 1100) }
        #expect(attempt(at: 2000, .right) == 0)
        #expect((attempt(at: 2000) ?? 0) > 0)
    }

    @Test("an attempt that nobody could judge is not held against anybody")
    func unknown() {
        for _ in 0..<20 { #expect(attempt(at: 1000, .unknown) == 0) }
    }

    @Test("all is forgotten after an hour")
    func forgotten() {
        for number in 0..<8 { _ = attempt("user\(number)", at: 1000) }
        #expect(attempt(at: 1000 + 2 * 3600) == 0)
    }

    @Test("zero switches it off")
    func off() {
        let off = SignInBrake(longest: .zero)
        for _ in 0..<50 { #expect(off.admit(login: "a", source: mallory, now: at(1)) == .at(at(1))) }
    }

    @Test("a /64 is one place, and a mapped IPv4 address is itself")
    func places() {
        let network: [UInt8] = [0x20, 1, 0xd, 0xb8, 0, 1, 0, 2]
        #expect(SignInBrake.place(network + [1, 2, 3, 4, 5, 6, 7, 8]) == network)
        let mapped: [UInt8] = [0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff, 192, 0, 2, 1]
        #expect(SignInBrake.place(mapped) == [192, 0, 2, 1])
        #expect(SignInBrake.place([192, 0, 2, 1]) == [192, 0, 2, 1])
    }
}
