// SPDX-License-Identifier: Apache-2.0

/// The trace field that Postern itself puts on a message (RFC 5321 4.4).
package struct TraceField {
    /// The value of our `Received`: `by`, `with`, `id` and the date in UTC.
    ///
    /// Nothing of the client: no address, HELO name or login, and no `for`. `with` is a registered protocol word
    /// (ESMTPSA and its kin, RFC 3848), `id` the message's own identifier; what a word can't hold is left out of both.
    package static func received(
        by host: Domain,
        with protocolName: String,
        id: String,
        at secondsSince1970: Int64
    ) -> String {
        "by \(host.key) with \(word(protocolName)) id \(word(id));\r\n\t\(MessageDate.format(secondsSince1970))"
    }

    private static func word(_ text: String) -> String {
        let bytes = text.utf8.filter { ASCII.isAtext($0) && $0 < 0x80 || $0 == ASCII.dot }
        return bytes.isEmpty ? "unknown" : String(decoding: bytes, as: UTF8.self)
    }
}
