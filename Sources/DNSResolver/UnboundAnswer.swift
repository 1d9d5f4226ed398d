// SPDX-License-Identifier: Apache-2.0

import CUnbound

/// Called by libunbound from `ub_process`, once for each question that was not cancelled.
func answerArrived(
    _ argument: UnsafeMutableRawPointer?,
    _ status: CInt,
    _ result: UnsafeMutablePointer<ub_result>?
) {
    let ticket = UInt(bitPattern: argument)
    var answer = DNSAnswer.failed
    if status == 0, let result = unsafe result { answer = unsafe copyAnswer(result.pointee) }
    unsafe ub_resolve_free(result)
    PendingQueries.all.finish(ticket, answer)
}

/// Copies out of the library's memory what anybody here wants to know.
@unsafe private func copyAnswer(_ result: ub_result) -> DNSAnswer {
    let code = unsafe ResponseCode(result.nxdomain != 0 ? 3 : Int(result.rcode))
    let security: DNSSecurity
    if unsafe result.bogus != 0 {
        security = .bogus
    } else if code != .noError && code != .nameError {
        security = .failed
    } else {
        security = unsafe result.secure != 0 ? .secure : .insecure
    }
    guard security == .secure || security == .insecure else { return DNSAnswer(security: security, code: code) }
    let canonical = unsafe result.canonname.map { unsafe String(cString: $0) }
    return DNSAnswer(
        security: security,
        code: code,
        canonicalName: canonical.map { $0.hasSuffix(".") ? String($0.dropLast()) : $0 },
        records: unsafe copyRecords(result),
        timeToLive: .seconds(unsafe max(0, Int(result.ttl)))
    )
}

@unsafe private func copyRecords(_ result: ub_result) -> [DNSRecord] {
    guard let type = unsafe RecordType(rawValue: UInt16(truncatingIfNeeded: result.qtype)),
        let data = unsafe result.data, let lengths = unsafe result.len
    else { return [] }
    var records: [DNSRecord] = []
    var index = 0
    while records.count < RecordDecoder.limit(type), index < 4096, let item = unsafe data[index] {
        let length = unsafe Int(lengths[index])
        let bytes = unsafe [UInt8](UnsafeRawBufferPointer(start: item, count: max(0, length)))
        if let record = RecordDecoder.decode(type, bytes[...]) { records.append(record) }
        index += 1
    }
    return records
}
