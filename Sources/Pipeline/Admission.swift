// SPDX-License-Identifier: Apache-2.0

import Accounts
import Mail
import Settings
import Vault

/// `admit`: is this a message that may be taken at all? Values in, a verdict out.
struct Admission {
    /// A message that came by this gateway this often is going round in circles.
    static let ownHops = 10

    let hostname: Domain
    let hops: Int
    let tagSeparator: Character?
    let accounts: Accounts
    let mark: FilterMark

    init(settings: PosternSettings, accounts: Accounts, vault: Vault) {
        self.accounts = accounts
        mark = FilterMark(vault: vault)
        tagSeparator = settings.tagSeparator
        hostname = settings.hostname
        hops = settings.limits.hops
    }

    func refusal(
        for header: HeaderSection,
        hasEmptyLine: Bool,
        origin: Origin,
        filter: String? = nil
    ) -> Refusal? {
        let trace = header.fields("Received")
        if trace.count > hops || trace.count(where: isOurs) > Self.ownHops { return .tooManyHops }
        if let filter, mark.count(in: header, filter: filter) >= FilterMark.passes { return .filteredBefore }
        guard origin.isOurs else { return nil }
        // Without an empty line text would stand where nothing is ever encrypted.
        if !hasEmptyLine, header.lines.contains(where: \.isOdd) { return .noHeaderEnd }
        let authors = header.fields("From").flatMap { Mailboxes.parse($0.value) }
        guard !authors.isEmpty else { return .noFrom }
        let senders = header.fields("Sender").flatMap { Mailboxes.parse($0.value) }
        return (authors + senders).allSatisfy { maySend(origin, as: $0) } ? nil : .fromNotYours
    }

    private func maySend(_ origin: Origin, as address: EmailAddress) -> Bool {
        switch origin {
        case .ours(.account(let account)): accounts.maySend(account, as: address, tagSeparator: tagSeparator)
        case .ours(.local(let caller)): caller.maySend(as: address, tagSeparator: tagSeparator)
        case .ours(.network), .ours(.filter), .strangers: true
        }
    }

    /// Whether a trace field says that this gateway wrote it: `by` and our name, redacted or not.
    private func isOurs(_ line: HeaderSection.Line) -> Bool {
        let words = line.value.split { $0 == 32 || $0 == 9 || $0 == UInt8(ascii: ";") }
        guard let by = words.firstIndex(where: { Self.word($0) == "by" }), by + 1 < words.endIndex else { return false }
        return Self.word(words[by + 1]) == hostname.key
    }

    private static func word(_ bytes: ArraySlice<UInt8>) -> String {
        String(decoding: bytes, as: UTF8.self).lowercased()
    }
}
