// SPDX-License-Identifier: Apache-2.0

package import Privacy
import Synchronization

/// Keeps answers for as long as they may be kept, so that asking again costs no way through libunbound's thread.
///
/// What failed or is bogus is never kept. Of an answer without a lifetime nothing is kept either.
package final class CachingResolver: DNSResolving {
    private struct Question: Hashable {
        let name: String
        let type: RecordType
    }

    private struct Kept {
        let answer: DNSAnswer
        let until: BootTime
    }

    private let resolver: any DNSResolving
    private let time: Time
    private let kept = Mutex<[Question: Kept]>([:])

    /// So many answers are kept; with more, all are asked anew.
    private static let maxAnswers = 8192
    /// Longer than this none is kept, so that a change shows soon.
    private static let longest = Duration.seconds(3600)
    /// Answers with more records are left to libunbound.
    private static let maxRecords = 16

    package init(_ resolver: any DNSResolving, time: Time) {
        self.resolver = resolver
        self.time = time
    }

    package func resolve(_ name: String, _ type: RecordType) async -> DNSAnswer {
        let question = Question(name: name, type: type)
        let now = time.boot()
        if let known = kept.withLock({ $0[question] }), now < known.until { return known.answer }
        let answer = await resolver.resolve(name, type)
        guard answer.isUsable, answer.timeToLive > .zero, answer.records.count <= Self.maxRecords else { return answer }
        let until = now + min(answer.timeToLive, Self.longest)
        kept.withLock { kept in
            if kept.count >= Self.maxAnswers { kept.removeAll() }
            kept[question] = Kept(answer: answer, until: until)
        }
        return answer
    }
}
