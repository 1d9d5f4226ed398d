// SPDX-License-Identifier: Apache-2.0

/// Why the worker gave no answer.
package enum WorkerError: Error, Sendable, Hashable {
    /// The certificate itself is at fault.
    case unusable(CertificateVerdict)
    /// The worker could not be started: the errno.
    case cannotStart(Int32)
    /// The installed librnp must not be used: its version, as `0.18.0`.
    case refusedLibrary(String)
    /// The worker could not shut itself in.
    case noSandbox
    /// The worker ended in the middle of the job: broken by its input, or killed.
    case ended
    /// The worker was ended because it took too long.
    case tooSlow
    /// librnp would not encrypt: its result code.
    case refused(UInt32)
    /// The worker said something that makes no sense, so it was ended.
    case nonsense
    /// The caller gave up.
    case cancelled

    /// One sentence that says what is wrong and what to do; it names no person.
    package var sentence: String {
        switch self {
        case .unusable(let verdict): verdict.sentence
        case .cannotStart(let code):
            "The worker for OpenPGP keys could not be started (errno \(code)): look at the limits on processes "
                + "and memory, then try again."
        case .refusedLibrary(let version):
            "The installed librnp \(version) makes session keys that are not random: install another version of librnp."
        case .noSandbox:
            "The worker for OpenPGP keys could not shut itself in: it needs a kernel with seccomp, and nothing "
                + "was read without it."
        case .ended: "This key broke the worker that checks keys, so it is refused: ask its owner for a minimal export."
        case .tooSlow: CertificateVerdict.tooSlow.sentence
        case .refused: "librnp would not encrypt to this key: ask its owner for a Curve25519 or RSA subkey."
        case .nonsense: "The worker for OpenPGP keys gave no sensible answer: try again, and if it stays so, report it."
        case .cancelled: "The check of this key was broken off: try again."
        }
    }
}
