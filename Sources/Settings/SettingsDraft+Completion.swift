// SPDX-License-Identifier: Apache-2.0

import Mail

extension ListenerDraft {
    static func listener(_ table: TableNode, _ place: String, _ reading: inout Reading) -> Listener? {
        var draft = ListenerDraft()
        SettingsSchema.listener.decode(table.members, at: place, into: &draft, &reading)
        guard let role = draft.role else {
            reading.reportMissing(
                "role",
                in: table,
                place,
                remedy: "add role = \"mx\", \"submission\", \"submissions\", \"local\" or \"filter\""
            )
            return nil
        }
        if role == .filter { return draft.filterListener(table, place, &reading) }
        draft.reportFilterKeys(table, place, &reading)
        draft.reportSocketKeys(role, table, place, &reading)
        return Listener(
            role: role,
            address: draft.address,
            port: draft.port,
            path: draft.path,
            mode: draft.mode,
            owner: draft.owner,
            line: table.line
        )
    }

    /// Reports the keys of a socket at a listener on a port, and those of a port at a local one.
    private func reportSocketKeys(
        _ role: Listener.Role,
        _ table: TableNode,
        _ place: String,
        _ reading: inout Reading
    ) {
        let others = role == .local ? ["address", "port"] : ["path", "mode", "owner"]
        for member in table.members where others.contains(member.key) {
            reading.report(
                line: member.node.line,
                key: "\(place).\(member.key)",
                problem: role == .local
                    ? "a local listener has a path in place of it" : "only a local listener or a filter has one",
                remedy: "remove the line"
            )
        }
    }
}

extension CallerDraft {
    static func caller(_ table: TableNode, _ place: String, _ reading: inout Reading) -> Caller? {
        var draft = CallerDraft()
        SettingsSchema.caller.decode(table.members, at: place, into: &draft, &reading)
        if draft.users.isEmpty, draft.groups.isEmpty {
            reading.reportMissing(
                "users",
                in: table,
                place,
                remedy: "say whose programs are meant, users = [\"www-data\"], or groups"
            )
        }
        if draft.sendAs.isEmpty {
            reading.reportMissing(
                "send_as",
                in: table,
                place,
                remedy: "say as whom they may send, send_as = [\"web@example.org\"]"
            )
        }
        return Caller(
            users: draft.users,
            groups: draft.groups,
            sendAs: draft.sendAs,
            messagesPerHour: draft.messagesPerHour,
            line: table.line
        )
    }
}

extension SpoolDraft {
    static func spool(_ table: TableNode, _ reading: inout Reading) -> SpoolSettings? {
        var draft = SpoolDraft()
        SettingsSchema.spool.decode(table.members, at: "spool", into: &draft, &reading)
        guard let directory = draft.directory else {
            reading.reportMissing(
                "directory",
                in: table,
                "spool",
                remedy: "name the directory, directory = \"/var/spool/postern\""
            )
            return nil
        }
        return SpoolSettings(directory: directory, messages: draft.messages, bytes: draft.bytes)
    }
}

extension TLSDraft {
    static func files(_ table: TableNode, _ reading: inout Reading) -> TLSFiles? {
        var draft = TLSDraft()
        SettingsSchema.tls.decode(table.members, at: "tls", into: &draft, &reading)
        // An empty table: certificates and keys are in the vault.
        guard !table.members.isEmpty else { return nil }
        if draft.certificate == nil {
            reading.reportMissing("certificate", in: table, "tls", remedy: "name the file of the certificate chain")
        }
        if draft.key == nil {
            reading.reportMissing("key", in: table, "tls", remedy: "name the file of the private key")
        }
        guard let certificate = draft.certificate, let key = draft.key else { return nil }
        return TLSFiles(certificate: certificate, key: key, keyPassphraseFile: draft.keyPassphraseFile)
    }
}

extension VaultDraft {
    static func source(_ table: TableNode, _ reading: inout Reading) -> VaultSource {
        var draft = VaultDraft()
        SettingsSchema.vault.decode(table.members, at: "vault", into: &draft, &reading)
        if draft.passphraseFile != nil, draft.keyFile != nil {
            reading.report(
                line: reading.positions.line("vault.key_file"),
                key: "vault.key_file",
                problem: "the vault has a passphrase file too",
                remedy: "keep one of passphrase_file and key_file"
            )
        }
        if let path = draft.passphraseFile { return .passphraseFile(path) }
        if let path = draft.keyFile { return .keyFile(path) }
        return .prompt
    }
}

extension RuleDraft {
    static func rule(_ table: TableNode, _ place: String, _ reading: inout Reading) -> ProtectionSettings.Rule? {
        var draft = RuleDraft()
        SettingsSchema.protectionRule.decode(table.members, at: place, into: &draft, &reading)
        guard let subject = draft.subject else {
            reading.reportMissing("for", in: table, place, remedy: "say for whom the rule is, for = \"example.net\"")
            return nil
        }
        if draft.mode == nil, draft.headerProtection == nil, draft.wrapSigned == nil, table.members.count == 1 {
            reading.report(
                line: table.line,
                key: place,
                problem: "the rule says nothing",
                remedy: "add mode, header_protection or wrap_signed"
            )
        }
        return ProtectionSettings.Rule(
            for: subject,
            mode: draft.mode,
            headerProtection: draft.headerProtection,
            wrapSigned: draft.wrapSigned,
            line: table.line
        )
    }
}

extension Reading {
    /// Reports a required key that the table does not have; one that is there but impossible was reported already.
    mutating func reportMissing(_ name: String, in table: TableNode, _ place: String, remedy: String) {
        guard !table.members.contains(where: { $0.key == name }) else { return }
        report(line: table.line, key: "\(place).\(name)", problem: "the key is missing", remedy: remedy)
    }
}
