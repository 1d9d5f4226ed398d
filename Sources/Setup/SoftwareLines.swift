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
        // In the order of the doing: what the gateway needs, its start, and what hands mail to it.
        let service = certificate(plan, directory) + [ServiceLines.systemd(plan, directory)]
        return switch plan.purpose {
        case .webApp: service + [sendmail(plan, facts), php(facts, directory)]
        case .postfixFilter: service + [postfixFilter(plan)]
        case .eximFilter: service + [eximFilter(plan, facts)]
        case .mx: [dns(plan)] + (plan.dovecot == nil ? [] : [dovecot(plan)]) + service
        case .relay: service + [programs(plan)]
        }
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
                ln -s /usr/bin/postern /usr/sbin/sendmail

                # Undo:
                #   rm /usr/sbin/sendmail
                #   dpkg-divert --local --rename --remove /usr/sbin/sendmail

                # Try:
                #   echo hello | runuser -u \(plan.callers.first ?? "www-data") -- \
                /usr/sbin/sendmail -f web@\(plan.domain.key) you@example.net

                """
        )
    }

    private static func php(_ facts: SiteFacts, _ directory: String) -> SoftwareLines {
        let folders = (facts.sendmail.php.isEmpty ? ["/etc/php/8.2"] : facts.sendmail.php).map { $0 + "/*/conf.d" }
        let all = folders.joined(separator: " ")
        return SoftwareLines(
            name: "php.txt",
            text: """
                ; PHP alone, without changing /usr/sbin/sendmail for everybody. PHP reads this file when it lies at
                \(folders.map { ";   \($0)/99-postern.ini" }.joined(separator: "\n"))
                ; by: for d in \(all); do cp \(directory)/php.txt $d/99-postern.ini; done
                ; Then restart what runs PHP, for example: systemctl restart php8.2-fpm (or apache2).
                ; Undo: for d in \(all); do rm $d/99-postern.ini; done, and restart it again.

                sendmail_path = "/usr/bin/postern sendmail -t -i"

                """
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

    private static func dovecot(_ plan: InitPlan) -> SoftwareLines {
        SoftwareLines(
            name: "dovecot.txt",
            text: """
                # /etc/dovecot/conf.d/99-postern.conf: the gateway's group may hand in mail and ask for sign-in.
                # Dovecot's users are whole addresses; docs/install-mx.md shows how. Where they are accounts of this machine
                # (PAM), they have no domain: then auth_username_format = %Ln belongs here too, and each is allowed its
                # address: postern user send-as add alice alice@\(plan.domain.key)

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
        if plan.dovecot != nil { lines.append("systemctl try-reload-or-restart dovecot") }
        let hook = "/etc/letsencrypt/renewal-hooks/deploy/postern"
        let passphrase = """
            # The private key is stored encrypted. Its passphrase, once; nobody needs to know it, because certbot keeps the key:

            mkdir -p /etc/credstore.encrypted
            openssl rand -base64 32 | systemd-creds encrypt --name=tls - /etc/credstore.encrypted/tls


            """
        let text = """
            # The gateway runs as its own user, so it gets a copy of the certificate, by a script that certbot runs after each
            # renewal, and that runs once now.\(plan.tls == nil && plan.foundTLS == nil
                ? "\n# No certificate was found: certbot certonly --standalone -d \(name) gets one." : "")\(plan.level == .three
                ? "\n# \(parent(files.key)) is empty after each boot: run \(hook) again then, and systemctl start postern." : "")

            \(plan.level == .one ? "" : passphrase)mkdir -p /etc/letsencrypt/renewal-hooks/deploy
            cat > \(hook) <<'END'
            \(lines.joined(separator: "\n"))
            END
            chmod 755 \(hook)
            \(hook)

            """
        return [SoftwareLines(name: "certificate.txt", text: text)]
    }

    private static func parent(_ path: String) -> String {
        path.split(separator: "/").dropLast().reduce(into: "") { $0 += "/" + $1 }
    }
}
