// SPDX-License-Identifier: Apache-2.0

import DNSResolver
import Privacy
import Synchronization
import Testing

@Suite("Answers that are kept")
struct CachingResolverTests {
    /// Counts questions, and answers as it is told.
    private final class Counting: DNSResolving {
        let questions = Mutex(0)
        let answer: DNSAnswer

        init(_ answer: DNSAnswer) { self.answer = answer }

        func resolve(_ name: String, _ type: RecordType) async -> DNSAnswer {
            questions.withLock { $0 += 1 }
            return answer
        }
    }

    private final class Clock: Sendable {
        let now = Mutex<Int64>(0)
        var time: Time {
            Time(wall: { WallTime(seconds: 0) }, boot: { BootTime(milliseconds: self.now.withLock { $0 } * 1000) })
        }
    }

    private static func asked(_ answer: DNSAnswer, waits: [Int64], type: RecordType = .mx) async -> Int {
        let clock = Clock()
        let counting = Counting(answer)
        let resolver = CachingResolver(counting, time: clock.time)
        #expect(await resolver.resolve("a.test", type) == answer)
        for wait in waits {
            clock.now.withLock { $0 += wait }
            #expect(await resolver.resolve("a.test", type) == answer)
        }
        return counting.questions.withLock { $0 }
    }

    @Test(
        "an answer is kept for its lifetime, an hour at most; absence is an answer",
        arguments: [DNSSecurity.secure, .insecure]
    )
    func keeps(security: DNSSecurity) async {
        let answer = DNSAnswer(security: security, code: .nameError, timeToLive: .seconds(60))
        #expect(await Self.asked(answer, waits: [30, 29]) == 1)
        #expect(await Self.asked(answer, waits: [30, 30]) == 2)
        let long = DNSAnswer(security: security, timeToLive: .seconds(86_400))
        #expect(await Self.asked(long, waits: [3599]) == 1)
        #expect(await Self.asked(long, waits: [3600]) == 2)
    }

    @Test("what failed, is bogus or has no lifetime is asked anew")
    func keepsNot() async {
        #expect(await Self.asked(.failed, waits: [0]) == 2)
        #expect(await Self.asked(DNSAnswer(security: .bogus, timeToLive: .seconds(60)), waits: [0]) == 2)
        #expect(await Self.asked(DNSAnswer(security: .secure), waits: [0]) == 2)
    }

    @Test("each name and type is a question of its own")
    func questions() async {
        let counting = Counting(DNSAnswer(security: .secure, timeToLive: .seconds(60)))
        let resolver = CachingResolver(counting, time: Clock().time)
        for _ in 0..<3 {
            _ = await resolver.resolve("a.test", .mx)
            _ = await resolver.resolve("a.test", .a)
            _ = await resolver.resolve("b.test", .a)
        }
        #expect(counting.questions.withLock { $0 } == 3)
    }
}
