// SPDX-License-Identifier: Apache-2.0

import Commitment
import Mail
package import Settings

/// A file of lines for other software, which `init` writes beside the settings.
package struct SoftwareLines: Sendable {
    /// `postfix.txt`.
    package let name: String
    package let text: String

    /// All that the plan's surroundings need; exact, with the plan's own ports and paths.
    package static func files(for plan: InitPlan, facts: SiteFacts, directory: String) -> [SoftwareLines] {
        let own: [SoftwareLines] =
            switch plan.purpose {
            case .webApp: [sendmail(plan, facts), php(facts)]
            case .postfixFilter: [postfixFilter(plan)]
            case .eximFilter: [eximFilter(plan, facts)]
            case .mx: [dns(plan)] + (plan.dovecot == nil ? [] : [dovecot()])
            case .relay: [programs(plan)]
            }
        return own + certificate(plan, directory) + [ServiceLines.systemd(plan, directory)]
    }

    private static func sendmail(_ plan: InitPlan, _ facts: SiteFacts) -> SoftwareLines {
        let owned = facts.sendmail.owner.map {
            "It belongs to the package \($0) now, which keeps its own under another name."
        }
        return SoftwareLines(
            name: "sendmail.txt",
            text: """
                # Let everything that calls /usr/sbin/sendmail go through Postern (cron, mailx, git, WordPress, PHP).
                # \(owned ?? "No package has it now.")

                dpkg-divert --local --rename --divert /usr/sbin/sendmail.distrib --add /usr/sbin/sendmail
                printf '#!/bin/sh\\nexec /usr/bin/postern sendmail "$@"\\n' > /usr/sbin/sendmail
                chmod 755 /usr/sbin/sendmail

                # Undo:
                #   rm /usr/sbin/sendmail
                #   dpkg-divert --local --rename --remove /usr/sbin/sendmail

                # Try:
                #   echo hello | runuser -u \(plan.callers.first ?? "www-data") -- \
                /usr/sbin/sendmail -f web@\(plan.domain.key) you@example.net

                """
        )
    }

    private static func php(_ facts: SiteFacts) -> SoftwareLines {
        let places = facts.sendmail.php.map { "#   \($0)/*/conf.d/99-postern.ini" }
        return SoftwareLines(
            name: "php.txt",
            text: """
                ; PHP alone, without changing /usr/sbin/sendmail for everybody. Put the line into a file of its own:
                \(places.isEmpty ? "#   /etc/php/8.2/fpm/conf.d/99-postern.ini" : places.joined(separator: "\n"))
                # then restart PHP: systemctl restart php8.2-fpm (or apache2).

                sendmail_path = "/usr/bin/postern sendmail -t -i"

                """.replacing("\n#", with: "\n;")
        )
    }

    private static func postfixFilter(_ plan: InitPlan) -> SoftwareLines {
        let ports = plan.ports
        return SoftwareLines(
            name: "postfix.txt",
            text: """
                # Lines for /etc/postfix/master.cf; docs/install-postfix-filter.md tells more. Use 1, or 2, or both.

                # 1. Outgoing mail: Postfix takes it in, hands it to Postern, takes it back and delivers it.
                #    Below each of the services submission, submissions (smtps) and pickup that you have:

                    -o content_filter=postern:[127.0.0.1]:\(ports.outbound)

                #    and at the end of the file, the way there and the way back:

                postern unix - - n - 10 smtp
                    -o disable_dns_lookups=yes
                    -o smtp_tls_security_level=none
                127.0.0.1:\(ports.outboundReturn) inet n - n - 10 smtpd
                    -o content_filter=
                    -o mynetworks=127.0.0.0/8
                    -o smtpd_relay_restrictions=permit_mynetworks,reject
                    -o smtpd_recipient_restrictions=
                    -o smtpd_milters=
                    -o receive_override_options=no_unknown_recipient_checks,no_header_body_checks,no_address_mappings

                # 2. Incoming mail, before Postfix's queue: what is refused, the stranger is told in the session.
                #    Below the service smtp inet:

                    -o smtpd_proxy_filter=127.0.0.1:\(ports.inbound)
                    -o smtpd_client_connection_count_limit=10

                #    and at the end of the file, the way back:

                127.0.0.1:\(ports.inboundReturn) inet n - n - - smtpd
                    -o smtpd_proxy_filter=
                    -o content_filter=
                    -o mynetworks=127.0.0.0/8
                    -o smtpd_authorized_xforward_hosts=127.0.0.0/8
                    -o smtpd_relay_restrictions=permit_mynetworks,reject
                    -o smtpd_recipient_restrictions=
                    -o smtpd_milters=

                # Then: postfix check && postfix reload
                # Undo: take the filter lines out, postfix reload, wait until `postern queue list` is empty, then the rest.

                """
        )
    }

    private static func eximFilter(_ plan: InitPlan, _ facts: SiteFacts) -> SoftwareLines {
        let ports = plan.ports
        let exim = EximLines(plan, facts.exim)
        return SoftwareLines(
            name: "exim.txt",
            text: """
                # Lines for Exim; docs/install-exim-filter.md tells more. They go into the sections with these names:
                # \(exim.place)

                \(exim.main)

                # acl_smtp_rcpt (Debian: acl_check_rcpt), first: what comes back from Postern.
                  accept
                    condition = ${if eq{$received_port}{\(ports.outboundReturn)}}
                    hosts = 127.0.0.1
                    verify = recipient
                  deny
                    condition = ${if eq{$received_port}{\(ports.outboundReturn)}}

                # In the same ACL, in place of the plain accept for strangers' mail to your domains (Debian: the last one):
                  accept
                    domains = +local_domains
                    control = cutthrough_delivery/defer=pass
                    verify = recipient/callout=90s,no_cache

                # Routers, before all others. Incoming, then outgoing.
                postern_in:
                  driver = manualroute
                  condition = ${if and{{eq{$received_port}{25}}{!def:authenticated_id}}}
                  domains = +local_domains
                  transport = postern_in
                  route_list = * 127.0.0.1
                  self = send
                  no_more
                postern_out:
                  driver = manualroute
                  condition = ${if !eq{$received_port}{\(ports.outboundReturn)}}
                  transport = postern_out
                  route_list = * 127.0.0.1
                  self = send
                  no_more

                # Transports.
                postern_in:
                  driver = smtp
                  port = \(ports.inbound)
                  hosts_avoid_tls = *
                postern_out:
                  driver = smtp
                  port = \(ports.outbound)
                  hosts_avoid_tls = *

                # Then: \(exim.then)
                # Undo: take the routers out, restart, wait until `postern queue list` is empty, then the rest.

                """
        )
    }

    private static func dovecot() -> SoftwareLines {
        SoftwareLines(
            name: "dovecot.txt",
            text: """
                # /etc/dovecot/conf.d/99-postern.conf: the gateway's group may hand in mail and ask for sign-in.
                # Where users are accounts of this machine (PAM), they have no domain: auth_username_format = %Ln

                service lmtp {
                  unix_listener lmtp {
                    mode = 0660
                    group = postern
                  }
                }
                service auth {
                  unix_listener auth-client {
                    mode = 0660
                    group = postern
                  }
                }

                # Then: doveconf -n > /dev/null && systemctl reload dovecot

                """
        )
    }

    private static func dns(_ plan: InitPlan) -> SoftwareLines {
        let (domain, host) = (plan.domain.key, plan.hostname.key)
        return SoftwareLines(
            name: "dns.txt",
            text: """
                ; Records to publish; put this machine's addresses in place of 192.0.2.1 and 2001:db8::1.
                ; `postern check` says which are there.

                \(host).     IN A     192.0.2.1
                \(host).     IN AAAA  2001:db8::1
                \(domain).     IN MX    10 \(host).
                \(domain).     IN TXT   "v=spf1 mx -all"
                _dmarc.\(domain).     IN TXT   "v=DMARC1; p=none"

                ; With whoever gave you the addresses: the reverse name of each is \(host).

                """
        )
    }

    private static func programs(_ plan: InitPlan) -> SoftwareLines {
        SoftwareLines(
            name: "programs.txt",
            text: """
                # Programs of this machine: SMTP to 127.0.0.1, port \(plan.ports.local), no TLS, no password.
                # Postfix on this machine, in /etc/postfix/main.cf:

                relayhost = [127.0.0.1]:\(plan.ports.local)

                # Then: systemctl reload postfix

                """
        )
    }

    /// How the gateway's user gets a certificate whose key only root can read, now and after each renewal.
    private static func certificate(_ plan: InitPlan, _ directory: String) -> [SoftwareLines] {
        guard let files = plan.serverTLS, plan.foundTLS != nil || plan.level >= .two || plan.tls == nil else {
            return []
        }
        let name = plan.hostname.key
        let source =
            plan.tls ?? plan.foundTLS
            ?? TLSFiles(
                certificate: "/etc/letsencrypt/live/\(name)/fullchain.pem",
                key: "/etc/letsencrypt/live/\(name)/privkey.pem"
            )
        let place = { (path: String) in path.hasPrefix("/") ? path : "\(directory)/\(path)" }
        var lines = ["#!/bin/sh", "set -e"]
        if plan.tls == nil {
            lines.append("install -m 644 \(source.certificate) \(place(files.certificate))")
        }
        if plan.level == .one {
            lines.append("install -m 640 -o root -g postern \(source.key) \(place(files.key))")
        } else {
            if plan.level == .three { lines.append("install -d -m 750 -o root -g postern \(parent(files.key))") }
            lines += [
                "systemd-creds decrypt --name=tls /etc/credstore.encrypted/tls - |",
                "    openssl pkcs8 -topk8 -v2 aes256 -in \(source.key) -out \(place(files.key)) -passout stdin",
                "chown root:postern \(place(files.key))",
                "chmod 640 \(place(files.key))",
            ]
        }
        lines.append("systemctl try-reload-or-restart postern")
        let passphrase = """
            # The private key is stored encrypted. Its passphrase, once; keep a copy elsewhere:

            mkdir -p /etc/credstore.encrypted
            openssl rand -base64 32 | systemd-creds encrypt --name=tls - /etc/credstore.encrypted/tls


            """
        let text = """
            # The gateway runs as its own user, so it gets a copy of the certificate. certbot runs this script after each
            # renewal; run it once by hand now. The lines between the marks are the file
            # /etc/letsencrypt/renewal-hooks/deploy/postern, mode 755.\(plan.tls == nil && plan.foundTLS == nil
                ? "\n# No certificate was found: certbot certonly --standalone -d \(name) gets one." : "")

            \(plan.level == .one ? "" : passphrase)# --------
            \(lines.joined(separator: "\n"))
            # --------

            """
        return [SoftwareLines(name: "certificate.txt", text: text)]
    }

    private static func parent(_ path: String) -> String {
        path.split(separator: "/").dropLast().reduce(into: "") { $0 += "/" + $1 }
    }
}
