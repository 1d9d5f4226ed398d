// SPDX-License-Identifier: Apache-2.0

import ChannelPolicy
import ChannelProof
package import DNSResolver
package import NIOCore
import NIOHTTP1
import NIOPosix
import NIOSSL
package import Privacy
import SMTPWire
package import Settings
import Synchronization

/// Fetches by https from hosts that strangers named.
///
/// A name is resolved once; its addresses are vetted, and a connection goes to one of those and nowhere else. The server must prove the name by a
/// certificate of a public authority. No cookie, no compression, nothing that tells who asks.
package struct Fetcher: Fetching {
    private let resolver: any DNSResolving
    private let roots: PublicRoots
    private let vetting: AddressVetting
    private let group: any EventLoopGroup
    private let time: Time

    /// So many addresses of a host are tried.
    private static let maxAddresses = 4
    private static let connectTimeout = TimeAmount.seconds(10)

    package init(
        resolver: any DNSResolving,
        roots: PublicRoots,
        allowPrivate: [NetworkRange] = [],
        group: any EventLoopGroup,
        time: Time
    ) {
        self.resolver = resolver
        self.roots = roots
        self.vetting = AddressVetting(allowPrivate: allowPrivate)
        self.group = group
        self.time = time
    }

    package func get(_ url: FetchURL, options: FetchOptions = FetchOptions()) async -> Result<FetchedBody, FetchFault> {
        await within(options.timeLimit) { await follow(url, options) }
    }

    package func post(
        _ url: FetchURL,
        body: [UInt8],
        contentType: String,
        options: FetchOptions = FetchOptions()
    ) async -> Result<FetchedBody, FetchFault> {
        let request = FetchRequest(url: url, posted: (body, contentType), maxBytes: options.maxBytes)
        return await within(options.timeLimit) { await ask(request, options) }
    }

    // MARK: - Steps

    private func follow(_ first: FetchURL, _ options: FetchOptions) async -> Result<FetchedBody, FetchFault> {
        var url = first
        var hops = 0
        while true {
            let request = FetchRequest(url: url, posted: nil, maxBytes: options.maxBytes)
            let answer: FetchedBody
            switch await ask(request, options) {
            case .success(let got): answer = got
            case .failure(let fault): return .failure(fault)
            }
            guard options.redirects != .none, [301, 302, 303, 307, 308].contains(answer.status) else {
                return .success(answer)
            }
            hops += 1
            do throws(FetchFault) {
                url = try Fetcher.next(after: url, answer, hops, options.redirects)
            } catch {
                return .failure(error)
            }
        }
    }

    private static func next(
        after url: FetchURL,
        _ answer: FetchedBody,
        _ hops: Int,
        _ redirects: FetchOptions.Redirects
    ) throws(FetchFault) -> FetchURL {
        guard let location = answer.location else { throw .redirectElsewhere }
        let next: FetchURL
        do throws(FetchURL.Flaw) {
            next = try url.following(location)
        } catch {
            throw .redirect(error)
        }
        switch redirects {
        case .none: throw .redirectElsewhere
        case .sameHost(let most):
            guard hops <= most else { throw .tooManyRedirects }
            guard next.host == url.host, next.port == url.port else { throw .redirectElsewhere }
        case .anyHost(let most):
            guard hops <= most else { throw .tooManyRedirects }
        }
        return next
    }

    private func ask(_ request: FetchRequest, _ options: FetchOptions) async -> Result<FetchedBody, FetchFault> {
        guard options.ports.contains(request.url.port) else { return .failure(.port) }
        let addresses: [IPAddress]
        do throws(FetchFault) {
            addresses = try await vettedAddresses(of: request.url.host)
        } catch {
            return .failure(error)
        }
        var last = FetchFault.noAddress
        for address in addresses.prefix(Fetcher.maxAddresses) {
            if Task.isCancelled { return .failure(.cancelled) }
            switch await exchange(request, with: address) {
            case .success(let answer): return .success(answer)
            case .failure(.unreachable): last = .unreachable
            case .failure(let fault): return .failure(Task.isCancelled ? .cancelled : fault)
            }
        }
        return .failure(last)
    }

    /// Both families, asked at the same time, one of each in turn.
    private func vettedAddresses(of host: String) async throws(FetchFault) -> [IPAddress] {
        async let long = resolver.resolve(host, .aaaa)
        async let short = resolver.resolve(host, .a)
        let answers = [await long, await short]
        let usable = answers.filter(\.isUsable)
        let found = answers.map { $0.isUsable ? $0.addresses : [] }
        // An address that came as AAAA and is IPv4 was a mapped one.
        let all = Fetcher.interleaved(found[0].filter { !$0.isIPv4 }, found[1].filter(\.isIPv4))
        let vetted = all.filter(vetting.permits)
        if !vetted.isEmpty { return vetted }
        if found.contains(where: { !$0.isEmpty }) { throw .forbiddenAddress }
        if answers.contains(where: { $0.security == .bogus }) { throw .bogus }
        throw usable.count == answers.count ? .noAddress : .lookupFailed
    }

    private static func interleaved(_ one: [IPAddress], _ other: [IPAddress]) -> [IPAddress] {
        (0..<max(one.count, other.count)).flatMap { index in
            [one, other].compactMap { index < $0.count ? $0[index] : nil }
        }
    }

    // MARK: - One connection

    private func exchange(
        _ request: FetchRequest,
        with address: IPAddress
    ) async -> Result<FetchedBody, FetchFault> {
        guard let context = Fetcher.tls else { return .failure(.noTLS) }
        guard let place = try? SocketAddress(ipAddress: address.text, port: request.url.port) else {
            return .failure(.unreachable)
        }
        let loop = group.next()
        let connection = FetchConnection(answer: loop.makePromise(of: FetchedBody.self))
        start(request, at: place, context, connection, loop)
        do {
            return .success(
                try await withTaskCancellationHandler {
                    try await connection.answer.futureResult.get()
                } onCancel: {
                    connection.cancel()
                }
            )
        } catch let fault as FetchFault {
            return .failure(fault == .handshake ? connection.fault.map(FetchFault.unproven) ?? fault : fault)
        } catch {
            return .failure(.unreachable)
        }
    }

    private func start(
        _ request: FetchRequest,
        at place: SocketAddress,
        _ context: NIOSSLContext,
        _ connection: FetchConnection,
        _ loop: any EventLoop
    ) {
        let roots = roots
        let now = time.calendar().seconds
        let answer = connection.answer
        ClientBootstrap(group: loop)
            .connectTimeout(Fetcher.connectTimeout)
            .channelOption(.maxMessagesPerRead, value: 1)
            .channelInitializer { channel in
                connection.hold(channel)
                return channel.eventLoop.makeCompletedFuture {
                    let tls = try NIOSSLClientHandler(
                        context: context,
                        serverHostname: request.url.host,
                        customVerificationCallback: { certificates, verdict in
                            let chain = certificates.compactMap { try? $0.toDERBytes() }
                            verdict.completeWithTask {
                                await connection.verify(chain, request.url.host, roots, now)
                            }
                        }
                    )
                    let pipeline = channel.pipeline.syncOperations
                    try pipeline.addHandlers([tls, WireBudget(maxBytes: request.maxBytes), HTTPRequestEncoder()])
                    let decoder = HTTPResponseDecoder(limitConfiguration: Exchange.decoderLimits)
                    try pipeline.addHandler(ByteToMessageHandler(decoder))
                    try pipeline.addHandler(Exchange(request, answer: answer))
                }
            }
            .connect(to: place)
            .whenFailure { _ in answer.fail(FetchFault.unreachable) }
    }

    /// Trusts nobody by itself: what counts is our own verification.
    private static let tls: NIOSSLContext? = {
        var configuration = TLSConfiguration.makeClientConfiguration()
        configuration.minimumTLSVersion = .tlsv12
        configuration.cipherSuiteValues = [
            .TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256, .TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256,
            .TLS_ECDHE_ECDSA_WITH_AES_256_GCM_SHA384, .TLS_ECDHE_RSA_WITH_AES_256_GCM_SHA384,
            .TLS_ECDHE_ECDSA_WITH_CHACHA20_POLY1305_SHA256, .TLS_ECDHE_RSA_WITH_CHACHA20_POLY1305_SHA256,
        ]
        configuration.renegotiationSupport = .none
        configuration.applicationProtocols = ["http/1.1"]
        // Nobody waits for the farewell; a server that never ends must not go on for long.
        configuration.shutdownTimeout = .milliseconds(200)
        // Never `.none`: with it the callback that looks at the certificate would not be called at all.
        configuration.certificateVerification = .noHostnameVerification
        configuration.trustRoots = .certificates([])
        return try? NIOSSLContext(configuration: configuration)
    }()

    // MARK: - Time

    /// By the machine's own clock: what a network takes is no matter of dates.
    private func within(
        _ limit: Duration,
        _ work: @escaping @Sendable () async -> Result<FetchedBody, FetchFault>
    ) async -> Result<FetchedBody, FetchFault> {
        await withTaskGroup(of: Result<FetchedBody, FetchFault>?.self) { tasks in
            tasks.addTask { await work() }
            tasks.addTask {
                try? await Task.sleep(for: limit)
                return nil
            }
            let first = await tasks.next() ?? nil
            tasks.cancelAll()
            return first ?? .failure(Task.isCancelled ? .cancelled : .timedOut)
        }
    }
}

