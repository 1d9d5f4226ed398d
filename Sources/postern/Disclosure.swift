// SPDX-License-Identifier: Apache-2.0

import ArgumentParser

/// Whether an operator asked for addresses, and from where.
enum AddressDisclosure: EnumerableFlag {
    case onTerminal, anywhere

    static func name(for value: AddressDisclosure) -> NameSpecification {
        value == .anywhere ? .customLong("addresses-always") : .customLong("addresses")
    }

    static func help(for value: AddressDisclosure) -> ArgumentHelp? {
        value == .anywhere
            ? "The same, into a pipe or a file too." : "Show senders, recipients and full replies; on a terminal only."
    }
}

/// The same for the names of next hops, which are recipients' domains where mail goes to MX hosts.
enum HopDisclosure: EnumerableFlag {
    case onTerminal, anywhere

    static func name(for value: HopDisclosure) -> NameSpecification {
        value == .anywhere ? .customLong("hops-always") : .customLong("hops")
    }

    static func help(for value: HopDisclosure) -> ArgumentHelp? {
        value == .anywhere
            ? "The same, into a pipe or a file too." : "Show the next hops in trouble by name; on a terminal only."
    }
}

/// The same for the domains that our users write to.
enum DomainDisclosure: EnumerableFlag {
    case onTerminal, anywhere

    static func name(for value: DomainDisclosure) -> NameSpecification {
        value == .anywhere ? .customLong("domains-always") : .customLong("domains")
    }

    static func help(for value: DomainDisclosure) -> ArgumentHelp? {
        value == .anywhere
            ? "The same, into a pipe or a file too." : "Name the domains of our own counts; on a terminal only."
    }
}

private enum Disclosure {
    /// Whether names may be shown; refused where what is printed is likely to be kept.
    static func isGranted(_ asked: Bool, anywhere: Bool, flag: String) throws(CommandFailure) -> Bool {
        guard asked, !anywhere, !Terminal.outputIsTerminal else { return asked }
        throw CommandFailure(
            .usage,
            "--\(flag) shows names on a terminal only, so that they end up in no file; say --\(flag)-always to print them "
                + "here all the same."
        )
    }
}

extension AddressDisclosure? {
    func isGranted() throws(CommandFailure) -> Bool {
        try Disclosure.isGranted(self != nil, anywhere: self == .anywhere, flag: "addresses")
    }
}

extension HopDisclosure? {
    func isGranted() throws(CommandFailure) -> Bool {
        try Disclosure.isGranted(self != nil, anywhere: self == .anywhere, flag: "hops")
    }
}

extension DomainDisclosure? {
    func isGranted() throws(CommandFailure) -> Bool {
        try Disclosure.isGranted(self != nil, anywhere: self == .anywhere, flag: "domains")
    }
}
