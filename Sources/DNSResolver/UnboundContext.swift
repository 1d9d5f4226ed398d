// SPDX-License-Identifier: Apache-2.0

import CUnbound
import Glibc

/// One libunbound context.
///
/// libunbound locks a context by itself and says so (libunbound(3), "thread safe"); resolving runs in a thread that
/// the library starts with the first question. Nothing here blocks: a question is a message written to that thread.
@safe struct UnboundContext: @unchecked Sendable {
    // @unchecked: the pointer never changes, the library guards what is behind it, and the owner deletes it once, last.
    private let pointer: OpaquePointer

    init(_ options: ResolverOptions) throws(ResolverError) {
        guard let pointer = unsafe ub_ctx_create() else { throw .outOfMemory }
        unsafe self.pointer = pointer
        do throws(ResolverError) {
            try configure(options)
        } catch {
            unsafe ub_ctx_delete(pointer)
            throw error
        }
    }

    /// Ends the library's thread and frees everything.
    ///
    /// Nothing may use the context afterwards.
    func delete() { unsafe ub_ctx_delete(pointer) }

    /// Becomes readable when ``process()`` has something to do.
    var descriptor: CInt { unsafe ub_fd(pointer) }

    /// Hands the answers that have come to their callbacks, on this thread.
    func process() { unsafe _ = ub_process(pointer) }

    /// Asks.
    ///
    /// The answer comes to ``answerArrived(_:_:_:)`` once, from ``process()``, unless the question is cancelled before.
    ///
    /// Nil when the question was refused.
    func ask(_ name: String, _ type: RecordType, ticket: UInt) -> CInt? {
        var id: CInt = 0
        let argument = unsafe UnsafeMutableRawPointer(bitPattern: ticket)
        let status = unsafe ub_resolve_async(pointer, name, CInt(type.rawValue), 1, argument, answerArrived, &id)
        return status == 0 ? id : nil
    }

    func cancel(_ id: CInt) { unsafe _ = ub_cancel(pointer, id) }

    private func configure(_ options: ResolverOptions) throws(ResolverError) {
        // The library writes to standard error by itself, names that were asked for included.
        try check("log", unsafe ub_ctx_debugout(pointer, nil))
        try check("threads", unsafe ub_ctx_async(pointer, 1))
        try set("qname-minimisation:", "yes")
        try set("edns-buffer-size:", "1232")
        try set("cache-max-ttl:", "86400")
        try set("cache-max-negative-ttl:", "300")
        // Questions on their way at once. Of the library's own 16, name servers that never answer would soon hold all.
        try set("outgoing-range:", "512")
        try set("num-queries-per-thread:", "1024")
        try set("outgoing-num-tcp:", "32")
        try addAnchors(options)
        try addServers(options)
    }

    private func addServers(_ options: ResolverOptions) throws(ResolverError) {
        if case .root = options.upstream, options.stubs.isEmpty { return }
        try set("do-not-query-localhost:", "no")
        switch options.upstream {
        case .root: break
        case .system: try check("/etc/resolv.conf", unsafe ub_ctx_resolvconf(pointer, nil))
        case .servers(let servers):
            for server in servers { try check("servers", unsafe ub_ctx_set_fwd(pointer, server)) }
        }
        for stub in options.stubs {
            try check("stub servers", unsafe ub_ctx_set_stub(pointer, absolute(stub.zone), stub.server, 0))
        }
        // libunbound answers names under these by itself; servers that somebody configured may well hold them.
        // Last, because it ends the time in which settings may change.
        for zone in ["test.", "home.arpa."] + options.stubs.map({ absolute($0.zone) }) {
            unsafe _ = ub_ctx_zone_remove(pointer, zone)
        }
    }

    private func addAnchors(_ options: ResolverOptions) throws(ResolverError) {
        switch options.trustAnchor {
        case .none: break
        case .file(let path): try addAnchorFile(path)
        case .root:
            if unsafe access(ResolverOptions.rootKeyFile, R_OK) == 0 {
                try check("root anchor", unsafe ub_ctx_add_ta_file(pointer, ResolverOptions.rootKeyFile))
            } else {
                for anchor in ResolverOptions.rootAnchors {
                    try check("root anchor", unsafe ub_ctx_add_ta(pointer, anchor))
                }
            }
        }
        for path in options.extraAnchorFiles {
            try addAnchorFile(path)
        }
    }

    /// The library reads the file only with the first question, when it is too late to say what is wrong.
    private func addAnchorFile(_ path: String) throws(ResolverError) {
        guard unsafe access(path, R_OK) == 0 else {
            throw .refused(setting: "trust anchor file", reason: "it cannot be read")
        }
        try check("trust anchor file", unsafe ub_ctx_add_ta_file(pointer, path))
    }

    private func absolute(_ zone: String) -> String { zone.hasSuffix(".") ? zone : zone + "." }

    private func set(_ option: String, _ value: String) throws(ResolverError) {
        try check(option, unsafe ub_ctx_set_option(pointer, option, value))
    }

    private func check(_ setting: String, _ status: CInt) throws(ResolverError) {
        guard status != 0 else { return }
        let reason = unsafe ub_strerror(status).map { unsafe String(cString: $0) } ?? "error \(status)"
        throw .refused(setting: setting, reason: reason)
    }
}
