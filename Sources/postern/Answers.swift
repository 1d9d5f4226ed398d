// SPDX-License-Identifier: Apache-2.0

import Control
import Gateway
import Glibc
import Privacy
import Settings
import Store
import Vault

/// Whoever answers an operator: the running gateway, or the files when none runs.
enum Answers {
    case gateway(RunningGateway)
    case files(Operator)

    /// The running gateway, else the opened files; asks for the vault's passphrase on the terminal where that is needed.
    static func find(_ place: GatewayPlace) async throws(CommandFailure) -> Answers {
        let location = try place.locate()
        if let gateway = try RunningGateway.find(location) { return .gateway(gateway) }
        return .files(try await open(location))
    }

    /// The answer; a refusal is thrown as the sentence it holds.
    func ask(_ request: ControlRequest) async throws(CommandFailure) -> ControlResponse {
        switch self {
        case .gateway(let gateway):
            return try gateway.ask(request)
        case .files(let files):
            let response = await files.answer(request)
            if case .refused(let sentence) = response { throw CommandFailure(.refused, sentence) }
            return response
        }
    }

    /// The sentence of a request that only does something.
    func sentence(_ request: ControlRequest) async throws(CommandFailure) -> String {
        guard case .done(let sentence) = try await ask(request) else { throw .unexpectedAnswer }
        return sentence
    }

    private static func open(_ location: GatewayLocation) async throws(CommandFailure) -> Operator {
        let directory = location.settings.data
        guard access(directory, R_OK | W_OK | X_OK) == 0 else {
            throw errno == EACCES
                ? CommandFailure(
                    .notAllowed,
                    "\(location.shownData) belongs to another user; run the command as root or as the gateway's user."
                )
                : CommandFailure(
                    .inputMissing,
                    "There is no data directory \(location.shownData); name another with --config or --data, or make it with "
                        + "`\(location.makeCommand)`."
                )
        }
        let time = Time.system()
        do {
            ProcessHardening.apply()
            let vault = try VaultOpening.open(source(location), in: directory, mayAsk: true)
            let data = try await DataDirectory.open(
                path: directory,
                settings: location.settings,
                vault: vault,
                time: time,
                log: .none
            )
            return Operator(data: data, settings: location.settings, time: time)
        } catch VaultError.noPassphrase where source(location) == .prompt {
            throw CommandFailure(
                .noGateway,
                "No gateway is running for \(location.shownData), and nobody can be asked for the passphrase of its vault; start the "
                    + "gateway with `\(location.startCommand)`, or run this command on a terminal."
            )
        } catch let error as VaultError {
            throw CommandFailure(
                error == .missing ? .inputMissing : .refused,
                "\(location.shownData): \(error.sentence)"
            )
        } catch StoreError.alreadyOpen {
            throw CommandFailure(
                .noGateway,
                "Another process has \(location.shownData) open, but no gateway answers at \(location.sockets[0]); is one starting, or does "
                    + "it run as another user?"
            )
        } catch {
            let sentence = (error as? StoreError)?.sentence ?? "It can't be opened."
            throw CommandFailure(.refused, "\(location.shownData): \(sentence)")
        }
    }

    /// A data directory named without settings is try-it mode's when its key file is there; else the passphrase is asked for.
    private static func source(_ location: GatewayLocation) -> VaultSource {
        if case .keyFile(let path) = location.settings.vault, location.config == nil, access(path, F_OK) != 0 {
            return .prompt
        }
        return location.settings.vault
    }
}
