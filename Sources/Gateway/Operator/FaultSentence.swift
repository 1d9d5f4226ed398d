// SPDX-License-Identifier: Apache-2.0

import ChannelPolicy
import Delivery

/// What a person reads about a delivery that failed without a word from the other side.
enum FaultSentence {
    /// With what the channel lacked, where that is known.
    static func sentence(for fault: DeliveryOutcome.Fault) -> String {
        guard let channel = fault.channel else { return sentence(for: fault.cause) }
        return "\(sentence(for: fault.cause)) (\(channel.rule.rawValue): \(channel.text))"
    }

    static func sentence(for cause: FaultCause) -> String {
        switch cause {
        case .noRoute: "No route leads to the recipient's domain."
        case .noFilter: "The settings have no filter any more for mail that came by one."
        case .nullMX: "The recipient's domain says that it takes no mail."
        case .noSuchDomain: "The recipient's domain does not exist; look whether the address is spelt right."
        case .noUsableHost: "No mail server of the recipient's domain can be used."
        case .routingLoop: "The recipient's domain points its mail back at us."
        case .nameServiceFailed: "The recipient's domain could not be looked up."
        case .bogusDNS: "The answer to the look-up of the recipient's domain failed its check."
        case .unreachable: "The recipient's mail server could not be reached."
        case .connectionLost: "The connection to the recipient's mail server broke."
        case .timedOut: "The recipient's mail server did not answer in time."
        case .tlsFailed: "Encryption to the recipient's mail server could not be set up."
        case .tlsRequired: "The recipient's mail server does not offer the encryption that we require."
        case .authenticationFailed: "The next mail server did not accept our login."
        case .protocolError: "The recipient's mail server did not keep to the protocol."
        case .hostUnavailable: "The recipient's mail server takes no mail now."
        case .channelUnproven: "The recipient's mail server could not prove who it is."
        case .hostNotInPolicy: "The recipient's mail server is not one that the domain's policy names."
        case .policiesUnreadable: "What we keep of the domain's policy could not be read."
        case .floorUnmet: "The way to the recipient's mail server is not as safe as we require."
        case .linkMissing: "The protected link to the recipient's mail server is not there."
        case .unprovenHostName:
            "The message requires TLS, and nothing vouches for the name of the recipient's mail server."
        case .requireTLSNotOffered:
            "The message requires TLS all the way, which the recipient's mail server does not promise."
        case .refusedByHost: "The recipient's mail server refused the message."
        case .eightBitBody: "The message holds 8-bit text that the recipient's mail server does not take."
        case .nonASCIIAddress: "The recipient's mail server does not take addresses in international letters."
        case .nonASCIIHeader: "The recipient's mail server does not take header fields in international letters."
        case .tooLarge: "The message is larger than the recipient's mail server takes."
        case .flawedContent: "The message holds line ends that must not leave."
        case .unreadable: "The stored message could not be read."
        case .mailboxUnknown: "There is no such mailbox here."
        case .mailboxError: "The mailbox could not be written."
        case .cancelled: "The delivery was interrupted."
        }
    }
}
