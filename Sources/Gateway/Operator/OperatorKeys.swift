// SPDX-License-Identifier: Apache-2.0

import Control
import Keyring
import Mail
import OpenPGP
import Privacy

extension Operator {
    func importKey(_ certificate: [UInt8]) async throws -> ControlResponse {
        let worker = data.worker
        do throws(KeyringError) {
            let imported = try await data.keyring.importCertificate(
                certificate,
                judge: { certificate, time async throws(WorkerError) in try await worker.judge(certificate, at: time) },
                at: time.wall()
            )
            await live?.recordsChanged()
            return .imported(report(imported))
        } catch {
            return .imported(report(error))
        }
    }

    func removeKey(_ selector: String) async throws -> ControlResponse {
        let parsed = try Self.selector(selector)
        let keys = try await data.keyring.find(parsed)
        let isLost = keys.isEmpty ? try await lostKey(parsed) != nil : false
        guard !keys.isEmpty || isLost else { throw Self.noKey(selector) }
        do throws(KeyringError) {
            for key in keys { _ = try await data.keyring.remove(fingerprint: key.fingerprint) }
            if case .address(let address) = parsed { try await data.keyring.forgetLost(address) }
        } catch {
            throw Refused(error.sentence)
        }
        await live?.recordsChanged()
        return .done(keys.count == 1 ? "1 key is removed." : "\(keys.count) keys are removed.")
    }

    func exportKey(_ selector: String) async throws -> ControlResponse {
        .exported(try await keys(selector).map { CertificateReader.armored($0.certificate.certificate) }.joined())
    }

    /// The keys that the operator means; refused when there are none.
    func keys(_ text: String) async throws -> [StoredKey] {
        let selector = try Self.selector(text)
        let keys = try await data.keyring.find(selector)
        guard keys.isEmpty else { return keys }
        if let sentence = try await lostKey(selector) { throw Refused(sentence) }
        throw Self.noKey(text)
    }

    /// What to say about an address whose key's record is lost; nil when there never was one.
    private func lostKey(_ selector: KeySelector) async throws -> String? {
        guard case .address(let address) = selector,
            case .unusable(let sentence) = try await data.keyring.finding(for: address, at: time.wall())
        else { return nil }
        return sentence
    }

    private static func selector(_ text: String) throws(Refused) -> KeySelector {
        if let selector = KeySelector(text) { return selector }
        throw Refused("\(text) names no key; give a fingerprint, at least its last 16 digits, or an address.")
    }

    private static func noKey(_ text: String) -> Refused {
        Refused("The keyring has no key for \(text); `postern keys list` shows all.")
    }

    func summaries(_ keys: [StoredKey]) -> [KeySummary] {
        let now = time.wall().seconds
        return keys.map { key in
            let certificate = key.certificate
            let verdict = certificate.verdict(at: now)
            return KeySummary(
                fingerprint: key.fingerprint,
                userIDs: certificate.userIDs,
                addresses: key.addresses.map(\.wire),
                created: Int(certificate.created),
                expires: certificate.expires.map { Int($0) },
                trust: key.trust.rawValue,
                verdict: verdict.sentence,
                usable: verdict.isUsable,
                encryptsTo: certificate.encryptionSubkeys(at: now).map { subkey in
                    "\(subkey.algorithm), key ID \(subkey.keyID.hexadecimal)"
                }
            )
        }
    }

    private func report(_ imported: ImportedKey) -> KeyImport {
        let verdict = imported.key.certificate.verdict(at: time.wall().seconds)
        let change =
            switch imported.change {
            case .added: ""
            case .updated: "Updated. "
            case .unchanged: "Nothing new in this copy. "
            }
        let consequence = verdict.isUsable ? "" : " Mail for it waits and is never sent in clear."
        return KeyImport(
            fingerprint: imported.key.fingerprint,
            addresses: imported.key.addresses.map(\.wire),
            accepted: true,
            sentence: change + verdict.sentence + consequence
        )
    }

    private func report(_ error: KeyringError) -> KeyImport {
        guard case .unusable(_, let certificate?) = error else {
            return KeyImport(fingerprint: "", addresses: [], accepted: false, sentence: error.sentence)
        }
        return KeyImport(
            fingerprint: certificate.fingerprintText,
            addresses: certificate.addresses.map(\.wire),
            accepted: false,
            sentence: error.sentence
        )
    }
}
