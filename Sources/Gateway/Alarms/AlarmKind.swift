// SPDX-License-Identifier: Apache-2.0

package import Control

/// The catalogue of alarms: what each means and what to do; `docs/operations.md` lists the same.
///
/// Nothing in it, and in no sentence raised under it, may name anybody: alarms leave the machine by command and mail.
package enum AlarmKind: String, Sendable, CaseIterable {
    case storeFull = "store-full"
    case storeFailing = "store-failing"
    case certificateExpired = "certificate-expired"
    case diskLow = "disk-low"
    case setAside = "set-aside"
    case queueAge = "queue-age"
    case nextHop = "next-hop"
    case heldQuota = "held-quota"
    case connectionLimit = "connection-limit"
    case certificateExpires = "certificate-expires"
    case clockJump = "clock-jump"
    case catchAll = "catch-all"
    case accountLimit = "account-limit"
    case dovecotSilent = "dovecot-silent"
    case spoolSetAside = "spool-set-aside"
    case certificateName = "certificate-name"
    case clientPin = "client-pin"
    case certificateMissing = "certificate-missing"
    case nextKeyLate = "next-key-late"
    case reload
    case lock
    case sockets
    case peerRevoked = "peer-revoked"
    case peerRefused = "peer-refused"
    case peerExpires = "peer-expires"
    case policyKept = "policy-kept"
    case alarmCommand = "alarm-command"
    case alarmMail = "alarm-mail"

    package typealias Severity = StatusReport.Alarm.Severity

    package var severity: Severity {
        switch self {
        case .storeFull, .storeFailing, .certificateExpired, .certificateMissing, .peerRevoked: .critical
        case .diskLow, .setAside, .queueAge, .nextHop, .heldQuota, .connectionLimit, .certificateExpires, .clockJump,
            .catchAll, .accountLimit, .dovecotSilent, .spoolSetAside, .certificateName, .clientPin, .nextKeyLate,
            .reload, .lock, .sockets, .peerRefused, .peerExpires, .policyKept, .alarmCommand, .alarmMail:
            .warning
        }
    }

    /// What is wrong, where whoever raises it does not know better.
    package var meaning: String {
        switch self {
        case .storeFull: "The disk of the data directory is full: new mail is answered 452."
        case .storeFailing: "The disk gave an error: mail that can't be stored is answered 451."
        case .certificateExpired: "The certificate of this server has expired: clients that check it stay away."
        case .diskLow: "The disk of the data directory is nearly full."
        case .setAside: "Copies do not open and were set aside: something on the disk is damaged."
        case .queueAge: "Mail has waited for a long time without being delivered."
        case .nextHop: "A next hop could not be reached for a quarter of an hour or longer."
        case .heldQuota: "Nearly as much mail waits for keys as may wait."
        case .connectionLimit: "Clients are turned away, because there are too many connections."
        case .certificateExpires: "The certificate of this server expires soon."
        case .clockJump: "The clock of this machine was set while the gateway ran."
        case .catchAll: "A next hop accepts every recipient, so that mail for unknown ones would come back later."
        case .accountLimit: "An account has reached its sending limit and is answered 450."
        case .dovecotSilent: "Dovecot does not verify passwords, so its users are answered 454."
        case .spoolSetAside: "Messages that programs left in the spool could not be taken in and were set aside."
        case .certificateName: "The certificate of this server is not for the name that `hostname` gives."
        case .clientPin:
            "A server brought mail of a domain with require_inbound without the pinned certificate, and got 450."
        case .certificateMissing: "The vault holds no certificate, and no listener offers TLS."
        case .nextKeyLate: "A certificate of this server expires before the next key may be used."
        case .reload: "The settings were not taken, and the old ones hold on."
        case .lock: "The gateway is locked, but a part of it still holds the root key in memory."
        case .sockets: "The socket unit listens where no [[listener]] serves: clients wait there in vain."
        case .peerRevoked: "A peer's key was revoked as compromised: the pins that are known stay required."
        case .peerRefused: "A peer serves a statement that can't be accepted: the pins that are known stay required."
        case .peerExpires: "The statement of a peer has ended or ends within a week: its pins stay required."
        case .policyKept: "The MTA-STS policy of a domain could not be fetched anew; the one that is kept holds on."
        case .alarmCommand: "The alarm command could not be run, or failed."
        case .alarmMail: "Alarm mail could not be sent."
        }
    }

    /// What to do about it.
    package var remedy: String {
        switch self {
        case .storeFull: "Make room on the disk; what was taken is safe, and mail is taken again by itself."
        case .storeFailing: "Look at the disk and the system's log; the gateway opens its files anew by itself."
        case .certificateExpired, .certificateExpires:
            "Put the renewed certificate where tls.certificate names it, and run `postern reload`; for one in the vault "
                + "run `postern tls import`."
        case .diskLow: "Make room: below 64 MiB new mail is refused."
        case .setAside:
            "See `postern queue list --state set-aside`; restore the data from a backup, or drop the copies."
        case .queueAge: "See `postern queue list --older 4h` for the last replies, and `postern status --hops`."
        case .nextHop: "See `postern status --hops` for which and why; `postern queue retry --hop ID` tries at once."
        case .heldQuota: "Import the keys that mail waits for (`postern queue list --state held`), or raise the quota."
        case .connectionLimit: "See whether the load is honest; if it is, raise limits.connections."
        case .clockJump:
            "See that the machine keeps its time (NTP), and restart the gateway: ages follow its old clock."
        case .catchAll: "Give its [[route]] a list of recipients."
        case .accountLimit:
            "`postern user list` says which. If its owner sent that much, `postern user limit` gives more; if not, the "
                + "password is in other hands: change it, and look at `postern queue list`."
        case .dovecotSilent:
            "See whether Dovecot runs, and whether the socket of sign_in.dovecot is open to the gateway's user."
        case .spoolSetAside: "`postern log` tells why; move a file back to try it again, or delete it."
        case .certificateName:
            "Put a certificate for that name there and run `postern reload`, or `postern tls import` it; or mend `hostname`."
        case .clientPin:
            "If it was the domain's own server, ask its operator for the new pin and add it to client_pins, or as a peer to "
                + "publish its statement; else somebody else used its name, and nothing came in."
        case .certificateMissing: "Run `postern tls import` with a certificate and its key."
        case .nextKeyLate:
            "Renew the certificate with its old key (`postern tls show` names it), or use the new one with "
                + "`postern tls next --now` and keep both TLSA records."
        case .reload: "`postern check` says what is wrong and where; mend it, and run `postern reload`."
        case .lock: "Restart the gateway to be sure."
        case .sockets: "Add the listener and run `postern reload`, or take the ListenStream= out of postern.socket."
        case .peerRevoked:
            "`postern peers list` says which. Compare a new key with its operators, then `postern peers remove` and `add`."
        case .peerRefused:
            "`postern peers list` says which and why. Ask its operators, by another way than mail, what they published."
        case .peerExpires: "`postern peers list` says which and why. Ask its operators to publish a fresh statement."
        case .policyKept:
            "Mail to it goes on under the old policy. If it waits, `postern explain` says why; tell the domain's postmaster."
        case .alarmCommand: "Run the program of alarms.command by hand as the gateway's user, and see why it fails."
        case .alarmMail:
            "See the sentence; a key, a route or the next hop of the address in alarms.mail may be missing."
        }
    }

    /// Whether the alarm is sent to the operator; those about the sending itself are only shown.
    package var isSent: Bool { self != .alarmCommand && self != .alarmMail }
}
