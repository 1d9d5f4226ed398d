// SPDX-License-Identifier: Apache-2.0

import Delivery
import Testing

@testable import Gateway

@Suite("Sentences for people")
struct SentenceTests {
    @Test("every cause of a failed delivery has a sentence of its own", arguments: FaultCause.allCases)
    func faults(cause: FaultCause) {
        let sentence = FaultSentence.sentence(for: cause)
        #expect(sentence.hasSuffix(".") && sentence.split(separator: " ").count > 3)
        #expect(sentence.first?.isUppercase == true && sentence.utf8.allSatisfy { (32..<127).contains($0) })
        #expect(FaultCause.allCases.filter { FaultSentence.sentence(for: $0) == sentence } == [cause])
    }

    @Test("an alarm stands once, newest words first, until it is over")
    func alarms() {
        let board = AlarmBoard()
        #expect(board.sentences.isEmpty)
        board.raise("b", "The disk is nearly full.")
        board.raise("a", "A host says yes to everything.")
        board.raise("b", "The disk is full.")
        #expect(board.sentences == ["A host says yes to everything.", "The disk is full."])
        board.clear("b")
        board.clear("never raised")
        #expect(board.sentences == ["A host says yes to everything."])
    }
}
