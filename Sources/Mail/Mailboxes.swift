// SPDX-License-Identifier: Apache-2.0

/// The addresses in `From`, `Sender`, `To`, `Cc` and their like (RFC 5322 3.4, obsolete forms of section 4.4 too).
///
/// Lenient where mail in the wild is, and total: what is no address is left out, the rest of the list is read all the
/// same. Display names, encoded words in them, comments, group names and routes carry no address, whatever they look
/// like: only what a mailer would answer to counts.
package struct Mailboxes {
    /// The addresses of a field value (unfolded, any bytes) in their order, repeated ones too.
    package static func parse(_ fieldValue: [UInt8]) -> [EmailAddress] {
        var parser = Mailboxes()
        var lexer = StructuredLexer(fieldValue)
        while let token = lexer.next() { parser.take(token) }
        parser.endMailbox()
        return parser.addresses
    }

    private enum Place {
        /// Before an `@`: a display name or a local part, that will show.
        case words
        /// Behind the `@`.
        case domain
        /// In `<@a,@b:`, before the colon.
        case route
        /// Behind the `>`.
        case done
    }

    private var addresses: [EmailAddress] = []
    private var place = Place.words
    private var isInAngle = false
    private var isBroken = false
    private var local: [UInt8] = []
    private var domain: [UInt8] = []
    /// Whether the next word belongs to the one before it: there was a dot between them.
    private var isJoined = false

    private mutating func take(_ token: StructuredLexer.Token) {
        if place == .route {
            if token == .special(ASCII.colon) { place = .words }
            if token == .special(ASCII.greater) { endMailbox() }
            return
        }
        switch token {
        case .atom(let word): takeWord(word, isQuoted: false)
        case .quoted(let word): takeWord(word[...], isQuoted: true)
        case .literal: isBroken = isBroken || place == .domain
        case .special(ASCII.dot): takeDot()
        case .special(ASCII.at): takeAt()
        case .special(ASCII.less): openAngle()
        case .special(ASCII.greater): closeAngle()
        case .special(ASCII.comma), .special(ASCII.semicolon): endMailbox()
        case .special(ASCII.colon): takeColon()
        case .special: isBroken = true
        }
    }

    private mutating func takeWord(_ word: ArraySlice<UInt8>, isQuoted: Bool) {
        switch place {
        case .words:
            if !isJoined { local.removeAll(keepingCapacity: true) }
            local.append(contentsOf: word)
        case .domain:
            // Words that follow a domain without a dot are no part of an address.
            if isQuoted || !(domain.isEmpty || isJoined) { isBroken = true }
            domain.append(contentsOf: word)
        case .done:
            // Text behind the closing bracket: perhaps the start of a mailbox whose comma was forgotten.
            endMailbox()
            local.append(contentsOf: word)
        case .route: break
        }
        isJoined = false
    }

    private mutating func takeDot() {
        switch place {
        case .words: local.append(ASCII.dot)
        case .domain: domain.append(ASCII.dot)
        case .done, .route: break
        }
        isJoined = true
    }

    private mutating func takeAt() {
        isJoined = false
        if place == .words, isInAngle, local.isEmpty {
            place = .route
        } else if place == .words, !local.isEmpty {
            place = .domain
        } else {
            isBroken = true
        }
    }

    private mutating func openAngle() {
        if isInAngle || place == .done { endMailbox() }
        // What stood before was the display name, even when it looked like an address.
        reset()
        isInAngle = true
    }

    private mutating func closeAngle() {
        // Without an opening bracket it may close a list that someone put into one pair: `<a@x, b@y>`.
        guard isInAngle || place == .domain else {
            isBroken = true
            return
        }
        isInAngle = false
        commit()
        place = .done
    }

    /// The colon behind a group's name; anywhere else it breaks the mailbox.
    private mutating func takeColon() {
        if isInAngle || place != .words {
            isBroken = true
        } else {
            reset()
        }
    }

    private mutating func endMailbox() {
        commit()
        reset()
    }

    /// Notes the address read so far, when it is one.
    private mutating func commit() {
        guard place == .domain, !isBroken else { return }
        guard let localText = String(validating: local, as: UTF8.self),
            let domainText = String(validating: domain, as: UTF8.self),
            let parsed = Domain(domainText), let address = EmailAddress(localPart: localText, domain: parsed)
        else { return }
        addresses.append(address)
    }

    private mutating func reset() {
        place = .words
        isInAngle = false
        isBroken = false
        isJoined = false
        local.removeAll(keepingCapacity: true)
        domain.removeAll(keepingCapacity: true)
    }
}
