// SPDX-License-Identifier: Apache-2.0

import CRNP
import Glibc
import OpenPGP

/// One librnp context with empty key rings between jobs.
///
/// librnp's contexts belong to one thread at a time; here there is one.
@safe final class Library {
    private let context: rnp_ffi_t

    /// Makes the context ready and draws randomness, so that whatever the generator opens is open before the sandbox
    /// closes.
    init?() {
        var context: rnp_ffi_t?
        guard unsafe rnp_ffi_create(&context, "GPG", "GPG") == 0, let made = unsafe context else { return nil }
        unsafe self.context = made
        // librnp closes the descriptor that it logs to; standard error is /dev/null already.
        guard unsafe rnp_ffi_set_log_fd(made, 2) == 0 else { return nil }
    }

    deinit { unsafe rnp_ffi_destroy(context) }

    /// Whether the only signature in `certificate`, on the key (0), its user ID (1) or its subkey (2), is valid as of
    /// `created`.
    func isValid(subject: UInt8, created: UInt32, fingerprint: [UInt8], certificate: [UInt8]) -> Bool {
        defer { unload() }
        guard load(certificate, at: created), let primary = key(fingerprint) else { return false }
        switch subject {
        case 0: return unsafe isValid { unsafe rnp_key_get_signature_at(primary.handle, 0, &$0) }
        case 1:
            var userID: rnp_uid_handle_t?
            guard unsafe rnp_key_get_uid_handle_at(primary.handle, 0, &userID) == 0 else { return false }
            defer { unsafe rnp_uid_handle_destroy(userID) }
            return unsafe isValid { unsafe rnp_uid_get_signature_at(userID, 0, &$0) }
        case 2:
            var handle: rnp_key_handle_t?
            guard unsafe rnp_key_get_subkey_at(primary.handle, 0, &handle) == 0, let made = unsafe handle else {
                return false
            }
            let subkey = unsafe KeyHandle(made)
            return unsafe isValid { unsafe rnp_key_get_signature_at(subkey.handle, 0, &$0) }
        default: return false
        }
    }

    /// Whether the one signature of `check` is a valid one over its document by its signer, as of its time.
    func isSigned(_ check: DetachedCheck) -> Bool {
        defer { unload() }
        guard load(check.certificate, at: check.time) else { return false }
        return unsafe withInput(check.document) { document in
            unsafe withInput(check.signature) { signature in
                var operation: rnp_op_verify_t?
                guard unsafe rnp_op_verify_detached_create(&operation, context, document, signature) == 0 else {
                    return false
                }
                defer { unsafe rnp_op_verify_destroy(operation) }
                var count = 0
                var made: rnp_op_verify_signature_t?
                guard unsafe rnp_op_verify_execute(operation) == 0,
                    unsafe rnp_op_verify_get_signature_count(operation, &count) == 0, count == 1,
                    unsafe rnp_op_verify_get_signature_at(operation, 0, &made) == 0,
                    unsafe rnp_op_verify_signature_get_status(made) == 0
                else { return false }
                return unsafe signer(of: made) == check.signer.hexadecimal
            }
        }
    }

    private func signer(of signature: rnp_op_verify_signature_t?) -> String? {
        var handle: rnp_key_handle_t?
        guard unsafe rnp_op_verify_signature_get_key(signature, &handle) == 0, let made = unsafe handle else {
            return nil
        }
        let key = unsafe KeyHandle(made)
        var text: UnsafeMutablePointer<CChar>?
        guard unsafe rnp_key_get_fprint(key.handle, &text) == 0, let found = unsafe text else { return nil }
        defer { unsafe rnp_buffer_destroy(found) }
        return unsafe String(cString: found).uppercased()
    }

    private func withInput(_ bytes: [UInt8], _ body: (rnp_input_t?) -> Bool) -> Bool {
        unsafe bytes.withUnsafeBufferPointer { buffer in
            var input: rnp_input_t?
            guard unsafe rnp_input_from_memory(&input, buffer.baseAddress, buffer.count, false) == 0 else {
                return false
            }
            defer { unsafe rnp_input_destroy(input) }
            return unsafe body(input)
        }
    }

