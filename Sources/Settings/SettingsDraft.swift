// SPDX-License-Identifier: Apache-2.0

import Commitment
import Mail

/// The keys at the top, as a file gives them.
struct TopDraft: Sendable {
    var level: Level?
    var hostname: Domain?
    var data = "/var/lib/postern"
    var accept: [Domain] = []
    var networks: [NetworkRange] = []
    var tagSeparator: Character? = "+"
    var user: String?
}

/// One `[[listener]]`, as a file gives it.
struct ListenerDraft: Sendable {
    var role: Listener.Role?
    var address = "::"
    var port: Int?
    var path: String?
    var mode: Int?
    var owner: String?
    var direction: FilterSettings.Direction?
    var from: [NetworkRange]?
    var nextHop: Endpoint?
    var xforward: Bool?
}

/// One `[[caller]]`, as a file gives it.
struct CallerDraft: Sendable {
    var users: [AccountReference] = []
    var groups: [AccountReference] = []
    var sendAs: [AddressPattern] = []
    var messagesPerHour: Int?
}

/// `[spool]`, as a file gives it.
struct SpoolDraft: Sendable {
    var directory: String?
    var messages = 1000
    var bytes = 256 << 20
}

/// One `[[route]]`, as a file gives it.
struct RouteDraft: Sendable {
    var domain: Route.Destination?
    var maildir: Bool?
    var lmtp: Endpoint?
    var relay: Endpoint?
    var mx: Bool?
    var recipients: [EmailAddress]?
    var tls: NextHop.ChannelSecurity?
    var caFile: String?
    var username: String?
    var passwordFile: String?
}

/// `[tls]`, as a file gives it.
struct TLSDraft: Sendable {
    var certificate: String?
    var key: String?
    var keyPassphraseFile: String?
}

/// `[vault]`, as a file gives it.
struct VaultDraft: Sendable {
    var passphraseFile: String?
    var keyFile: String?
}

/// One `[[protection.rule]]`, as a file gives it.
struct RuleDraft: Sendable {
    var subject: ProtectionSettings.Rule.Subject?
    var mode: ProtectionMode?
    var headerProtection: Bool?
    var wrapSigned: Bool?
}

extension SettingCodec where Value == Level {
    static var level: SettingCodec {
        SettingCodec("a number", plural: "numbers", possible: "1, 2 or 3") { node, reading in
            guard case .integer(let number) = node.value else {
                return reading.fail(node, "this is \(node.kindName), not a level", "use 1, 2 or 3, without quotes")
            }
            return Level(rawValue: number) ?? reading.fail(node, "there is no level \(number)", "use 1, 2 or 3")
        } encode: {
            $0.description
        }
    }
}
