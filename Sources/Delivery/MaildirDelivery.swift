// SPDX-License-Identifier: Apache-2.0

import Glibc
package import Mail
package import NIOPosix
import SMTPWire

/// Delivers into the mailboxes of this gateway's own users, `ROOT/NAME/{tmp,new,cur}`.
///
/// Files have LF line ends, as every program that reads Maildirs expects; nothing else of the message changes. Two fields are put before
/// it: Return-Path (RFC 5321 §4.4) and Delivered-To.
package struct MaildirDelivery: Sendable {
    /// The name of the mailbox that an address belongs to, aliases and tags resolved; nil when it belongs to nobody.
    package typealias FolderFinder = @Sendable (EmailAddress) async -> String?

    private let root: String
    private let folder: FolderFinder
    private let threads: NIOThreadPool

    /// `root` is the folder that holds the mailboxes; `threads` do the blocking writes.
    package init(root: String, threads: NIOThreadPool = .singleton, folder: @escaping FolderFinder) {
        self.root = root
        self.folder = folder
        self.threads = threads
    }

    /// One file for each mailbox, even when several recipients share it.
    func deliver(_ group: DeliveryGroup) async -> [DeliveryResult] {
        var outcomes: [DeliveryOutcome?] = Array(repeating: nil, count: group.recipients.count)
        var folders: [String: [Int]] = [:]
        for (index, recipient) in group.recipients.enumerated() {
            guard let name = await folder(recipient.address) else {
                outcomes[index] = .failed(.init(.badMailbox, .mailboxUnknown))
                continue
            }
            guard MaildirDelivery.isFolderName(name) else {
                outcomes[index] = .deferred(.init(.systemOther, .mailboxError))
                continue
            }
            folders[name, default: []].append(index)
        }
        for (name, indices) in folders {
            let outcome = await deliver(group, to: indices, folder: MaildirFolder(path: root + "/" + name))
            for index in indices { outcomes[index] = outcome }
        }
        return outcomes.enumerated().map { index, outcome in
            DeliveryResult(index: index, outcome: outcome ?? .deferred(.init(.systemOther, .mailboxError)))
        }
    }

    /// One path component that is neither hidden nor leads elsewhere.
    static func isFolderName(_ name: String) -> Bool {
        !name.isEmpty && name.utf8.count <= 255 && !name.hasPrefix(".")
            && !name.utf8.contains { $0 == UInt8(ascii: "/") || $0 < 0x20 || $0 == 0x7f }
    }

    private func deliver(_ group: DeliveryGroup, to indices: [Int], folder: MaildirFolder) async -> DeliveryOutcome {
        do {
            try await write(group, to: indices, folder: folder)
            return .delivered(.init(reply: nil, host: nil, relayedDSN: false))
        } catch let failure as MaildirFolder.Failure {
            return .deferred(.init(failure.isFull ? .mailboxFull : .systemOther, .mailboxError))
        } catch is CancellationError {
            return .deferred(.init(.systemOther, .cancelled))
        } catch {
            return .deferred(.init(.systemOther, .unreadable))
        }
    }

    private func write(_ group: DeliveryGroup, to indices: [Int], folder: MaildirFolder) async throws {
        var conversion = LineEndConversion()
        var pending = MaildirDelivery.trace(group, indices)
        let first = try await group.content.read(at: 0, maxCount: MaildirDelivery.chunkSize)
        pending += conversion.convert(first)
        if first.count >= group.content.count {
            // The usual case, in one visit to the thread pool.
            let whole = pending + conversion.finish()
            return try await onThread {
                let file = try folder.begin()
                try MaildirDelivery.write([whole], to: file)
                try file.finish()
            }
        }
        let opening = pending
        let file = try await onThread { try folder.begin() }
        do {
            try await onThread { try file.write(opening) }
            try await stream(group.content, from: first.count, conversion, to: file)
        } catch {
            threads.submit { _ in file.discard() }
            throw error
        }
        try await onThread { try file.finish() }
    }

    private func stream(
        _ content: any ByteSource,
        from start: Int,
        _ conversion: LineEndConversion,
        to file: MaildirFile
    ) async throws {
        var conversion = conversion
        var offset = start
        while offset < content.count {
            let chunk = try await content.read(at: offset, maxCount: MaildirDelivery.chunkSize)
            // A source that ends before its count would otherwise make a short file look whole.
            guard !chunk.isEmpty else { throw SourceEndedEarly() }
            offset += chunk.count
            let converted = conversion.convert(chunk)
            try await onThread { try file.write(converted) }
        }
        let rest = conversion.finish()
        try await onThread { try file.write(rest) }
    }

    private static func write(_ parts: [[UInt8]], to file: MaildirFile) throws(MaildirFolder.Failure) {
        do throws(MaildirFolder.Failure) {
            for part in parts { try file.write(part) }
        } catch {
            file.discard()
            throw error
        }
    }

    private func onThread<Value: Sendable>(_ body: @escaping @Sendable () throws -> Value) async throws -> Value {
        try await threads.runIfActive(body)
    }

    private static func trace(_ group: DeliveryGroup, _ indices: [Int]) -> [UInt8] {
        var text = "Return-Path: <\(group.reversePath.wire)>\n"
        for index in indices { text += "Delivered-To: \(group.recipients[index].address.wire)\n" }
        return Array(text.utf8)
    }

    private static let chunkSize = 256 * 1024

    private struct SourceEndedEarly: Error {}
}
