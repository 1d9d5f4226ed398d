// SPDX-License-Identifier: Apache-2.0

import Crypto

/// A random 256-bit key that many messages of one stretch of time share, destroyed when the last of them leaves.
///
/// It exists in clear only in locked memory. Its sealed form is kept by the queue; once that row is gone, what was
/// sealed under the epoch cannot be opened again, not even with the passphrase and a copy of the old files.
package struct EpochKey: Sendable {
    /// Length of a record id for ``derive(recordID:)``.
    package static let recordIDBytes = 16

    let bytes: LockedBytes

    init(bytes: LockedBytes) { self.bytes = bytes }

    /// The key of one message: HKDF-SHA256 (RFC 5869 section 2.3) from the epoch key, with the message's random id.
    package func derive(recordID: [UInt8]) -> RecordKey {
        RecordKey(expandKey(bytes, info: Array("postern epoch record v1 ".utf8) + recordID))
    }
}

/// HKDF-Expand alone: the input is a uniformly random key already, for which RFC 5869 section 3.3 allows it.
func expandKey(_ secret: LockedBytes, info: [UInt8]) -> SymmetricKey {
    unsafe secret.withBytes { bytes in
        unsafe HKDF<SHA256>.expand(pseudoRandomKey: bytes, info: info, outputByteCount: 32)
    }
}
