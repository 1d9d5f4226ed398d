// SPDX-License-Identifier: Apache-2.0

/// Reads a message body once, in any slicing, and outlines it: see ``MIMEOutline``.
///
/// Takes any bytes, in time linear in their number. A body without parts whose first line decides what it is (nearly
/// every message) costs one pass of eight bytes at a time.
package struct MIMEOutliner: Sendable {
    package static let depthLimit = 100
    package static let partLimit = 10_000

    /// Longer lines are no boundaries, and are not put together from their pieces.
    private static let lineLimit = 1024
    /// A part's header section beyond this is not read.
    private static let partHeaderLimit = 64 * 1024
    /// Text before the first part up to this many bytes is taken for a mailer's remark.
    private static let remarkLimit = 256

    private static let newLine: [UInt8] = [ASCII.carriageReturn, ASCII.lineFeed]

    private struct OpenMultipart: Sendable {
        let boundary: [UInt8]
        /// What a part without a Content-Type is: a message in multipart/digest.
        let isDigest: Bool
    }

    private enum Place: Sendable {
        case leaf(LeafRecognizer)
        /// A leaf that is counted already.
        case readLeaf
        case partHeader([UInt8])
        /// Bytes that are not white space, before the first part.
        case preamble(Int)
        case epilogue
        /// Nothing more to learn from the structure.
        case over
    }

    private enum LineBreak: Sendable {
        case none
        case lineFeed
        case full
    }

    private var outline = MIMEOutline()
    private var scan = BodyScan()
    private var tally = LeafTally()
    private var multiparts: [OpenMultipart] = []
    private var place = Place.over
    private var partCount = 0
    private let isTopLevelMultipart: Bool
    /// The start of a line whose end has not come.
    private var pending: [UInt8] = []
    private var isInLongLine = false
    /// The line break before the current line: it belongs to a boundary that follows, else to the content.
    private var lineBreak = LineBreak.none

    /// Begins with the header section of the message or entity whose body is to come.
    package init(header: HeaderSection) {
        let type = ContentType(of: header)
        isTopLevelMultipart = type.isType("multipart")
        outline.isSigned = type.isType("multipart", "signed")
        outline.isAmbiguous = type.isAmbiguous
        if isTopLevelMultipart {
            open(type, header: header)
        } else {
            setLeaf(LeafRecognizer(header: header, type: type))
        }
    }

    /// Takes the next bytes of the body.
    package mutating func consume(_ bytes: ArraySlice<UInt8>) {
        scan.consume(bytes)
        var start = bytes.startIndex
        while start < bytes.endIndex, !isSettled {
            if pending.isEmpty, !isInLongLine, isInLeaf, let end = endOfRun(in: bytes, from: start) {
                feedRun(bytes[start..<end])
                start = end
                continue
            }
            guard let lineFeed = BodyScan.lineFeed(in: bytes, from: start) else {
                pending.append(contentsOf: bytes[start...])
                if pending.count > Self.lineLimit { flushLongLine() }
                return
            }
            if pending.isEmpty, !isInLongLine {
                endLine(bytes[start..<lineFeed])
            } else {
                pending.append(contentsOf: bytes[start..<lineFeed])
                let line = pending
                pending.removeAll(keepingCapacity: true)
                endLine(line[...])
            }
            start = lineFeed + 1
        }
    }

    /// Ends the body and gives the result.
    ///
    /// Parts whose closing boundary is missing end here.
    package mutating func finish() -> MIMEOutline {
        if !pending.isEmpty {
            let line = pending
            pending = []
            takeLine(line[...])
        }
        endPlace()
        scan.finish()
        outline.has8BitBody = scan.has8Bit
        outline.hasLineOver998 = scan.hasLongLine
        outline.hasNUL = scan.hasNUL
        if outline.isAmbiguous || outline.isTruncated { tally.add(.readable) }
        outline.existingEncryption = tally.existing
        if !isTopLevelMultipart, tally.isSigned { outline.isSigned = true }
        return outline
    }

    /// Whether no further line can change the outline.
    private var isSettled: Bool {
        switch place {
        case .over: true
        case .readLeaf: multiparts.isEmpty
        default: false
        }
    }

    // MARK: - Runs

    private var isInLeaf: Bool {
        switch place {
        case .leaf, .readLeaf: true
        default: false
        }
    }

    /// The end of the whole lines from `start` on that can be no boundary; `nil` when there is none.
    private func endOfRun(in bytes: ArraySlice<UInt8>, from start: Int) -> Int? {
        var end = start
        while end < bytes.endIndex, bytes[end] != ASCII.hyphen, let lineFeed = BodyScan.lineFeed(in: bytes, from: end) {
            end = lineFeed + 1
        }
        return end > start ? end : nil
    }

    /// Hands such lines to the leaf in one piece; the last line break waits for what follows it.
    private mutating func feedRun(_ run: ArraySlice<UInt8>) {
        let content = run.dropLast()
        let isFull = content.last == ASCII.carriageReturn
        feedLeaf(isFull ? content.dropLast() : content)
        lineBreak = isFull ? .full : .lineFeed
    }

    /// Hands content to the leaf, the line break before it first.
    private mutating func feedLeaf(_ content: ArraySlice<UInt8>) {
        guard case .leaf(var leaf) = place else { return }
        place = .over
        switch lineBreak {
        case .none: break
        case .lineFeed: leaf.consume(Self.newLine[1...])
        case .full: leaf.consume(Self.newLine[...])
        }
        leaf.consume(content)
        setLeaf(leaf)
    }

    // MARK: - Lines

    private mutating func endLine(_ rawLine: ArraySlice<UInt8>) {
        let isFull = rawLine.last == ASCII.carriageReturn
        let line = isFull ? rawLine.dropLast() : rawLine
        takeLine(line)
        isInLongLine = false
        lineBreak = isFull ? .full : .lineFeed
    }

    /// Hands on what has come of a line too long to be a boundary.
    ///
    /// A CR stays behind: it may belong to the line's end.
    private mutating func flushLongLine() {
        var piece = pending
        pending.removeAll(keepingCapacity: true)
        if piece.last == ASCII.carriageReturn { pending.append(piece.removeLast()) }
        takeLine(piece[...])
        isInLongLine = true
        lineBreak = .none
    }

    private mutating func takeLine(_ line: ArraySlice<UInt8>) {
        if !isInLongLine, line.count >= 3, line[line.startIndex] == ASCII.hyphen,
            line[line.startIndex + 1] == ASCII.hyphen,
            takeBoundary(line.dropFirst(2))
        {
            return
        }
        switch place {
        case .leaf:
            feedLeaf(line)
        case .partHeader(var bytes):
            place = .over
            if line.isEmpty { return beginPart(HeaderSection(parsing: bytes)) }
            bytes.append(contentsOf: line)
            bytes.append(contentsOf: [ASCII.carriageReturn, ASCII.lineFeed])
            guard bytes.count <= Self.partHeaderLimit, !isInLongLine else { return stop() }
            place = .partHeader(bytes)
        case .preamble(let count):
            let count = count + ASCII.trimmed(line).count
            if count > Self.remarkLimit { tally.add(.readable) }
            place = .preamble(count)
        case .epilogue:
            if !ASCII.trimmed(line).isEmpty { tally.add(.readable) }
        case .readLeaf, .over:
            break
        }
    }

    /// Goes on with a leaf, or counts it when no further byte can change what it is.
    private mutating func setLeaf(_ leaf: LeafRecognizer) {
        guard leaf.isDecided else { return place = .leaf(leaf) }
        tally.add(.readable)
        place = .readLeaf
    }

    // MARK: - Parts

    /// Takes what follows the two hyphens when it is a delimiter of an open multipart (RFC 2046 5.1.1), innermost
    /// first.
    private mutating func takeBoundary(_ text: ArraySlice<UInt8>) -> Bool {
        guard !multiparts.isEmpty else { return false }
        var isPrefix = false
        for level in multiparts.indices.reversed() {
            let boundary = multiparts[level].boundary
            guard BodyScan.starts(text, with: boundary) else { continue }
            let rest = ASCII.trimmed(text.dropFirst(boundary.count))
            if rest.isEmpty {
                endPlace()
                multiparts.removeSubrange((level + 1)...)
                partCount += 1
                if partCount > Self.partLimit { truncate() } else { place = .partHeader([]) }
                return true
            }
            if rest.elementsEqual([ASCII.hyphen, ASCII.hyphen]) {
                endPlace()
                multiparts.removeSubrange(level...)
                place = .epilogue
                return true
            }
            isPrefix = true
        }
        // Some readers compare only the beginning of the line, as the RFC says, others all of it.
        if isPrefix { stop() }
        return isPrefix
    }

    private mutating func beginPart(_ header: HeaderSection) {
        let type = ContentType(of: header)
        if partCount == 1, multiparts.count == 1, outline.isSigned {
            outline.signedPartProtectsHeader =
                type.parameter("hp") != nil || type.parameter("protected-headers") != nil
        }
        if header.lines.contains(where: \.isOdd) { tally.add(.readable) }
        if type.isType("multipart") { return open(type, header: header) }
        let isMessage = multiparts.last?.isDigest == true && !type.isPresent
        if isMessage { tally.add(.readable) }
        setLeaf(LeafRecognizer(header: header, type: type))
    }

    private mutating func open(_ type: ContentType, header: HeaderSection) {
        let encodings = header.fields("Content-Transfer-Encoding").map(\.value)
        let isPlain = encodings.isEmpty || (encodings.count == 1 && TransferDecoder.isIdentity(encodings[0]))
        guard let boundary = type.boundary, isPlain, !type.isAmbiguous else { return stop() }
        guard !multiparts.contains(where: { $0.boundary == boundary }) else { return stop() }
        guard multiparts.count < Self.depthLimit else { return truncate() }
        multiparts.append(OpenMultipart(boundary: boundary, isDigest: type.isType("multipart", "digest")))
        place = .preamble(0)
    }

    /// Counts the leaf that ends here, if one does.
    private mutating func endPlace() {
        switch place {
        case .leaf(var leaf): tally.add(leaf.finish())
        case .partHeader(let bytes):
            // Cut off before its empty line: readers may show such lines as text.
            if HeaderSection(parsing: bytes).lines.contains(where: \.isOdd) { tally.add(.readable) }
        default: break
        }
        lineBreak = .none
        place = .over
    }

    /// Gives up on the structure: nothing that follows can be told for certain.
    private mutating func stop() {
        outline.isAmbiguous = true
        endPlace()
        multiparts = []
    }

    private mutating func truncate() {
        outline.isTruncated = true
        stop()
    }
}

/// What the leaves of a message have been so far.
private struct LeafTally: Sendable {
    private var hasOpenPGP = false
    private var hasSMIME = false
    private var hasReadable = false
    /// Whether a leaf was signed in itself.
    private(set) var isSigned = false

    mutating func add(_ content: LeafRecognizer.Content) {
        switch content {
        case .nothing: break
        case .openPGP: hasOpenPGP = true
        case .smime: hasSMIME = true
        case .readable: hasReadable = true
        case .signedCMS, .clearsigned:
            hasReadable = true
            isSigned = true
        }
    }

    var existing: MIMEOutline.Existing {
        guard hasOpenPGP || hasSMIME else { return .none }
        return hasReadable ? .mixedOnlyPartly : hasOpenPGP ? .openPGP : .smime
    }
}
