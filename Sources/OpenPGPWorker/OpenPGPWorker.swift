// SPDX-License-Identifier: Apache-2.0

import CRNP
import CSandbox
import Glibc
import OpenPGP

/// What `postern worker` does: the only code that touches librnp, in a process of its own without files, network or
/// rights.
package enum OpenPGPWorker {
    /// Serves jobs from standard input to standard output until either ends; never returns.
    ///
    /// First librnp is made ready and its generator is seeded, then the sandbox closes, and only then foreign bytes are
    /// read.
    package static func run() -> Never {
        let channel = FrameChannel()
        guard postern_close_from(3) == 0, let library = Library() else {
            channel.endUnfit(version: rnp_version(), reason: 2)
        }
        let version = rnp_version()
        let isRefused = WorkerProtocol.isRefused(
            major: rnp_version_major(version),
            minor: rnp_version_minor(version),
            patch: rnp_version_patch(version)
        )
        guard !isRefused else { channel.endUnfit(version: version, reason: 1) }
        guard postern_sandbox_enter(WorkerProtocol.addressSpace) == 0 else {
            channel.endUnfit(version: version, reason: 2)
        }
        channel.send(.ready, WorkerProtocol.bigEndian(version))
        while let frame = channel.receive() { serve(frame, library, channel) }
        exit(0)
    }

    private static func serve(_ frame: FrameChannel.Frame, _ library: Library, _ channel: FrameChannel) {
        switch frame.kind {
        case .verify:
            guard frame.body.count > 25 else { exit(1) }
            let isValid = library.isValid(
                subject: frame.body[0],
                created: WorkerProtocol.number(frame.body[1..<5]),
                fingerprint: Array(frame.body[5..<25]),
                certificate: Array(frame.body[25...])
            )
            channel.send(.verified, [isValid ? 1 : 0])
        case .verifyDetached:
            guard let check = DetachedCheck(decoding: frame.body) else { exit(1) }
            channel.send(.verified, [library.isSigned(check) ? 1 : 0])
        case .encrypt:
            guard let request = EncryptRequest(decoding: frame.body) else { exit(1) }
            let result = library.encrypt(request, over: channel)
            guard result == 0 else { return channel.send(.failed, WorkerProtocol.bigEndian(result)) }
            channel.send(.done, [])
        #if POSTERN_TEST_BUILD
            case .tryStep:
                channel.send(.verified, [UInt8(truncatingIfNeeded: postern_sandbox_try(Int32(frame.body.first ?? 0)))])
        #endif
        default: exit(1)
        }
    }
}
