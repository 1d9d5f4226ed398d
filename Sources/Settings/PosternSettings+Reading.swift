// SPDX-License-Identifier: Apache-2.0

import Commitment
import Mail

extension PosternSettings {
    /// Reads and checks a settings file; every problem in it is reported together.
    package static func load(path: String) throws(SettingsError) -> PosternSettings {
        let bytes: [UInt8]
        do throws(FileReadError) {
            bytes = try SettingsFile.read(path, limit: TOMLDocument.maximumBytes)
        } catch {
            throw SettingsError([Diagnostic(file: path, line: 0, key: "", problem: error.problem, remedy: error.remedy)]
            )
        }
        let absolute = FilePath.resolve(path, in: SettingsFile.workingDirectory()) ?? path
        return try parse(bytes: bytes, name: path, directory: FilePath.directory(of: absolute))
    }

    /// Reads and checks the text of a settings file.
    ///
    /// `name` is for messages; relative paths start at `directory`.
    package static func parse(text: String, name: String, directory: String? = nil) throws(SettingsError)
        -> PosternSettings
    {
        try parse(bytes: Array(text.utf8), name: name, directory: directory ?? SettingsFile.workingDirectory())
    }

    private static func parse(bytes: [UInt8], name: String, directory: String) throws(SettingsError) -> PosternSettings
    {
        var reading = Reading(file: name, directory: directory)
        let members: [TOMLNode.Member]
        do throws(TOMLError) {
            members = try TOMLDocument.parse(bytes)
        } catch {
            reading.report(line: error.line, key: "", problem: error.problem, remedy: error.remedy)
            throw SettingsError(reading.sortedDiagnostics)
        }
        let settings = SettingsReader.read(members, &reading)
        guard let settings, reading.diagnostics.isEmpty else { throw SettingsError(reading.sortedDiagnostics) }
        return settings
    }
}

/// From TOML to settings: tables one by one, then what they must agree on.
private enum SettingsReader {
    /// Nil when something is missing that no default can stand for; then a problem was reported.
    static func read(_ members: [TOMLNode.Member], _ reading: inout Reading) -> PosternSettings? {
        var top = TopDraft()
        SettingsSchema.top.decode(members, at: "", into: &top, &reading)
        checkLevelIsFirst(members, &reading)
        if top.hostname == nil, !members.contains(where: { $0.key == "hostname" }) {
            reading.report(
                line: 1,
                key: "hostname",
                problem: "the key is missing",
                remedy: "add the gateway's name, hostname = \"mail.example.org\""
            )
        }
        // Without a name or a level the rest is read all the same, so that all its problems show at once.
        guard let placeholder = top.hostname ?? Domain("unnamed.invalid") else { return nil }
        var settings = PosternSettings(level: top.level ?? .one, hostname: placeholder)
        settings.data = FilePath.resolve(top.data, in: reading.directory) ?? top.data
        settings.accept = top.accept
        settings.networks = top.networks
        settings.tagSeparator = top.tagSeparator
        settings.user = top.user
        readTables(members, into: &settings, &reading)
        SettingsRules.check(settings, &reading)
        settings.positions = reading.positions
        return settings
    }

    private static func readTables(
        _ members: [TOMLNode.Member],
        into settings: inout PosternSettings,
        _ reading: inout Reading
    ) {
        for (index, table) in Tables.many("listener", members, &reading).enumerated() {
            if let listener = ListenerDraft.listener(table, "listener[\(index)]", &reading) {
                settings.listeners.append(listener)
            }
        }
        for (index, table) in Tables.many("route", members, &reading).enumerated() {
            if let route = RouteDraft.route(table, "route[\(index)]", &reading) { settings.routes.append(route) }
        }
        if let table = Tables.one("tls", members, &reading) {
            settings.hasTLSTable = true
            settings.tls = TLSDraft.files(table, &reading)
        }
        if let table = Tables.one("vault", members, &reading) { settings.vault = VaultDraft.source(table, &reading) }
        if let table = Tables.one("protection", members, &reading) {
            SettingsSchema.protection.decode(table.members, at: "protection", into: &settings.protection, &reading)
            for (index, rule) in Tables.many("rule", table.members, in: "protection", &reading).enumerated() {
                if let rule = RuleDraft.rule(rule, "protection.rule[\(index)]", &reading) {
                    settings.protection.rules.append(rule)
                }
            }
        }
        read(SettingsSchema.scrub, members, into: &settings.scrub, &reading)
        if let table = Tables.one("limits", members, &reading) {
            SettingsSchema.limits.decode(table.members, at: "limits", into: &settings.limits, &reading)
            if let inner = Tables.one("account", table.members, in: "limits", &reading) {
                SettingsSchema.accountLimits.decode(
                    inner.members,
                    at: "limits.account",
                    into: &settings.limits.account,
                    &reading
                )
            }
        }
        read(SettingsSchema.signIn, members, into: &settings.signIn, &reading)
        read(SettingsSchema.delivery, members, into: &settings.delivery, &reading)
        if let table = Tables.one("channel", members, &reading) {
            SettingsSchema.channel.decode(table.members, at: "channel", into: &settings.channel, &reading)
            for (index, rule) in Tables.many("rule", table.members, in: "channel", &reading).enumerated() {
                if let rule = ChannelRuleDraft.rule(rule, "channel.rule[\(index)]", &reading) {
                    settings.channel.rules.append(rule)
                }
            }
        }
        read(SettingsSchema.resolver, members, into: &settings.resolver, &reading)
        read(SettingsSchema.log, members, into: &settings.log, &reading)
        read(SettingsSchema.control, members, into: &settings.control, &reading)
        read(SettingsSchema.metrics, members, into: &settings.metrics, &reading)
        read(SettingsSchema.alarms, members, into: &settings.alarms, &reading)
        readLocal(members, into: &settings, &reading)
    }

