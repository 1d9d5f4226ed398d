// SPDX-License-Identifier: Apache-2.0

/// Reads one direction of a TLS connection's beginning, as long as it is in clear: the hello, what a TLS 1.2 server says of its key
/// exchange, and an alert (RFC 8446 §4 and §5, RFC 5246 §6 and §7).
///
/// Total over any bytes, cut anywhere, and bounded: what is not needed is skipped without being kept.
package struct HelloReader: Sendable {
    package enum End: Sendable, Hashable {
        /// All that can be seen was seen, or the rest is encrypted.
        case done
        /// This is not TLS, or breaks its form.
        case malformed
    }

    /// A message that is kept is no longer than this; a hello with post-quantum shares has about 2 KiB.
    package static let maxMessage = 16_384
    /// After so many octets in clear nobody looks on.
    package static let maxBytes = 262_144
    /// RFC 5246 §6.2.3: 2^14 octets and what encryption may add.
    private static let maxRecord = 16_384 + 2048

    package private(set) var offer: ClientOffer?
    package private(set) var choice: ServerChoice?
    package private(set) var alert: TLSAlert?
    package private(set) var end: End?

    private enum ContentType { static let changeCipherSpec = 20, alert = 21, handshake = 22, applicationData = 23 }
    private enum MessageType {
        static let clientHello = 1, serverHello = 2, serverKeyExchange = 12, serverHelloDone = 14
    }

    private var count = 0
    private var header: [UInt8] = []
    /// Octets of the current record that are still to come.
    private var remaining = 0
    private var type = 0
    private var isPastChange = false
    private var alertBytes: [UInt8] = []
    private var message: [UInt8] = []
    /// Octets of the current message that are still to come and of no interest.
    private var skipping = 0

    package init() {}

    /// Takes in more octets; after ``end`` is set nothing changes any more.
    package mutating func take(_ bytes: some Sequence<UInt8>) {
        for byte in bytes {
            guard end == nil else { return }
            take(byte)
        }
    }

    private mutating func take(_ byte: UInt8) {
        count += 1
        guard count <= HelloReader.maxBytes else {
            end = .done
            return
        }
        if remaining == 0 {
            header.append(byte)
            if !HelloReader.mayBegin(header) { end = .malformed }
            if header.count == 5, end == nil { beginRecord() }
            return
        }
        remaining -= 1
        switch type {
        case ContentType.alert: takeAlert(byte)
        case ContentType.handshake: takeHandshake(byte)
        default: break
        }
    }

    /// Whether a record can begin so: a known type, and a version 3.x.
    private static func mayBegin(_ header: [UInt8]) -> Bool {
        switch header.count {
        case 1: (20...24).contains(header[0])
        case 2: header[1] == 3
        default: true
        }
    }

    private mutating func beginRecord() {
        type = Int(header[0])
        remaining = Int(header[3]) << 8 | Int(header[4])
        header.removeAll(keepingCapacity: true)
        guard remaining <= HelloReader.maxRecord else {
            end = .malformed
            return
        }
        switch type {
        case ContentType.applicationData: end = .done
        // One that is encrypted is longer.
        case ContentType.alert where remaining > 2: end = .done
        case ContentType.changeCipherSpec: isPastChange = true
        default: break
        }
    }

    private mutating func takeAlert(_ byte: UInt8) {
        alertBytes.append(byte)
        guard alertBytes.count == 2 else { return }
        alert = TLSAlert(isFatal: alertBytes[0] == 2, code: alertBytes[1])
        alertBytes = []
        // A warning may be followed by the hello: unrecognized_name (RFC 6066 §3).
        if alert?.isFatal == true { end = .done }
    }

    private mutating func takeHandshake(_ byte: UInt8) {
        guard skipping == 0 else {
            skipping -= 1
            return
        }
        message.append(byte)
        // In TLS 1.2 the rest is encrypted; in 1.3 a change means nothing, and a second hello may follow it.
        if message.count == 1, isPastChange, !isHello(byte) { end = .done }
        guard message.count >= 4 else { return }
        let length = Int(message[1]) << 16 | Int(message[2]) << 8 | Int(message[3])
        if message.count == 4 {
            guard isWanted(message[0]) else {
                if message[0] == MessageType.serverHelloDone { end = .done }
                skipping = length
                message.removeAll(keepingCapacity: true)
                return
            }
            guard length <= HelloReader.maxMessage else {
                end = .malformed
                return
            }
        }
        guard message.count == length + 4 else { return }
        finishMessage()
        message.removeAll(keepingCapacity: true)
    }

    private func isHello(_ type: UInt8) -> Bool {
        [MessageType.clientHello, MessageType.serverHello].contains(Int(type))
    }

    private func isWanted(_ type: UInt8) -> Bool { isHello(type) || type == MessageType.serverKeyExchange }

    private mutating func finishMessage() {
        let body = message[4...]
        switch Int(message[0]) {
        case MessageType.clientHello:
            guard let read = ClientOffer(body) else { return end = .malformed }
            // A second one answers a HelloRetryRequest; the first says what was offered.
            if offer == nil { offer = read }
        case MessageType.serverHello:
            guard let read = ServerChoice(body) else { return end = .malformed }
            choice = read
            if read.version == TLSNames.tls13, !read.isRetry { end = .done }
        default:
            guard let group = ServerChoice.namedGroup(body) else { return }
            choice?.group = group
        }
    }
}
