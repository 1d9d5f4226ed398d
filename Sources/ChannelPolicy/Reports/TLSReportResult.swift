// SPDX-License-Identifier: Apache-2.0

/// What went wrong with a session, in the words of TLS reports (RFC 8460 §4.3).
package enum TLSReportResult: String, Sendable, Hashable, Codable, CaseIterable {
    case startTLSNotSupported = "starttls-not-supported"
    case hostMismatch = "certificate-host-mismatch"
    case expired = "certificate-expired"
    case notTrusted = "certificate-not-trusted"
    case validationFailure = "validation-failure"
    case tlsaInvalid = "tlsa-invalid"
    case dnssecInvalid = "dnssec-invalid"
    case daneRequired = "dane-required"
    case stsFetchError = "sts-policy-fetch-error"
    case stsInvalid = "sts-policy-invalid"
    case stsWebPKIInvalid = "sts-webpki-invalid"
}

extension ProofFault {
    package var reportResult: TLSReportResult {
        switch self {
        case .noTLSAMatches: .tlsaInvalid
        case .wrongName: .hostMismatch
        case .expired: .expired
        case .untrusted, .notYetValid, .unreadableDates, .criticalExtension, .notAllowed: .notTrusted
        case .noCertificate, .tooLarge, .unreadable, .tooManyPaths, .noPinMatches: .validationFailure
        }
    }
}

extension ChannelFault {
    /// Nil where the fault says nothing about the server's TLS.
    var reportResult: TLSReportResult? {
        switch cause {
        case .dns: .dnssecInvalid
        case .hostNotListed, .handshake, .proofMissing: .validationFailure
        case .startTLSNotOffered, .startTLSRefused: .startTLSNotSupported
        case .unproven(let fault): fault.reportResult
        case .floorUnmet, .policiesUnreadable, .linkMissing, .unprovenHostName, .requireTLSNotOffered: nil
        }
    }
}

extension STSFetch.Failure {
    package var reportResult: TLSReportResult {
        switch self {
        case .notProven: .stsWebPKIInvalid
        case .flawed, .mediaType: .stsInvalid
        case .noAddress, .unreachable, .timedOut, .status, .malformed: .stsFetchError
        }
    }
}
