// SPDX-License-Identifier: Apache-2.0

import Control
import Glibc
import LocalMail
import NIOCore
import Privacy
import ServiceLifecycle
import Settings
import Synchronization

/// Every listener of the gateway, bound at the start and as a reload adds and removes them.
final class Doors: Service {
    private struct State {
        /// In the order of the settings.
        var open: [GatewayListener] = []
        /// Taken out by a reload; their sessions go on.
        var closing: [GatewayListener] = []
    }

    private let entrance: Entrance
    private let handed: HandedSockets
    private let time: Time
    private let group: any EventLoopGroup
    private let state = Mutex(State())
    private let fresh = AsyncStream.makeStream(of: GatewayListener.self)

    init(entrance: Entrance, handed: HandedSockets, time: Time, group: any EventLoopGroup) {
        self.entrance = entrance
        self.handed = handed
        self.time = time
        self.group = group
    }

    /// Binds the listeners of `wanted` that are not there yet: all of them or none.
    ///
    /// Nothing is accepted before ``take(_:for:)``.
    func bind(_ wanted: [Listener]) async throws(GatewayProblem) -> [GatewayListener] {
        let sockets = handed.matched(to: wanted)
        let known = Set(state.withLock { $0.open.map(\.settings.place) })
        var bound: [GatewayListener] = []
        for (index, listener) in wanted.enumerated() where !known.contains(listener.place) {
            // The descriptor that was handed over is kept, so that a listener which a reload takes out can come back.
            let socket = sockets[index].map { dup($0.descriptor) }
            do {
                bound.append(
                    try await GatewayListener.bind(
                        listener,
                        socket: socket,
                        entrance: entrance,
                        time: time,
                        group: group
                    )
                )
            } catch {
                await Self.discard(bound)
                throw (error as? PlaceProblem).map { GatewayProblem($0.sentence) } ?? .cannotBind(listener)
            }
        }
        do throws(PlaceProblem) {
            for listener in wanted { try listeners(at: listener.place).first?.follow(listener) }
        } catch {
            await Self.discard(bound)
            throw GatewayProblem(error.sentence)
        }
        return bound
    }

    private func listeners(at place: String) -> [GatewayListener] {
        state.withLock { $0.open.filter { $0.settings.place == place } }
    }

    /// Puts `bound` to work, and closes what `settings` no longer name: how many were opened and closed.
    @discardableResult
    func take(_ bound: [GatewayListener], for settings: PosternSettings) -> ListenerChange {
        let places = settings.listeners.map(\.place)
        let gone = state.withLock { state in
            let gone = state.open.filter { !places.contains($0.settings.place) }
            state.closing += gone
            state.open = (state.open + bound).filter { places.contains($0.settings.place) }
            state.open.sort { first, second in
                let at = { (listener: GatewayListener) in places.firstIndex(of: listener.settings.place) ?? places.count
                }
                return at(first) < at(second)
            }
            return gone
        }
        for listener in gone { listener.stopAccepting() }
        for listener in bound { fresh.continuation.yield(listener) }
        return ListenerChange(opened: bound.count, closed: gone.count)
    }

    /// Gives back what was bound and never put to work.
    static func discard(_ bound: [GatewayListener]) async {
        for listener in bound { await listener.discard() }
    }

    /// Sockets that were handed over and that no `[[listener]]` serves: clients wait there for an answer that never comes.
    func unserved(by settings: PosternSettings) -> [String] {
        let served = Set(handed.matched(to: settings.listeners).values.map(\.descriptor))
        return handed.sockets.filter { !served.contains($0.descriptor) }.map { socket in
            socket.address.map { EndpointText.format(.tcp(host: $0, port: socket.port)) } ?? socket.name
        }
    }

    /// For people, with the roles of now.
    var places: [StatusReport.Listener] {
        let settings = entrance.now.settings
        return state.withLock { $0.open }.map { listener in
            .init(role: Entrance.listener(at: listener.settings, in: settings).role.rawValue, address: listener.address)
        }
    }

    /// Asks every session to end between two transactions; cuts off those that have not ended after the grace.
    ///
    /// Returns when none is left, or after one more grace.
    func endSessions() async {
        let all = state.withLock { $0.open + $0.closing }
        for listener in all { listener.askSessionsToEnd() }
        if await waits(for: all) { return }
        for listener in all { listener.cutSessionsOff() }
        _ = await waits(for: all)
    }

    private func waits(for listeners: [GatewayListener]) async -> Bool {
        let end = ContinuousClock.now + GatewayListener.grace
        while listeners.contains(where: { $0.sessions > 0 }) {
            guard ContinuousClock.now < end, (try? await Task.sleep(for: .milliseconds(20))) != nil else {
                return false
            }
        }
        return true
    }

    func run() async throws {
        let fresh = fresh
        try await withGracefulShutdownHandler {
            try await withThrowingDiscardingTaskGroup { group in
                for await listener in fresh.stream {
                    group.addTask { try await self.serve(listener) }
                }
            }
        } onGracefulShutdown: {
            fresh.continuation.finish()
        }
    }

    /// A listener that ends although nobody closed it ends the gateway.
    private func serve(_ listener: GatewayListener) async throws {
        do {
            try await listener.run()
            let wasClosed = state.withLock { state in
                let before = state.closing.count
                state.closing.removeAll { $0.address == listener.address }
                return state.closing.count < before
            }
            guard !wasClosed, !Task.isShuttingDownGracefully, !Task.isCancelled else { return }
            throw GatewayProblem("The listener at \(listener.address) ended by itself.")
        } catch {
            fresh.continuation.finish()
            throw error
        }
    }
}

/// What a reload did to the listeners.
struct ListenerChange: Equatable {
    let opened: Int
    let closed: Int

    /// `, 1 listener opened, 2 closed`, or nothing.
    var words: String {
        var words = ""
        if opened > 0 { words += ", \(opened) listener\(opened == 1 ? "" : "s") opened" }
        if closed > 0 { words += ", \(closed) closed" }
        return words
    }
}
