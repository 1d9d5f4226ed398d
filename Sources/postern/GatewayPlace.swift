// SPDX-License-Identifier: Apache-2.0

import ArgumentParser
import Control
import Glibc
import Settings

/// The options by which a command finds the gateway, running or not.
struct GatewayPlace: ParsableArguments {
    /// Where `postern init` writes the settings of a machine's own gateway.
    static let usualConfig = "/etc/postern/postern.toml"

    @Option(
        help: ArgumentHelp(
            "The settings file; else, but for `up`, \(usualConfig) where that is there and ./postern-data is not.",
            valueName: "file"
        ),
        completion: .file(extensions: ["toml"])
    )
    var config: String?

    @Option(
        help: ArgumentHelp(
            "The data directory; else the one that the settings name, else ./postern-data.",
            valueName: "dir"
        ),
        completion: .directory
    )
    var data: String?

    @Option(help: ArgumentHelp("Try-it mode: use the ports N+25 and N+87; N is 2500 by default.", valueName: "n"))
    var portBase: Int?

    func validate() throws {
        if let portBase, !(0...65_448).contains(portBase) {
            throw ValidationError("--port-base \(portBase) gives no ports; use a number from 0 to 65448.")
        }
        if portBase != nil && config != nil {
            throw ValidationError("--port-base is for try-it mode; with --config the listeners say their ports.")
        }
    }

    /// The settings file that is named, else the machine's own where nothing speaks of try-it mode.
    private var settingsFile: String? {
        if config != nil || data != nil || portBase != nil { return config }
        let isTriedHere = access("./postern-data", F_OK) == 0
        return !isTriedHere && access(Self.usualConfig, F_OK) == 0 ? Self.usualConfig : nil
    }

    /// Whether anything says which gateway is meant: an option, or a file at the usual place.
    var isNamed: Bool { data != nil || settingsFile != nil }

    /// Reads the settings of the gateway that is meant, or makes those of try-it mode.
    func locate() throws(CommandFailure) -> GatewayLocation { try locate(settingsFile) }

    /// The same for the one that is to start: in try-it mode when no settings file is named.
    func locateToStart() throws(CommandFailure) -> GatewayLocation { try locate(config) }

    private func locate(_ config: String?) throws(CommandFailure) -> GatewayLocation {
        if let config, access(config, R_OK) != 0 {
            throw errno == EACCES
                ? CommandFailure(
                    .notAllowed,
                    "The settings file \(config) may not be read by this user; run the command as root or as the gateway's own user."
                )
                : CommandFailure(.inputMissing, "There is no settings file \(config); `postern init` writes one.")
        }
        do {
            guard let config else {
                let data = data ?? "./postern-data"
                return GatewayLocation(
                    settings: try PosternSettings.tryIt(data: data, portBase: portBase ?? 2500),
                    shownData: data,
                    config: nil
                )
            }
            var settings = try PosternSettings.load(path: config)
            if let data { settings.data = GatewayLocation.absolute(data) }
            return GatewayLocation(settings: settings, shownData: settings.data, config: config)
        } catch {
            throw CommandFailure(.settings, error.description)
        }
    }
}

extension GatewayPlace {
    /// Where the gateway of a settings file that can't be read would be: by the data directory and the control socket alone.
    ///
    /// Nil when not even those can be seen.
    func locateByDataAlone() -> GatewayLocation? {
        guard let config = settingsFile, let bytes = try? InputFile.read(config, limit: 1 << 20) else { return nil }
        var names: [String: String] = [:]
        var table = ""
        for line in String(decoding: bytes, as: UTF8.self).split(whereSeparator: \.isNewline) {
            let sides = line.split(separator: "=", maxSplits: 1)
            let key = sides.first?.filter { $0 != " " && $0 != "\t" } ?? ""
            if key.hasPrefix("[") { table = key }
            guard key == "data" && table.isEmpty || key == "socket" && table == "[control]", sides.count == 2 else {
                continue
            }
            let parts = sides[1].split(separator: "\"", omittingEmptySubsequences: false)
            if parts.count > 2 { names[key] = String(parts[1]) }
        }
        let folder = GatewayLocation.absolute(config).split(separator: "/").dropLast().joined(separator: "/")
        let resolve = { (path: String) in path.hasPrefix("/") ? path : "/\(folder)/\(path)" }
        let data = data.map(GatewayLocation.absolute) ?? names["data"].map(resolve) ?? "/var/lib/postern"
        guard var settings = try? PosternSettings.tryIt(data: data, portBase: 2500) else { return nil }
        settings.control.socket = names["socket"].map(resolve)
        return GatewayLocation(settings: settings, shownData: data, config: config)
    }
}

/// Where a gateway is: its settings, its data, its control socket.
struct GatewayLocation {
    let settings: PosternSettings
    /// The data directory as the operator wrote it, for sentences.
    let shownData: String
    let config: String?

    /// How the operator would start it.
    var startCommand: String {
        let isService = config == GatewayPlace.usualConfig && access("/run/systemd/system", F_OK) == 0
        if isService { return "systemctl start postern" }
        if let config { return "postern up --config \(config)" }
        return shownData == "./postern-data" ? "postern up" : "postern up --data \(shownData)"
    }

    /// How the operator would make its data directory.
    var makeCommand: String { config.map { "postern vault init --config \($0)" } ?? startCommand }

    /// Where its control socket may be, likeliest first: root's own runtime directory is not the service's.
    var sockets: [String] {
        if let socket = settings.control.socket { return [socket] }
        let first = ControlPath.socket(forData: settings.data)
        guard let name = first.split(separator: "/").last else { return [first] }
        let service = "/run/postern/\(name)"
        return first == service ? [first] : [first, service]
    }

    static func absolute(_ path: String) -> String {
        guard !path.hasPrefix("/"), let here = getcwd(nil, 0) else { return path }
        defer { free(here) }
        return String(cString: here) + "/" + path
    }
}
