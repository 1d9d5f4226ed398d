// SPDX-License-Identifier: Apache-2.0

import CTOML

/// TOML 1.0 text as a tree that knows its lines.
///
/// Total: bounded in size and depth before the library sees it.
enum TOMLDocument {
    /// No settings file comes near it.
    static let maximumBytes = 1 << 20

    static func parse(_ bytes: [UInt8]) throws(TOMLError) -> [TOMLNode.Member] {
        guard bytes.count <= maximumBytes else {
            throw TOMLError(line: 0, problem: "the file is larger than 1 MiB", remedy: "name a settings file")
        }
        if let line = DottedKeyBound.firstLineBeyond(bytes) {
            throw TOMLError(
                line: line,
                problem: "a key has more than \(DottedKeyBound.maximumDots) dots",
                remedy: "write keys as postern.toml(5) names them"
            )
        }
        guard let document = ParsedDocument(bytes) else {
            throw TOMLError(line: 0, problem: "memory ran out while reading", remedy: "make the file smaller")
        }
        if let error = document.error { throw error }
        return document.members()
    }
}

/// Owns the library's document.
///
/// Not shared between threads; nothing that it hands out points into it.
@safe private struct ParsedDocument: ~Copyable {
    private let handle: OpaquePointer

    init?(_ bytes: [UInt8]) {
        let parsed = unsafe bytes.withUnsafeBufferPointer { buffer in
            unsafe buffer.withMemoryRebound(to: CChar.self) { unsafe ctoml_parse($0.baseAddress, $0.count) }
        }
        guard let parsed = unsafe parsed else { return nil }
        unsafe handle = parsed
    }

    deinit { unsafe ctoml_free(handle) }

    var error: TOMLError? {
        guard let text = unsafe ctoml_error(handle) else { return nil }
        return unsafe TOMLError(libraryText: String(cString: text), line: Int(ctoml_error_line(handle)))
    }

    /// The root table's members.
    ///
    /// The walk keeps its own stack, because the depth is the file's to choose.
    func members() -> [TOMLNode.Member] {
        var open: [OpenNode] = []
        for index in 0..<(unsafe ctoml_count(handle)) {
            let event = unsafe ctoml_event_at(handle, index)
            let leaf: TOMLNode.Value
            switch unsafe event.kind {
            case CTOML_TABLE_BEGIN, CTOML_ARRAY_BEGIN:
                unsafe open.append(OpenNode(event))
                continue
            case CTOML_TABLE_END, CTOML_ARRAY_END:
                guard let closed = open.popLast() else { return [] }
                guard var parent = open.popLast() else { return closed.inFileOrder }
                parent.members.append(closed.member)
                open.append(parent)
                continue
            case CTOML_STRING: leaf = unsafe .text(copy(event.text, event.text_length))
            case CTOML_INTEGER: leaf = unsafe .integer(Int(event.integer))
            case CTOML_FLOAT: leaf = unsafe .number(event.number)
            case CTOML_BOOLEAN: leaf = unsafe .boolean(event.boolean)
            default: leaf = .date
            }
            let member = unsafe TOMLNode.Member(
                key: copy(event.key, event.key_length),
                node: TOMLNode(value: leaf, line: Int(event.line), column: Int(event.column))
            )
            guard !open.isEmpty else { return [] }
            open[open.count - 1].members.append(member)
        }
        return []
    }
}

/// A table or list whose end has not come yet.
private struct OpenNode {
    let key: String
    let line: Int
    let column: Int
    let isTable: Bool
    var members: [TOMLNode.Member] = []

    @unsafe init(_ event: ctoml_event) {
        unsafe key = copy(event.key, event.key_length)
        unsafe line = Int(event.line)
        unsafe column = Int(event.column)
        unsafe isTable = event.kind == CTOML_TABLE_BEGIN
    }

    var inFileOrder: [TOMLNode.Member] {
        members.sorted { ($0.node.line, $0.node.column) < ($1.node.line, $1.node.column) }
    }

    var member: TOMLNode.Member {
        let value: TOMLNode.Value = isTable ? .table(inFileOrder) : .list(members.map(\.node))
        return TOMLNode.Member(key: key, node: TOMLNode(value: value, line: line, column: column))
    }
}

@unsafe private func copy(_ text: UnsafePointer<CChar>?, _ count: Int) -> String {
    guard let text = unsafe text, count > 0 else { return "" }
    return unsafe text.withMemoryRebound(to: UInt8.self, capacity: count) { bytes in
        unsafe String(decoding: UnsafeBufferPointer(start: bytes, count: count), as: UTF8.self)
    }
}

extension TOMLError {
    /// Turns the library's sentence into a problem and what to do about it.
    fileprivate init(libraryText: String, line: Int) {
        var problem = libraryText
        if let colon = problem.firstRange(of: ": "), problem.hasPrefix("Error while parsing ") {
            problem = String(problem[colon.upperBound...])
        }
        var remedy = "mend the line"
        if problem.hasPrefix("cannot redefine") {
            remedy = "keep one of the two"
        } else if problem.contains("value type") || problem.hasPrefix("expected value") {
            remedy = "put text in double quotes"
        } else if problem.hasPrefix("unescaped control") {
            remedy = "close the text with its quotation mark"
        } else if problem.contains("utf-8") {
            remedy = "save the file as UTF-8"
        } else if let macro = problem.firstRange(of: " (TOML_") {
            problem = String(problem[..<macro.lowerBound])
        }
        self.init(line: line, problem: "this is not TOML: \(problem)", remedy: remedy)
    }
}
