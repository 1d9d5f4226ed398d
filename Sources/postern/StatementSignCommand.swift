// SPDX-License-Identifier: Apache-2.0

import ArgumentParser
import ChannelPolicy
import FoundationEssentials
import Glibc
import OpenPGP
import OperatingSystem
import Peers
import Privacy

struct StatementSignCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "sign",
        abstract: "Sign what `statement make` printed, with your own gpg.",
        discussion: """
            Needs neither a gateway nor its settings: run it where your key is. gpg asks for the passphrase; Postern never \
            reads a secret key. What is signed is shown on standard error, the statement goes to standard output.

            Example: postern statement sign payload.json --key 0123456789ABCDEF0123456789ABCDEF01234567 > providers-commitment
            Exit codes: 0 signed; 1 refused, and why; 66 the file is missing.
            """
    )

    @Argument(help: "What `statement make` printed; - is standard input.", completion: .file())
    var file: String

    @Option(help: ArgumentHelp("The fingerprint of your primary key, 40 digits.", valueName: "fingerprint"))
    var key: String

    func run() async throws {
        let payload = try InputFile.read(file, limit: 1 << 20)
        guard let fingerprint = KeyFingerprint(key) else {
            throw CommandFailure(.usage, "\(key) is no fingerprint of a version 4 key; give its 40 hexadecimal digits.")
        }
        let statement: CommitmentStatement
        do {
            statement = try CommitmentStatement(payload: payload)
        } catch {
            throw CommandFailure(.refused, "\(file) is not what `postern statement make` prints. \(error.sentence)")
        }
        Terminal.complain(StatementText.facts(statement) + "\n")
        let envelope = try Self.sign(payload, with: fingerprint)
        try await Self.check(envelope, fingerprint)
        print(String(decoding: envelope.served, as: UTF8.self), terminator: "")
    }

    private static func sign(_ payload: [UInt8], with key: KeyFingerprint) throws -> StatementEnvelope {
        let exported = try gpg("--export", "--export-options", "export-minimal", key.text)
        guard let certificate = try? CertificateReader.read(exported).first?.get() else {
            throw CommandFailure(
                .refused,
                "gpg has no usable public key \(key.text); `gpg --list-keys` shows those it has."
            )
        }
        let signature = try gpg(
            "--detach-sign",
            "--digest-algo",
            "SHA512",
            "--local-user",
            key.text,
            input: CommitmentStatement.signedBytes(payload: payload)
        )
        do {
            return try StatementEnvelope(payload: payload, certificate: certificate, signature: signature)
        } catch {
            throw CommandFailure(.refused, error.sentence)
        }
    }

    /// As others will: a statement that nobody would accept is not given out.
    private static func check(_ envelope: StatementEnvelope, _ key: KeyFingerprint) async throws {
        let reader = StatementReader(worker: WorkerClient(executable: "/proc/self/exe"))
        let reading = await reader.read(envelope.served, at: Time.system().wall())
        if case .failure(let fault) = reading.statement {
            throw CommandFailure(.refused, "It was signed, but nobody would accept it. \(fault.sentence)")
        }
        guard reading.signer == key else {
            throw CommandFailure(.refused, "\(key.text) is not the fingerprint of the primary key; name that one.")
        }
    }

    /// What gpg writes; it says itself what goes wrong, and asks for the passphrase itself.
    private static func gpg(_ arguments: String..., input: [UInt8] = []) throws(CommandFailure) -> [UInt8] {
        let given = unnamedFile()
        let written = unnamedFile()
        defer {
            close(given)
            close(written)
        }
        let isReady =
            given >= 0 && written >= 0
            && input.withUnsafeBytes { write(given, $0.baseAddress, $0.count) } == input.count
            && lseek(given, 0, SEEK_SET) == 0
        guard isReady else { throw CommandFailure(.refused, "No file could be made in /tmp for what gpg is to sign.") }
        let environment = ProcessInfo.processInfo.environment.map { "\($0.key)=\($0.value)" }
        var spawning = Spawning("/usr/bin/env", ["gpg", "--batch", "--quiet"] + arguments, environment: environment)
        (spawning.input, spawning.output, spawning.errors) = (given, written, STDERR_FILENO)
        guard let process = try? spawning.start() else {
            throw CommandFailure(.refused, "gpg could not be started; install GnuPG.")
        }
        var status: Int32 = 0
        while waitpid(process, &status, 0) < 0, errno == EINTR {}
        guard status == 0 else {
            throw CommandFailure(.refused, "gpg did not do it (see above); is it installed, and does it have the key?")
        }
        return try contents(written)
    }

    /// A file that nobody else can find, and that is gone when it is closed.
    private static func unnamedFile() -> Int32 {
        var template = Array("/tmp/postern-XXXXXX".utf8CString)
        let descriptor = mkstemp(&template)
        guard descriptor >= 0 else { return -1 }
        unlink(template)
        _ = fcntl(descriptor, F_SETFD, FD_CLOEXEC)
        return descriptor
    }

    private static func contents(_ descriptor: Int32) throws(CommandFailure) -> [UInt8] {
        var bytes: [UInt8] = []
        var chunk = [UInt8](repeating: 0, count: 65_536)
        lseek(descriptor, 0, SEEK_SET)
        while true {
            let count = chunk.withUnsafeMutableBytes { read(descriptor, $0.baseAddress, $0.count) }
            if count < 0 && errno == EINTR { continue }
            guard count >= 0, bytes.count < 1 << 24 else {
                throw CommandFailure(.refused, "What gpg wrote can't be read, or is larger than 16 MiB.")
            }
            if count == 0 { return bytes }
            bytes += chunk[..<count]
        }
    }
}
