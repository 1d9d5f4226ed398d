// SPDX-License-Identifier: Apache-2.0

package import NIOCore

/// Runs tasks on an event loop: a session's on that of its connection, so that neither events nor replies change threads.
package final class LoopExecutor: TaskExecutor {
    private let eventLoop: any EventLoop

    package init(_ eventLoop: any EventLoop) {
        self.eventLoop = eventLoop
    }

    package func enqueue(_ job: consuming ExecutorJob) {
        let job = UnownedJob(job)
        eventLoop.execute { job.runSynchronously(on: self.asUnownedTaskExecutor()) }
    }
}
