// SPDX-License-Identifier: Apache-2.0

import Settings

/// What differs with where an Exim has its configuration: Debian generates it from files that have some settings already, and
/// Exim takes none twice.
struct EximLines {
    private let back: Int
    private let isSplit: Bool
    /// The file that Exim reads, where it is none of Debian's; without an Exim to look at, Debian's is assumed.
    private let ownFile: String?

    init(_ plan: InitPlan, _ exim: FoundExim?) {
        back = plan.ports.outboundReturn
        isSplit = exim?.isSplit ?? false
        ownFile = exim.flatMap { $0.isGenerated ? nil : $0.configuration }
    }

    /// Where the sections are.
    var place: String {
        if let ownFile { return ownFile }
        return isSplit
            ? "/etc/exim4/conf.d: acl/30_exim4-config_check_rcpt, and new files router/050_postern and transport/20_postern"
            : "/etc/exim4/exim4.conf.template"
    }

    /// The command that makes the lines hold.
    var then: String {
        (ownFile == nil ? "update-exim4.conf && " : "") + "exim4 -bV && systemctl restart exim4"
    }

    /// The main section.
    var main: String {
        let why = "# Main section. It comes back on port \(back); what comes by CHUNKING or PRDR can't be cut through."
        let ports = "<; 0.0.0.0.25 ; 0.0.0.0.587 ; 127.0.0.1.\(back)"
        guard ownFile == nil else {
            return """
                \(why)
                # The ports are yours, and that one. Where a line is there already, change it: Exim takes none twice.

                local_interfaces = \(ports)
                smtputf8_advertise_hosts = *
                chunking_advertise_hosts =
                dsn_advertise_hosts = *
                prdr_enable = false
                """
        }
        let options = isSplit ? "conf.d/main/02_exim4-config_options" : "exim4.conf.template"
        return """
            \(why)
            # The ports are yours, and that one. A file of its own: /etc/exim4/\(isSplit
                ? "conf.d/main/000_postern" : "exim4.conf.localmacros")

            MAIN_LOCAL_INTERFACES = \(ports)
            MAIN_SMTPUTF8_ADVERTISE_HOSTS = *
            chunking_advertise_hosts =
            dsn_advertise_hosts = *

            # A command, because Debian's file has this line already, and Exim takes none twice.

            sed -i 's/^prdr_enable = true/prdr_enable = false/' /etc/exim4/\(options)
            """
    }
}