/// What is known of a connection outside its event loop.
private final class FetchConnection: Sendable {
    private struct State {
        var channel: (any Channel)?
        var isCancelled = false
        var fault: ProofFault?
    }

    let answer: EventLoopPromise<FetchedBody>
    private let state = Mutex(State())

    init(answer: EventLoopPromise<FetchedBody>) { self.answer = answer }

    /// Why the certificate proved nothing.
    var fault: ProofFault? { state.withLock(\.fault) }

    /// Before anything of ours is sent, the server must have shown a chain to an authority, for this name.
    func verify(_ chain: [[UInt8]], _ host: String, _ roots: PublicRoots, _ now: Int64) async
        -> NIOSSLVerificationResult
    {
        do throws(ProofFault) {
            _ = try await PresentedChain(chain).prove(names: [host], roots: roots.roots, at: now).get()
            return .certificateVerified
        } catch {
            state.withLock { $0.fault = error }
            return .failed
        }
    }

    func hold(_ channel: any Channel) {
        let isCancelled = state.withLock { state in
            state.channel = channel
            return state.isCancelled
        }
        if isCancelled { channel.close(promise: nil) }
    }

    /// The caller goes on at once; TLS may take a moment for its farewell.
    func cancel() {
        let channel = state.withLock { state in
            state.isCancelled = true
            return state.channel
        }
        answer.fail(FetchFault.cancelled)
        channel?.close(promise: nil)
    }
}
