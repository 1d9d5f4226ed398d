// SPDX-License-Identifier: Apache-2.0

import FoundationEssentials
import Privacy
import SwiftASN1
import Vault
import X509

/// When the server's certificate expires.
enum CertificateExpiry {
    /// Of the first certificate in a PEM file; nil when it can't be read.
    static func read(_ path: String) -> WallTime? {
        guard let bytes = try? DurableFile.read(path),
            let documents = try? PEMDocument.parseMultiple(pemString: String(decoding: bytes, as: UTF8.self)),
            let first = documents.first(where: { $0.discriminator == Certificate.defaultPEMDiscriminator }),
            let certificate = try? Certificate(pemDocument: first)
        else { return nil }
        return WallTime(seconds: Int64(certificate.notValidAfter.timeIntervalSince1970))
    }
}
