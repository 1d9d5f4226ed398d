// SPDX-License-Identifier: Apache-2.0

import ArgumentParser
import ChannelPolicy
import Gateway
import Glibc
import Mail
import OpenPGP
import Peers
import Privacy
import Settings

struct StatementShowCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "show",
        abstract: "Check a statement, and show all that it says.",
        discussion: """
            From a file, an https URL, or the place where a domain serves it. A valid signature proves only that the key made \
            it: whose key that is, its operators must tell you. Needs no gateway; settings, where there are some, say which \
            authorities and closed networks are trusted.

            Example: postern statement show example.org
            Exit codes: 0 the signature is valid and the statement holds now; 1 not so, and why; 66 the file is missing.
            """
    )

    @Argument(help: "A file (- is standard input), an https URL, or a domain.", completion: .file())
    var source: String

    @Option(help: ArgumentHelp("The fingerprint that its primary key must have.", valueName: "fingerprint"))
    var key: String?

    @OptionGroup var place: GatewayPlace
    @OptionGroup var output: OutputOptions

    func run() async throws {
        let compared = try key.map { text in
            guard let key = KeyFingerprint(text) else {
                throw CommandFailure(
                    .usage,
                    "\(text) is no fingerprint of a version 4 key; give its 40 hexadecimal digits."
                )
            }
            return key
        }
        let served = try await served()
        let now = Time.system().wall()
        let reader = StatementReader(worker: WorkerClient(executable: "/proc/self/exe"))
        let reading = await reader.read(served, at: now)
        let shown = ShownStatement(reading, compared: compared, domain: domain?.key, now: now.seconds)
        try output.show(shown) { shown.text }
        guard shown.reasons.isEmpty else { throw CommandFailure(.refused, "") }
    }

    /// The domain that is asked, when it is no file and no URL.
    private var domain: Domain? {
        source == "-" || source.hasPrefix("https://") || access(source, F_OK) == 0 ? nil : Domain(source)
    }

    private func served() async throws -> [UInt8] {
        if !source.hasPrefix("https://") {
            guard let domain else { return try InputFile.read(source, limit: 1 << 20) }
            return try await fetched(.domain(domain))
        }
        return try await fetched(.url(source))
    }

    private func fetched(_ source: StatementSource) async throws -> [UInt8] {
        let settings = try place.isNamed ? place.locate().settings : nil
        do throws(StatementFault) {
            return try await StatementFetcher.fetch(source, settings)
        } catch {
            throw CommandFailure(.refused, error.sentence)
        }
    }
}

/// What is known of a statement that an operator looks at.
private struct ShownStatement: Encodable {
    var isValid: Bool
    var reasons: [String] = []
    /// Of the primary key in it, whether or not the signature is valid.
    var key: String?
    var signingKey: String?
    var statement: CommitmentStatement?

    init(_ reading: StatementReading, compared: KeyFingerprint?, domain: String?, now: Int64) {
        key = reading.signer?.text
        signingKey = reading.signingKey?.text
        if reading.isCompromised { reasons.append(StatementFault.compromised) }
        switch reading.statement {
        case .failure(let fault): reasons.append(fault.sentence)
        case .success(let stated):
            statement = stated
            do throws(StatementFault) {
                let signer = reading.signer
                guard let signer else { throw .notJSON }
                _ = try PeerLife(
                    stated,
                    of: domain ?? stated.domain,
                    compared: compared ?? signer,
                    signedBy: signer,
                    now: now
                )
            } catch {
                reasons.append(error.sentence)
            }
        }
        isValid = reasons.isEmpty
    }

    var text: String {
        var parts: [String] = []
        if let statement { parts.append(StatementText.facts(statement)) }
        var keys: [(String, String)] = []
        if let key { keys.append(("primary key", key)) }
        if let signingKey { keys.append(("signed by", signingKey)) }
        if !keys.isEmpty { parts.append(PlainText.pairs(keys)) }
        parts += reasons.map { PlainText.wrapped(PlainText.printable($0)) }
        if isValid {
            parts.append(
                PlainText.wrapped(
                    "The signature is valid, and the statement holds now. Compare the fingerprint of the primary key with the "
                        + "operators of the domain, by another way than mail."
                )
            )
        }
        return parts.joined(separator: "\n\n")
    }
}

/// A statement for people.
enum StatementText {
    static func facts(_ statement: CommitmentStatement) -> String {
        var pairs = [("domain", statement.domain), ("level", "\(statement.level), says the provider")]
        pairs += statement.mailHosts.map { ("MX", $0) }
        pairs += statement.pins.map { ("pin", $0.text) } + statement.nextPins.map { ("next pin", $0.text) }
        if let onion = statement.onion { pairs.append(("onion", onion)) }
        pairs.append(("serial", String(statement.serial)))
        pairs.append(("issued", CivilTime.text(statement.issued)))
        pairs.append(("expires", CivilTime.text(statement.expires)))
        if let next = statement.nextKey { pairs.append(("next key", next.text)) }
        return PlainText.pairs(pairs)
    }
}