    private static func readLocal(
        _ members: [TOMLNode.Member],
        into settings: inout PosternSettings,
        _ reading: inout Reading
    ) {
        for (index, table) in Tables.many("caller", members, &reading).enumerated() {
            if let caller = CallerDraft.caller(table, "caller[\(index)]", &reading) { settings.callers.append(caller) }
        }
        read(SettingsSchema.sendmail, members, into: &settings.sendmail, &reading)
        if let table = Tables.one("spool", members, &reading) { settings.spool = SpoolDraft.spool(table, &reading) }
    }

    private static func read<Root>(
        _ schema: SettingTable<Root>,
        _ members: [TOMLNode.Member],
        into root: inout Root,
        _ reading: inout Reading
    ) {
        guard let table = Tables.one(schema.path, members, &reading) else { return }
        schema.decode(table.members, at: schema.path, into: &root, &reading)
    }

    private static func checkLevelIsFirst(_ members: [TOMLNode.Member], _ reading: inout Reading) {
        guard let level = members.first(where: { $0.key == "level" }) else {
            reading.report(
                line: 1,
                key: "level",
                problem: "the key is missing",
                remedy: "begin the file with level = 1, 2 or 3"
            )
            return
        }
        if let first = members.first, first.key != "level" {
            reading.report(
                line: level.node.line,
                key: "level",
                problem: "\(first.key) stands before it",
                remedy: "make level the first key of the file, so that nobody has to look for it"
            )
        }
    }
}

/// A table of the file and where it begins.
struct TableNode {
    let members: [TOMLNode.Member]
    let line: Int
}

/// Finds tables by name and says when they are something else.
enum Tables {
    static func one(
        _ name: String,
        _ members: [TOMLNode.Member],
        in parent: String = "",
        _ reading: inout Reading
    ) -> TableNode? {
        guard let member = members.first(where: { $0.key == name }) else { return nil }
        let path = parent.isEmpty ? name : "\(parent).\(name)"
        guard case .table(let inner) = member.node.value else {
            reading.report(
                line: member.node.line,
                key: path,
                problem: "this is \(member.node.kindName), not a table",
                remedy: "write [\(path)] once, above its keys"
            )
            return nil
        }
        reading.positions.set(path, line: member.node.line)
        return TableNode(members: inner, line: member.node.line)
    }

    static func many(
        _ name: String,
        _ members: [TOMLNode.Member],
        in parent: String = "",
        _ reading: inout Reading
    ) -> [TableNode] {
        guard let member = members.first(where: { $0.key == name }) else { return [] }
        let path = parent.isEmpty ? name : "\(parent).\(name)"
        var tables: [TableNode] = []
        var isList = false
        if case .list(let elements) = member.node.value {
            for case .table(let inner) in elements.map(\.value) {
                let line = elements[tables.count].line
                reading.positions.set("\(path)[\(tables.count)]", line: line)
                tables.append(TableNode(members: inner, line: line))
            }
            isList = tables.count == elements.count
        }
        if !isList {
            reading.report(
                line: member.node.line,
                key: path,
                problem: "this is \(member.node.kindName), where a list of tables is needed",
                remedy: "write [[\(path)]] with two brackets above the keys of each one"
            )
            return []
        }
        return tables
    }
}
