// SPDX-License-Identifier: Apache-2.0

/// Finds mailboxes without a domain (`root (Cron Daemon)`, `<alice>`) in a field value that lists addresses, and
/// completes them.
///
/// Only bytes of such names change; folds, comments, display names and whole addresses stay as they came. Total over
/// any bytes.
struct UnqualifiedNames {
    private let bytes: [UInt8]
    private let complete: ([UInt8]) -> [UInt8]
    private var index = 0
    private var result: [UInt8] = []
    /// Up to where the input is in ``result``.
    private var copied = 0
    private var isInAngle = false
    private var hasAddress = false
    /// The words of the mailbox so far outside its display name: one run of atoms and dots, or a quoted string.
    private var run: Range<Int>?
    private var runs = 0

    /// The value with each name replaced by what `complete` makes of it.
    static func completed(_ value: [UInt8], _ complete: ([UInt8]) -> [UInt8]) -> [UInt8] {
        withoutActuallyEscaping(complete) { complete in
            var names = UnqualifiedNames(bytes: value, complete: complete)
            while names.index < value.count { names.step() }
            names.endMailbox()
            names.result.append(contentsOf: value[names.copied...])
            return names.result
        }
    }

    private init(bytes: [UInt8], complete: @escaping ([UInt8]) -> [UInt8]) {
        self.bytes = bytes
        self.complete = complete
    }

    private mutating func step() {
        let byte = bytes[index]
        switch byte {
        case ASCII.openParenthesis:
            index = StructuredLexer.endOfComment(in: bytes, from: index) ?? bytes.count
            return
        case ASCII.quote:
            let end = StructuredLexer.quotedString(in: bytes, from: index).end ?? bytes.count
            takeWord(index..<end)
            index = end
            return
        case ASCII.openBracket, ASCII.at: hasAddress = true
        case ASCII.less:
            // What stood before was the display name.
            (run, runs, hasAddress, isInAngle) = (nil, 0, false, true)
        case ASCII.greater:
            if isInAngle { replaceName() }
            (isInAngle, hasAddress) = (false, true)
        case ASCII.comma, ASCII.semicolon: endMailbox()
        case ASCII.colon: (run, runs, hasAddress) = (nil, 0, isInAngle)
        default:
            if ASCII.isAtext(byte) || byte == ASCII.dot { takeWord(index..<(index + 1)) }
        }
        index += 1
    }

    private mutating func takeWord(_ range: Range<Int>) {
        if let open = run, open.upperBound == range.lowerBound {
            run = open.lowerBound..<range.upperBound
        } else {
            run = range
            runs += 1
        }
    }

    private mutating func endMailbox() {
        // An open bracket is nobody's address; a single word outside brackets is a name.
        if !isInAngle { replaceName() }
        (run, runs, hasAddress, isInAngle) = (nil, 0, false, false)
    }

    private mutating func replaceName() {
        guard !hasAddress, runs == 1, let run else { return }
        result.append(contentsOf: bytes[copied..<run.lowerBound])
        result.append(contentsOf: complete(Array(bytes[run])))
        copied = run.upperBound
    }
}
