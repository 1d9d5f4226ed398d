// SPDX-License-Identifier: Apache-2.0

import CRNP

/// librnp in this process, the keys loaded once: the fastest way to use it.
struct LibRNP {
    let armoredKey: [UInt8]
    let message: [UInt8]

    func run() throws {
        var ffi: rnp_ffi_t?
        guard rnp_ffi_create(&ffi, "GPG", "GPG") == 0 else { throw UsageError() }
        defer { rnp_ffi_destroy(ffi) }
        var input: rnp_input_t?
        guard rnp_input_from_memory(&input, armoredKey, armoredKey.count, true) == 0 else { throw UsageError() }
        defer { rnp_input_destroy(input) }
        guard rnp_load_keys(ffi, "GPG", input, UInt32(RNP_LOAD_SAVE_PUBLIC_KEYS)) == 0 else { throw UsageError() }
        let key = try firstKey(ffi)
        defer { rnp_key_handle_destroy(key) }
        try Measure.measure("encrypt: librnp, RSA-4096", 500) { try encrypt(ffi, key) }
    }

    private func firstKey(_ ffi: rnp_ffi_t?) throws -> rnp_key_handle_t? {
        var iterator: rnp_identifier_iterator_t?
        guard rnp_identifier_iterator_create(ffi, &iterator, "fingerprint") == 0 else { throw UsageError() }
        defer { rnp_identifier_iterator_destroy(iterator) }
        var fingerprint: UnsafePointer<CChar>?
        guard rnp_identifier_iterator_next(iterator, &fingerprint) == 0, fingerprint != nil else { throw UsageError() }
        var key: rnp_key_handle_t?
        guard rnp_locate_key(ffi, "fingerprint", fingerprint, &key) == 0 else { throw UsageError() }
        return key
    }

    private func encrypt(_ ffi: rnp_ffi_t?, _ key: rnp_key_handle_t?) throws {
        var input: rnp_input_t?
        var output: rnp_output_t?
        var operation: rnp_op_encrypt_t?
        defer {
            rnp_op_encrypt_destroy(operation)
            rnp_output_destroy(output)
            rnp_input_destroy(input)
        }
        guard rnp_input_from_memory(&input, message, message.count, false) == 0,
            rnp_output_to_memory(&output, 0) == 0,
            rnp_op_encrypt_create(&operation, ffi, input, output) == 0,
            rnp_op_encrypt_add_recipient(operation, key) == 0,
            rnp_op_encrypt_set_cipher(operation, "AES256") == 0,
            rnp_op_encrypt_set_compression(operation, "Uncompressed", 0) == 0,
            rnp_op_encrypt_set_armor(operation, true) == 0,
            rnp_op_encrypt_execute(operation) == 0
        else { throw UsageError() }
    }
}
