// SPDX-License-Identifier: Apache-2.0

import Crypto
import CryptoExtras
import Foundation
import Mail
import OpenPGP
import Privacy

/// Our own writer, and the bare primitives that no writer can do without.
struct Encryptions {
    let message: SampleMessage
    let key: JudgedCertificate
    let now: WallTime

    func run() async throws {
        let source = MemorySource(message.whole)
        try await Measure.measure("encrypt: own writer, RSA-4096", 2000) {
            var encryptor = try MessageEncryptor(certificates: [key], at: now, plaintext: source)
            while try await encryptor.next() != nil {}
        }
        let bytes = Data(message.whole)
        let bare = try _RSA.Signing.PrivateKey(keySize: .init(bitCount: 4096)).publicKey
        let rsa = try _RSA.Encryption.PublicKey(derRepresentation: bare.derRepresentation)
        let session = SymmetricKey(size: .bits256)
        let wrapped = session.withUnsafeBytes { Data($0) }
        let vector = try AES._CFB.IV(ivBytes: Data(count: 16))
        try Measure.measure("encrypt.floor: bare primitives", 2000) {
            let packet = try rsa.encrypt(wrapped, padding: ._WEAK_AND_INSECURE_PKCS_V1_5)
            let cipher = try AES._CFB.encrypt(bytes, using: session, iv: vector)
            let digest = Insecure.SHA1.hash(data: bytes)
            let armor = cipher.base64EncodedData()
            if packet.isEmpty || armor.isEmpty || digest.description.isEmpty { throw UsageError() }
        }
    }
}
