// SPDX-License-Identifier: Apache-2.0

import ArgumentParser
import ChannelRecords
import Control
import Gateway

struct ReportCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "report",
        abstract: "What mail servers report to each other.",
        discussion: "Example: postern report tls",
        subcommands: [TLSReportCommand.self]
    )
}

struct TLSReportCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "tls",
        abstract: "Show TLS reports about our servers, and what was counted for our own.",
        discussion: """
            Without a FILE: what came to channel.tls_report_address in the last 90 days, and our own counts of the last \
            days (UTC) with what became of their reports: open, sent, unwanted, by-mail-only (which is not done) or \
            not-taken. Whom we write to is named only with --domains.

            With FILE: what these reports say, of any maker about any domain; nothing is kept, and no gateway is needed. \
            A FILE is JSON, the same with gzip, or a whole message; `-` is standard input.

            Reports are unverified: anybody could have written them.

            Example: postern report tls report.json.gz
            Exit codes: 0 shown; 1 a file is no report; 64 domains were asked for where there is no terminal; 66 a file \
            is missing.
            """
    )

    @Argument(help: "Reports to read, instead of what is kept.", completion: .file())
    var file: [String] = []

    @Flag(exclusivity: .exclusive)
    var domains: DomainDisclosure?

    @OptionGroup var place: GatewayPlace
    @OptionGroup var output: OutputOptions

    func validate() throws {
        if !file.isEmpty && domains != nil {
            throw ValidationError("--domains is about our own counts; leave it out with a FILE.")
        }
    }

    func run() async throws {
        if !file.isEmpty {
            let reports = try file.map(Self.read)
            return try output.show(reports) { TLSReportText.received(reports) }
        }
        let request = ControlRequest.tlsReports(withDomains: try domains.isGranted())
        guard case .tlsReports(let picture) = try await Answers.find(place).ask(request) else {
            throw CommandFailure.unexpectedAnswer
        }
        try output.show(picture) { TLSReportText.text(picture) }
    }

    private static func read(_ path: String) throws(CommandFailure) -> TLSReportPicture.Received {
        let bytes = try InputFile.read(path, limit: TLSReportInput.maxMessageBytes)
        do throws(TLSReportInput.Flaw) {
            return TLSReportPicture.Received(KeptTLSReport(try TLSReportInput.read(bytes)))
        } catch {
            let name = path == "-" ? "Standard input" : path
            throw CommandFailure(.refused, "\(name): \(error.text).")
        }
    }
}

/// TLS reports for a person.
enum TLSReportText {
    static func text(_ picture: TLSReportPicture) -> String {
        let ours = picture.own.isEmpty ? "Nothing was counted for reports of our own." : own(picture.own)
        let theirs = picture.received.isEmpty ? "No report about us is kept." : received(picture.received)
        return theirs + "\n\n" + ours
    }

    static func received(_ reports: [TLSReportPicture.Received]) -> String {
        var table = TextTable("ABOUT", "DAY", "FROM (UNVERIFIED)", "POLICY", "OK", "FAILED")
        for report in reports {
            for policy in report.policies {
                table.add(
                    policy.domain,
                    PlainText.day(report.start),
                    report.organization.isEmpty ? "-" : report.organization,
                    policy.kind,
                    "\(policy.succeeded)",
                    "\(policy.failed)"
                )
                for line in failures(policy) { table.addLine(line) }
            }
        }
        return table.text()
    }

    static func own(_ counts: [TLSReportPicture.Own]) -> String {
        var table = TextTable("OUR COUNTS", "REPORT", "TO", "POLICY", "OK", "FAILED")
        for day in counts {
            guard let policies = day.policies else {
                let domains = PlainText.count(day.domains, "domain")
                table.add(PlainText.day(day.start), day.report, domains, "-", "\(day.succeeded)", "\(day.failed)")
                continue
            }
            for policy in policies {
                table.add(
                    PlainText.day(day.start),
                    day.report,
                    policy.domain,
                    policy.kind,
                    "\(policy.succeeded)",
                    "\(policy.failed)"
                )
                for line in failures(policy) { table.addLine(line) }
            }
        }
        return table.text()
    }

    private static func failures(_ policy: TLSReportPicture.Policy) -> [String] {
        policy.failures.map { failure in
            "    \(failure.count) \(failure.result)" + (failure.host.map { " at \($0)" } ?? "")
        }
    }
}
