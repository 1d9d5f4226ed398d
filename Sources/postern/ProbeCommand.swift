// SPDX-License-Identifier: Apache-2.0

import ArgumentParser
import DNSResolver
import Delivery
import Fetch
import Mail
import Probe
import Settings

struct ProbeCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "probe",
        abstract: "Hold one SMTP conversation and show it line by line.",
        discussion: """
            What is said begins with ->, what is heard with <-, inside TLS with ~> and <~; === says what happens beside it, \
            and stars mark what is wrong. After a handshake you see version, cipher, key exchange, the certificates with \
            names and dates, the SHA-256 of certificate and key (SPKI), whether a public authority vouches for the host, \
            and whether the certificate matches the host's signed TLSA records (DANE). A certificate never ends the \
            conversation: what is wrong is to be seen.

            STARTTLS is used where it is offered; --starttls demands it, --tls begins with TLS (port 465). Without \
            --quit-after the conversation goes as far as the options have something to say: to a sign-in with --auth, to \
            RCPT with --to, and to the end with --message, which sends that mail. Passwords are shown as stars, and are \
            never sent without TLS. Addresses and TLSA records are looked up as [resolver] of the settings says; through \
            --socks nothing is looked up in the DNS, and the proxy gets the name as it is.

            Those who know swaks can type its options as they are used to: -a, -au, -ap, -f, -t, -p, -q, -s, -tls (STARTTLS \
            demanded), -tlso, -tlsc.

            Example: postern probe mx.example.org --starttls --quit-after helo
            Example: postern probe -a -tls -q HELO -s mail.example.com -au test -ap '<>'
            Exit codes: 0 the conversation went as asked, and no signed TLSA record speaks against the certificate; 1 it did \
            not, or one does; 64 wrong usage; 66 a file is missing; 78 the settings can't be read.
            """
    )

    @Argument(help: "The server, as HOST, HOST:PORT or [IPv6]:PORT; port 25, with --tls 465.")
    var place: ProbePlace?

    @OptionGroup(title: "The server") var server: ProbeServerOptions
    @OptionGroup(title: "Sign-in") var signIn: ProbeSignInOptions
    @OptionGroup(title: "Mail") var mail: ProbeMailOptions

    @Option(
        name: [.customShort("q"), .long],
        help: ArgumentHelp("Say QUIT after this.", valueName: "phase")
    )
    var quitAfter: ProbeRequest.Phase?

    @OptionGroup var gateway: GatewayPlace
    @OptionGroup var output: OutputOptions

    func validate() throws {
        guard place != nil || server.server != nil else {
            throw ValidationError("Name the server: postern probe HOST[:PORT].")
        }
        guard place == nil || server.server == nil else {
            throw ValidationError("The server is named twice; leave --server out, or the name before it.")
        }
        if signIn.auth == nil, signIn.user != nil || signIn.password != nil || signIn.passwordFile != nil {
            throw ValidationError("A user or a password is for a sign-in; say --auth too.")
        }
        if mail.message != nil, mail.recipients.isEmpty {
            throw ValidationError("A message needs somebody to go to; say --to ADDRESS.")
        }
    }

    func run() async throws {
        let settings = try settings()
        let request = try await request(settings)
        let shows = !output.json
        let prober = Prober(
            request,
            resolver: try? UnboundResolver(ResolverOptions(settings.resolver)),
            roots: try roots(settings),
            now: Int64(PlainText.now()),
            show: { line in
                guard shows else { return }
                print(PlainText.printable(line.shown))
                Terminal.flush()
            }
        )
        let report = await prober.run()
        if output.json { try OutputOptions.printJSON(report) }
        if report.failure != nil { throw CommandFailure(.refused, "") }
    }

    /// Those that are named or usual; where this user may not read the usual ones, what they would say without a word.
    private func settings() throws -> PosternSettings {
        do {
            return try gateway.locate().settings
        } catch {
            guard gateway.config == nil, let plain = try? PosternSettings.tryIt(data: "./postern-data", portBase: 2500)
            else { throw error }
            return plain
        }
    }

    private func roots(_ settings: PosternSettings) throws -> PublicRoots {
        do throws(PublicRoots.Unreadable) {
            return try PublicRoots(extraFile: settings.channel.caFile)
        } catch {
            throw CommandFailure(
                .settings,
                "channel.ca_file \(settings.channel.caFile ?? "") can't be read as PEM certificates."
            )
        }
    }

    private func request(_ settings: PosternSettings) async throws -> ProbeRequest {
        guard let place = place ?? server.server else { throw CommandFailure(.usage, "No server is named.") }
        let encryption = server.encryption
        let port = server.port ?? place.port ?? (encryption == .implicit ? 465 : 25)
        var request = ProbeRequest(host: place.host, port: port, name: server.ehlo ?? settings.hostname)
        request.encryption = encryption
        request.lastPhase = quitAfter ?? .data
        request.sender = mail.sender?.path ?? .null
        request.recipients = mail.recipients.map(\.address)
        request.message = try mail.content()
        if let proxy = server.socks {
            guard let found = await proxy.proxy(for: place.host) else {
                throw CommandFailure(.usage, "--socks: the proxy's name has no address; look at its spelling.")
            }
            request.proxy = found
        } else if place.host.lowercased().hasSuffix(".onion") {
            throw CommandFailure(.usage, "An onion service is reached through Tor only; say --socks 127.0.0.1:9050.")
        }
        if request.lastPhase >= .auth { request.signIn = try signIn.signIn() }
        return request
    }
}

extension ProbePlace: ExpressibleByArgument {
    package init?(argument: String) { self.init(argument) }
}

extension ProbeRequest.Phase: ExpressibleByArgument {
    /// Ours, and the words that swaks has for them, in any case.
    package init?(argument: String) {
        switch argument.lowercased() {
        case "banner", "connect": self = .banner
        case "first-helo", "first-ehlo", "first_helo", "first_ehlo": self = .firstHello
        case "tls", "starttls": self = .tls
        case "helo", "ehlo": self = .hello
        case "auth": self = .auth
        case "mail", "from": self = .mail
        case "rcpt", "to": self = .rcpt
        default: return nil
        }
    }

    package static var allValueStrings: [String] { allCases.filter { $0 != .data }.map(\.rawValue) }
}
