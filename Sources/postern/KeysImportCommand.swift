// SPDX-License-Identifier: Apache-2.0

import ArgumentParser
import Control
import OpenPGP

struct KeysImportCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "import",
        abstract: "Import certificates: what you import counts as confirmed by you.",
        discussion: """
            Each file may hold many certificates, armored or binary; - is standard input. Signatures by others are \
            stripped. A newer copy of a key that is there is merged into it; an older copy never undoes a revocation \
            or an expiry.

            Example: postern keys import bob.asc keys/*.asc
            Exit codes: 0 all imported; 1 at least one was refused; 66 a file is missing or holds no certificate.
            """
    )

    @Argument(help: "Files with certificates.", completion: .file())
    var files: [String]

    @OptionGroup var place: GatewayPlace
    @OptionGroup var output: OutputOptions

    func run() async throws {
        // Read first: a missing file should stop the command before it changed anything.
        let readings = try files.map { (file: $0, certificates: try Self.certificates(in: $0)) }
        let answers = try await Answers.find(place)
        var results: [KeyImport] = []
        for (file, certificates) in readings {
            for certificate in certificates {
                let result = try await Self.importOne(certificate, answers)
                results.append(result)
                if !output.json { print(Self.line(result, file: file)) }
            }
        }
        if output.json { try OutputOptions.printJSON(results) }
        let refused = results.count { !$0.accepted }
        guard refused == 0 else {
            throw CommandFailure(.refused, "\(refused) of \(PlainText.count(results.count, "key")) refused.")
        }
    }

    /// Each certificate in the file, stripped, or why it is none.
    private static func certificates(in file: String) throws -> [Result<[UInt8], CertificateVerdict>] {
        let bytes = try InputFile.read(file, limit: CertificateReader.maxInputBytes)
        do throws(CertificateVerdict) {
            return try CertificateReader.read(bytes)
        } catch {
            if error == .noKey { throw CommandFailure(.inputMissing, "\(file): \(error.sentence)") }
            return [.failure(error)]
        }
    }

    private static func importOne(
        _ certificate: Result<[UInt8], CertificateVerdict>,
        _ answers: Answers
    ) async throws -> KeyImport {
        switch certificate {
        case .failure(let verdict):
            return KeyImport(fingerprint: "", addresses: [], accepted: false, sentence: verdict.sentence)
        case .success(let stripped):
            guard case .imported(let result) = try await answers.ask(.importKey(certificate: stripped)) else {
                throw CommandFailure.unexpectedAnswer
            }
            return result
        }
    }

    /// The line for one key: fingerprint, addresses, verdict.
    private static func line(_ result: KeyImport, file: String) -> String {
        let who = result.addresses.isEmpty ? "" : " " + result.addresses.joined(separator: ", ")
        let name = result.fingerprint.isEmpty ? file : result.fingerprint
        return PlainText.printable("\(name)\(who): \(result.accepted ? "" : "refused: ")\(result.sentence)")
    }
}
