// SPDX-License-Identifier: Apache-2.0

import Commitment
import Mail
import Settings
import Setup

/// What `init` found, chose and wrote.
struct InitReport: Encodable {
    struct Choice: Encodable {
        let what: String
        let value: String
        let because: String
    }

    struct File: Encodable {
        let path: String
        let text: String
    }

    let purpose: String
    let level: Int
    let found: SiteFacts
    let chosen: [Choice]
    let files: [File]
    private let configuration: String

    private enum CodingKeys: String, CodingKey { case purpose, level, found, chosen, files }

    init(facts: SiteFacts, plan: InitPlan, folder: InitFolder, files: [(name: String, text: String)]) {
        purpose = plan.purpose.rawValue
        level = plan.level.rawValue
        found = facts
        chosen = Self.choices(plan, facts)
        self.files = files.map { File(path: "\(folder.absolute)/\($0.name)", text: $0.text) }
        configuration = "\(folder.absolute)/postern.toml"
    }

    var text: String {
        let others = files.dropFirst().map { "\n--- \($0.path)\n\n\($0.text)" }
        return """
            Found on this machine
            \(PlainText.pairs(foundLines, indent: "  "))

            Chosen
            \(PlainText.pairs(chosen.map { ($0.what, "\($0.value) (\($0.because))") }, indent: "  "))

            Written
            \(files.map { "  " + $0.path }.joined(separator: "\n"))
            \(others.joined())
            Next: read \(configuration), and do what the other files say, in this order (systemd.txt makes it a
            service, with its vault). Then see what is missing yet:
              postern check --config \(configuration)
            """
    }

    private var foundLines: [(String, String)] {
        var lines = [
            ("host name", found.hostname.full.map { "\($0), says \(found.hostname.source ?? "")" } ?? "no full one")
        ]
        for certificate in found.certificates {
            let names = certificate.names.prefix(3).joined(separator: ", ")
            let own = certificate.isSelfSigned ? ", self-signed" : ""
            lines.append(
                (
                    "certificate",
                    "\(certificate.certificate) for \(names), until \(PlainText.day(certificate.notAfter))\(own)"
                )
            )
        }
        if found.certificates.isEmpty { lines.append(("certificate", "none")) }
        lines.append(("Postfix", found.postfix.map { "\($0.version), as \($0.hostname)" } ?? "no"))
        lines.append(("Exim", found.exim.map { "\($0.version), \($0.configuration)" } ?? "no"))
        lines.append(("Dovecot", dovecot))
        lines.append(
            ("sendmail", found.sendmail.owner ?? (found.sendmail.isPresent ? "a program of no package" : "no"))
        )
        if !found.sendmail.php.isEmpty { lines.append(("PHP", found.sendmail.php.joined(separator: ", "))) }
        for port in found.ports {
            let holder = port.holder.map { " by \($0)" } ?? ""
            lines.append(("port \(port.port)", "\(port.state)\(holder), \(port.use)"))
        }
        return lines
    }

    private var dovecot: String {
        guard let dovecot = found.dovecot else { return "no" }
        let delivery = dovecot.delivery.map { "LMTP at \($0)" } ?? "no LMTP (install dovecot-lmtpd)"
        let rights = dovecot.isSignInShared ? "" : ", closed to other programs"
        return "\(dovecot.version), \(delivery), sign-in at \(dovecot.signIn)\(rights)"
    }

    private static func choices(_ plan: InitPlan, _ facts: SiteFacts) -> [Choice] {
        var choices = [
            Choice(
                what: "name",
                value: plan.hostname.key,
                because: facts.hostname.domain == plan.hostname ? "this machine's" : "as told, or to be filled in"
            ),
            Choice(what: "domain", value: plan.domain.key, because: "--domain says another"),
            Choice(what: "data", value: plan.data, because: plan.data.hasPrefix("/") ? "the service's own" : "in DIR"),
        ]
        if plan.purpose == .mx || plan.purpose == .relay { choices.append(certificate(plan)) }
        if plan.purpose == .mx {
            choices.append(
                plan.dovecot.map { Choice(what: "mailboxes", value: "Dovecot, \($0.delivery)", because: "it is here") }
                    ?? Choice(what: "mailboxes", value: "our own", because: "there is no Dovecot that takes LMTP")
            )
        }
        switch plan.purpose {
        case .postfixFilter, .eximFilter:
            choices.append(
                Choice(
                    what: "ports",
                    value: "\(plan.ports.outbound) and \(plan.ports.inbound) for us, "
                        + "\(plan.ports.outboundReturn) and \(plan.inboundReturn) for the way back",
                    because: "the first that are free"
                )
            )
        case .webApp, .mx, .relay:
            choices.append(
                plan.nextHop.map {
                    Choice(
                        what: "outgoing",
                        value: EndpointText.format($0),
                        because: "as told, or this machine's mail server"
                    )
                } ?? Choice(what: "outgoing", value: "the recipients' servers", because: "no next hop is known")
            )
        }
        if plan.purpose == .webApp {
            choices.append(
                Choice(
                    what: "callers",
                    value: plan.callers.joined(separator: ", "),
                    because: plan.callers.count > 1
                        ? "accounts of web servers that are here, and cron's" : "no web server is here"
                )
            )
        }
        return choices
    }

    private static func certificate(_ plan: InitPlan) -> Choice {
        if let tls = plan.tls { return Choice(what: "certificate", value: tls.certificate, because: "as told") }
        if let source = plan.foundTLS {
            return Choice(what: "certificate", value: "a copy of \(source.certificate)", because: "it is for that name")
        }
        return plan.purpose == .mx
            ? Choice(what: "certificate", value: "certificate.pem in DIR", because: "to be put there: none was found")
            : Choice(
                what: "certificate",
                value: "none",
                because: "so users can't sign in; only programs of this machine send"
            )
    }
}