    /// Encrypts what the gateway sends to the keys of `request`.
    ///
    /// Returns librnp's result, 0 when the message is whole.
    func encrypt(_ request: EncryptRequest, over channel: FrameChannel) -> UInt32 {
        defer { unload() }
        for recipient in request.recipients {
            guard load(recipient.certificate, at: request.time) else { return UInt32(RNP_ERROR_BAD_FORMAT) }
        }
        let stream = PlaintextStream(channel)
        return withExtendedLifetime(stream) { stream in
            let owner = unsafe Unmanaged.passUnretained(stream).toOpaque()
            var input: rnp_input_t?
            var output: rnp_output_t?
            var operation: rnp_op_encrypt_t?
            defer {
                unsafe rnp_op_encrypt_destroy(operation)
                unsafe rnp_input_destroy(input)
                unsafe rnp_output_destroy(output)
            }
            var result = unsafe rnp_input_from_callback(&input, readPlaintext, nil, owner)
            if result == 0 { result = unsafe rnp_output_to_callback(&output, writeCiphertext, nil, owner) }
            if result == 0 { result = unsafe rnp_op_encrypt_create(&operation, context, input, output) }
            if result == 0, let operation = unsafe operation { result = unsafe configure(operation, request) }
            return result == 0 ? unsafe rnp_op_encrypt_execute(operation) : result
        }
    }

    private func configure(_ operation: rnp_op_encrypt_t, _ request: EncryptRequest) -> UInt32 {
        for fingerprint in request.recipients.flatMap(\.fingerprints) {
            guard let key = key(fingerprint) else { return UInt32(RNP_ERROR_KEY_NOT_FOUND) }
            let result = unsafe rnp_op_encrypt_add_recipient(operation, key.handle)
            guard result == 0 else { return result }
        }
        let cipher =
            switch request.cipher {
            case .aes128: "AES128"
            case .aes192: "AES192"
            case .aes256: "AES256"
            }
        var result = unsafe rnp_op_encrypt_set_cipher(operation, cipher)
        if result == 0 { result = unsafe rnp_op_encrypt_set_armor(operation, false) }
        if result == 0 { result = unsafe rnp_op_encrypt_set_compression(operation, "Uncompressed", 0) }
        if result == 0 { result = unsafe rnp_op_encrypt_set_aead(operation, "None") }
        if result == 0 { result = unsafe rnp_op_encrypt_set_file_name(operation, "") }
        if result == 0 { result = unsafe rnp_op_encrypt_set_file_mtime(operation, 0) }
        return result
    }

    private func load(_ certificate: [UInt8], at time: UInt32) -> Bool {
        guard unsafe rnp_set_timestamp(context, UInt64(time)) == 0 else { return false }
        return unsafe certificate.withUnsafeBufferPointer { bytes in
            var input: rnp_input_t?
            guard unsafe rnp_input_from_memory(&input, bytes.baseAddress, bytes.count, false) == 0 else { return false }
            defer { unsafe rnp_input_destroy(input) }
            return unsafe rnp_load_keys(context, "GPG", input, UInt32(RNP_LOAD_SAVE_PUBLIC_KEYS)) == 0
        }
    }

    private func unload() { unsafe rnp_unload_keys(context, UInt32(RNP_KEY_UNLOAD_PUBLIC)) }

    private func key(_ fingerprint: [UInt8]) -> KeyHandle? {
        var handle: rnp_key_handle_t?
        guard unsafe rnp_locate_key(context, "fingerprint", fingerprint.hexadecimal, &handle) == 0,
            let made = unsafe handle
        else { return nil }
        return unsafe KeyHandle(made)
    }

    private func isValid(_ find: (inout rnp_signature_handle_t?) -> UInt32) -> Bool {
        var signature: rnp_signature_handle_t?
        guard unsafe find(&signature) == 0 else { return false }
        defer { unsafe rnp_signature_handle_destroy(signature) }
        return unsafe rnp_signature_is_valid(signature, 0) == 0
    }
}

/// Owns a key handle.
@safe private final class KeyHandle {
    let handle: rnp_key_handle_t

    init(_ handle: rnp_key_handle_t) { unsafe self.handle = handle }

    deinit { unsafe rnp_key_handle_destroy(handle) }
}
