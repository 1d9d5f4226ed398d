// SPDX-License-Identifier: Apache-2.0

package import Commitment
package import Mail

/// `[delivery]`: how often, how long and how hard next hops are tried.
package struct DeliverySettings: Sendable {
    /// The wait after the first failure; it doubles, with jitter, up to `retryLongest`.
    package var retryFirst = Duration.seconds(60)
    package var retryLongest = Duration.seconds(4 * 3600)
    /// When a message that can't be delivered goes back to its sender.
    package var expireAfter = Duration.seconds(5 * 86_400)
    /// When its sender is told that it is late.
    package var warnAfter = Duration.seconds(4 * 3600)
    package var connectionsPerHost = 4
    package var connectionsPerDomain = 8
    package var connectionsTotal = 100
    /// The port of MX hosts; anything but 25 is for tests.
    package var port = 25
    package var ipv4 = true
    package var ipv6 = true

    package init() {}
}

/// `[resolver]`: who answers DNS questions.
///
/// Validation of DNSSEC is always our own.
package struct ResolverSettings: Sendable, Hashable {
    package struct Server: Sendable, Hashable {
        /// An IP address.
        package var address: String
        package var port: Int

        package init(address: String, port: Int = 53) {
            self.address = address
            self.port = port
        }
    }

    /// A zone that is asked of one server only.
    package struct Stub: Sendable, Hashable {
        package var zone: Domain
        package var server: Server

        package init(zone: Domain, server: Server) {
            self.zone = zone
            self.server = server
        }
    }

    /// Resolvers to forward to; empty: what `/etc/resolv.conf` names.
    package var servers: [Server] = []
    /// DNSSEC trust anchor in a file; nil: the one that the system's `dns-root-data` or libunbound brings.
    package var trustAnchorFile: String?
    package var stubs: [Stub] = []

    package init() {}
}

/// `[log]`: what is written down, and for how long.
package struct LogSettings: Sendable {
    package enum Sink: String, Sendable, CaseIterable {
        /// A ring in memory, read with `postern log`; gone at the end of the process.
        case memory
    }

    package enum Threshold: String, Sendable, CaseIterable {
        case debug, info, notice, warning, error
    }

    package var sink = Sink.memory
    /// How many lines the ring keeps.
    package var lines = 4096
    /// Show people as keyed pseudonyms that die with the process; false: not at all.
    package var identifiers = false
    /// The least important lines that are kept.
    ///
    /// `info` and `debug` tell of single messages.
    package var level: Threshold

    package init(level: Level = .one) {
        self.level = level == .one ? .info : .notice
    }
}

/// `[control]`: how the commands find the running gateway.
package struct ControlSettings: Sendable {
    /// The control socket; nil: in `$XDG_RUNTIME_DIR/postern/` or `/run/postern/`, by a hash of the data directory.
    package var socket: String?

    package init() {}
}

/// `[metrics]`: counts for a monitoring system.
package struct MetricsSettings: Sendable {
    /// The port on 127.0.0.1 where Prometheus may ask; nil: only the control socket answers.
    package var port: Int?

    package init() {}
}

/// `[alarms]`: who is told when something needs the operator.
package struct AlarmSettings: Sendable {
    /// A program and its first arguments; empty: none is run.
    package var command: [String] = []
    /// The operator's address; nil: no mail is sent.
    package var mail: EmailAddress?

    package init() {}
}

/// `[scrub]`: what is removed from the header of our users' mail.
package struct ScrubSettings: Sendable {
    /// Header fields to remove beside the built-in list; a trailing `*` stands for any ending.
    package var remove: [String] = []
    /// Header fields of the built-in list to leave alone after all.
    package var keep: [String] = []
    /// Host names of ours that must not leave in a Message-ID.
    package var localNames: [String] = []

    package init() {}
}
