// SPDX-License-Identifier: Apache-2.0

/// A reply of ours to a client (RFC 5321 §4.2), with its enhanced status code (RFC 2034) where there is one.
///
/// Both codes are derived from one ``Class``, so they cannot disagree. The text never holds CR, LF or another control
/// character, and never more than 480 octets a line, whatever it was made from.
package struct Reply: Sendable, Hashable {
    /// The first digit of both codes.
    package enum Class: Int, Sendable {
        case success = 2
        case intermediate = 3
        case transient = 4
        case permanent = 5
    }

    package let `class`: Class
    /// The second and third digit, 0...59.
    private let minor: Int
    /// Subject and detail; `nil` for replies that carry none (greeting, EHLO, HELO, 3yz).
    package let status: EnhancedStatus?
    /// One or more lines of text, without codes.
    package let lines: [String]

    /// Makes a reply from its class.
    ///
    /// - Parameter minor: second and third digit of the basic code: 50 with `.permanent` is 550.
    package init(_ class: Class, _ minor: Int, _ status: EnhancedStatus?, lines: [String]) {
        self.class = `class`
        self.minor = min(max(minor, 0), 59)
        self.status = `class` == .intermediate ? nil : status
        self.lines = lines.isEmpty ? [""] : lines.map(Reply.cleaned)
    }

    package init(_ class: Class, _ minor: Int, _ status: EnhancedStatus?, _ text: String) {
        self.init(`class`, minor, status, lines: [text])
    }

    /// The basic code, such as 250.
    package var code: Int { `class`.rawValue * 100 + minor }

    /// The enhanced code, such as `2.1.5`.
    package var enhancedText: String? {
        status.map { "\(`class`.rawValue).\($0.subject).\($0.detail)" }
    }

    /// Whether the command succeeded, or is half-way to it (3yz).
    package var isPositive: Bool { `class` == .success || `class` == .intermediate }

    /// Appends the reply as it goes over the wire.
    package func encode(into output: inout [UInt8]) {
        for (index, line) in lines.enumerated() {
            Reply.appendDigits(of: code, to: &output)
            output.append(index == lines.count - 1 ? UInt8(ascii: " ") : UInt8(ascii: "-"))
            if let enhancedText {
                output.append(contentsOf: enhancedText.utf8)
                output.append(UInt8(ascii: " "))
            }
            output.append(contentsOf: line.utf8)
            output.append(13)
            output.append(10)
        }
    }

    /// The wire form on its own.
    package var encoded: [UInt8] {
        var bytes: [UInt8] = []
        bytes.reserveCapacity(64 * lines.count)
        encode(into: &bytes)
        return bytes
    }

    private static func appendDigits(of code: Int, to output: inout [UInt8]) {
        output.append(UInt8(truncatingIfNeeded: 48 + code / 100 % 10))
        output.append(UInt8(truncatingIfNeeded: 48 + code / 10 % 10))
        output.append(UInt8(truncatingIfNeeded: 48 + code % 10))
    }

    private static func cleaned(_ text: String) -> String {
        let isClean = text.utf8.allSatisfy { $0 >= 0x20 && $0 != 0x7F }
        if isClean && text.utf8.count <= 480 { return text }
        var result = ""
        var length = 0
        for scalar in text.unicodeScalars {
            let isControl = scalar.value < 0x20 || (0x7F...0x9F).contains(scalar.value)
            let kept: Unicode.Scalar = isControl ? " " : scalar
            length += kept.utf8.count
            guard length <= 480 else { break }
            result.unicodeScalars.append(kept)
        }
        return result
    }
}
