// SPDX-License-Identifier: Apache-2.0

import Delivery
import Pipeline
import Privacy
import ServiceLifecycle
import Settings
import Store

/// Takes due copies out of the queue, runs a delivery for those of one content and one next hop, and settles what
/// became of each.
struct Dispatcher: Service {
    let queue: QueueStore
    let delivery: MailDelivery
    let routes: RouteTable
    let pipeline: Pipeline
    let counters: Counters
    let hops: HopHealth
    let time: Time
    let log: Log
    let schedule: RetrySchedule
    /// Rung when work may be due: new mail, an operator's hand, the end of a delivery that others waited for, and once a
    /// second.
    let wake = WakeUp()
    private let slots: DispatchSlots
    /// The event loops that deliveries run on.
    ///
    /// A delivery mostly waits for connections, which live there; so no thread has to be woken on the way. What computes
    /// for long leaves them by itself.
    private let loops: [any TaskExecutor]

    /// Deliveries in flight get this long when the gateway stops.
    static let grace = Duration.seconds(20)
    /// Copies taken at once.
    private static let batch = 256
    /// Longer contents are read and opened off the event loops.
    private static let shortContent = 256 << 10
    static let encryptedWord = "encrypted"

    init(
        queue: QueueStore,
        delivery: MailDelivery,
        routes: RouteTable,
        pipeline: Pipeline,
        settings: DeliverySettings,
        loops: [any TaskExecutor],
        observed: Observations,
        time: Time,
        log: Log
    ) {
        self.queue = queue
        self.delivery = delivery
        self.routes = routes
        self.pipeline = pipeline
        self.loops = loops
        counters = observed.counters
        hops = observed.hops
        self.time = time
        self.log = log
        schedule = RetrySchedule(settings)
        slots = DispatchSlots(limit: settings.connectionsTotal, limitPerHop: settings.connectionsPerDomain)
    }

    func run() async throws {
        await withTaskGroup(of: Void.self) { group in
            group.addTask(executorPreference: loops.first) { await dispatch() }
            group.addTask(executorPreference: loops.first) { await listen() }
            group.addTask { await tick() }
            group.addTask { await delivery.run() }
            group.addTask {
                try? await gracefulShutdown()
                try? await time.sleep(for: Self.grace)
            }
            await group.next()
            group.cancelAll()
        }
        await delivery.close()
    }

    /// The loop.
    ///
    /// Ends when the gateway stops and the deliveries in flight have ended.
    private func dispatch() async {
        let wake = wake
        await withGracefulShutdownHandler {
            await withDiscardingTaskGroup { deliveries in
                for await _ in wake.rings {
                    guard !Task.isShuttingDownGracefully else { break }
                    await startDue(in: &deliveries)
                }
            }
        } onGracefulShutdown: {
            wake.finish()
        }
    }

    private func startDue(in deliveries: inout DiscardingTaskGroup) async {
        await startHeld(in: &deliveries)
        while slots.free > 0 {
            let copies: [LeasedCopy]
            do {
                copies = try await queue.lease(
                    due: time.wall(),
                    limit: min(Self.batch, slots.free),
                    limitPerHop: slots.limitPerHop,
                    underWay: slots.underWay
                )
            } catch {
                log.error("the queue could not be read")
                return
            }
            guard !copies.isEmpty else { return }
            for group in Self.grouped(copies) {
                slots.take(group[0].nextHop)
                deliveries.addTask(executorPreference: executor(for: group[0])) {
                    let attempt = await attempt(group)
                    // The next hop is free for another delivery while this one's outcome is written.
                    if slots.leave(group[0].nextHop) { wake.fire() }
                    await settle(attempt, of: group)
                    if slots.giveBack() { wake.fire() }
                }
            }
        }
    }

    /// Where a delivery runs: on the event loops in turn, unless it has much to open or may have to encrypt.
    private func executor(for copy: LeasedCopy) -> any TaskExecutor {
        guard !loops.isEmpty, copy.contentSize <= Self.shortContent, copy.protection != Pipeline.heldWord else {
            return globalConcurrentExecutor
        }
        return loops[Int(copy.contentID.magnitude % UInt64(loops.count))]
    }

    /// Copies that wait for a key are decided on anew; they never go to a delivery as they are.
    private func startHeld(in deliveries: inout DiscardingTaskGroup) async {
        guard let copies = try? await queue.leaseHeld(due: time.wall(), limit: 64) else { return }
        for copy in copies {
            deliveries.addTask(executorPreference: globalConcurrentExecutor) { await reconsider(copy) }
        }
    }

    /// Copies that can travel in one transaction: one content, one next hop.
    static func grouped(_ copies: [LeasedCopy]) -> [[LeasedCopy]] {
        var order: [Int64] = []
        var groups: [Int64: [LeasedCopy]] = [:]
        for copy in copies {
            if groups[copy.contentID] == nil { order.append(copy.contentID) }
            groups[copy.contentID, default: []].append(copy)
        }
        return order.flatMap { id in
            Dictionary(grouping: groups[id] ?? [], by: \.nextHop).values.map { Array($0) }
        }
    }

    private func listen() async {
        for await _ in queue.newWork { wake.fire() }
        // Another dispatcher listens from now on; this one has its deliveries to end.
        while (try? await Task.sleep(for: .seconds(3600))) != nil {}
    }

    /// Looks once a second, because time itself makes work due; tidies once a minute.
    private func tick() async {
        var seconds = 0
        while !Task.isCancelled {
            wake.fire()
            do { try await time.sleep(for: .seconds(1)) } catch { return }
            seconds += 1
            if seconds % 3600 == 0 {
                do { try await pipeline.rewriting.tidy() } catch { log.error("old records could not be removed") }
            }
            guard seconds % 60 == 0 else { continue }
            do { try await queue.maintain() } catch { log.error("the queue could not be tidied") }
        }
    }
}
