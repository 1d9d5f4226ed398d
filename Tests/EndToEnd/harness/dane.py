# SPDX-License-Identifier: Apache-2.0
"""The rows of the DANE matrix (RFC 6698, 7671, 7672): what the DNS says, what the server shows, and what must become of mail."""

from dataclasses import dataclass, field

from harness.dns.zone import Damage, Signing, Tampering, Zone
from harness.peers.mailhosts import PORT
from harness.peers.minting import Minted, authority, server


# What must become of a message. The last three are what a receiver can see of a channel; `proven` says by what besides.
DEFERRED, CLEAR, ENCRYPTED, BY_KEY, BY_AUTHORITY = "deferred", "clear", "encrypted", "proven dane-ee", "proven dane-ta"


@dataclass
class Row:
    """One recipient domain. `fault` is the reason that a deferred message waits for, in Postern's fixed word."""

    name: str
    domain: str
    expected: str
    fault: str = ""
    # The line of docs/standards.md that says why Postfix differs.
    difference: str = ""

    @property
    def recipient(self) -> str:
        return f"x@{self.domain}"


ADDRESSES = {
    name: f"127.1.0.{number}" for number, name in enumerate(
        ["good", "next", "expired", "stranger", "selfsigned", "shuffled", "leaf", "bydomain", "plain"], start=1)}
ZONES = ("secure.test", "insecure.test", "bogus.test", "island.test", "expired.test", "stripped.test", "lame.test")


class Chains:
    """What each mail host shows."""

    def __init__(self) -> None:
        names = [f"*.{zone}" for zone in ZONES]
        self.root = authority("DANE root")
        self.middle = authority("DANE authority", self.root)
        self.other_root = authority("another root")
        leaf = {
            "good": server(names, self.middle), "next": server(names, self.middle),
            "expired": server(names, self.middle, days=(-20, -10)), "stranger": server(["mail.elsewhere.test"], self.middle),
            "selfsigned": server(names, None), "shuffled": server(names, self.middle), "leaf": server(names, self.middle),
            # For the recipient domain alone, not for the host.
            "bydomain": server(["certificate-for-the-domain.secure.test"], self.middle)}
        self.leaf = leaf
        self.other = server(names, self.other_root)
        self.shown: dict[str, list[Minted]] = {name: one.chain() for name, one in leaf.items()}
        self.shown["shuffled"] = [leaf["shuffled"], self.root, self.middle]
        self.shown["leaf"] = [leaf["leaf"]]


@dataclass
class Matrix:
    """All rows, and the zones that hold them."""

    chains: Chains = field(default_factory=Chains)
    rows: list[Row] = field(default_factory=list)

    def __post_init__(self) -> None:
        signing = {"insecure.test": Signing.INSECURE, "island.test": Signing.ISLAND, "expired.test": Signing.EXPIRED,
                   "stripped.test": Signing.STRIPPED, "lame.test": Signing.LAME}
        self.zones = {name: Zone(name, signing=signing.get(name, Signing.SECURE)) for name in ZONES}
        self._product()
        self._sets()
        self._certificates()
        self._aliases()
        self._answers()
        self._hosts()
        names = [row.name for row in self.rows]
        assert len(names) == len(set(names))

    # Building

    def row(self, name: str, expected: str, records: list[str], zone: str = "secure.test", server: str = "good",
            damage: list[tuple[str, str, Damage, tuple[str, ...]]] | None = None, **more: str) -> Row:
        """
        One domain with one host at `server`, and TLSA `records` for the host. `damage`: owner, type, what and new data, where the
        owner may be `domain`, `host` or `tlsa`.
        """
        label = name.replace(" ", "-")
        assert len(label) <= 60, label
        host, owner = f"{label}-mx", f"_{PORT}._tcp.{label}-mx"
        self.zones[zone].records += [f"{label} IN MX 10 {host}", f"{host} IN A {ADDRESSES[server]}"]
        self.zones[zone].records += [f"{owner} IN TLSA {data}" for data in records]
        for where, type, what, data in damage or []:
            place = {"domain": label, "host": host, "tlsa": owner}[where]
            self.zones[zone].tampered.append(Tampering(place, type, what, data))
        return self.add(name, f"{label}.{zone}", expected, **more)

    def add(self, name: str, domain: str, expected: str, **more: str) -> Row:
        self.rows.append(Row(name, domain, expected, **more))
        return self.rows[-1]

    def put(self, zone: str, *records: str) -> None:
        self.zones[zone].records += records

    # The rows

    def _product(self) -> None:
        """Usage × selector × matching type × right, wrong, rolled over × secure, insecure, bogus."""
        for usage in range(4):
            right = self.chains.leaf["good"] if usage in (1, 3) else self.chains.root
            wrong = self.chains.other if usage in (1, 3) else self.chains.other_root
            for selector in range(2):
                for matching in range(3):
                    old, now = wrong.tlsa(usage, selector, matching), right.tlsa(usage, selector, matching)
                    for content, records in {"right": [now], "wrong": [old], "rolled": [old, now]}.items():
                        for zone in ("secure", "insecure", "bogus"):
                            name = f"{usage} {selector} {matching} {content} {zone}"
                            damage = [("tlsa", "TLSA", Damage.BREAK, ())] if zone == "bogus" else []
                            expected, fault = self._of_product(usage, content, zone)
                            self.row(name, expected, records, zone=f"{zone}.test", damage=damage, fault=fault)

    @staticmethod
    def _of_product(usage: int, content: str, zone: str) -> tuple[str, str]:
        if zone == "bogus":
            return DEFERRED, "dns"
        # Usages 0 and 1 can't be used (RFC 7672 section 3.1.3), so that TLS is mandatory and nothing is proven.
        if zone == "insecure" or usage < 2:
            return ENCRYPTED, ""
        if content == "wrong":
            return DEFERRED, "unproven"
        return (BY_KEY if usage == 3 else BY_AUTHORITY), ""

    def _sets(self) -> None:
        """Sets in which not every record can be used (RFC 7671 sections 4 and 9, RFC 7672 section 2.2)."""
        good, other = self.chains.leaf["good"], self.chains.other
        digest = good.tlsa(3, 1, 1).split()[3]
        unusable = {"usage": f"9 1 1 {digest}", "selector": f"3 9 1 {digest}", "matching": f"3 1 9 {digest}",
                    "digest length": f"3 1 1 {digest[:40]}", "certificate": "3 0 0 deadbeef"}
        for what, record in unusable.items():
            self.row(f"unusable {what} alone", ENCRYPTED, [record])
            self.row(f"unusable {what} without STARTTLS", DEFERRED, [record], server="plain", fault="starttls-not-offered")
            self.row(f"unusable {what} beside right", BY_KEY, [record, good.tlsa(3, 1, 1)])
            self.row(f"unusable {what} beside wrong", DEFERRED, [record, other.tlsa(3, 1, 1)], fault="unproven")
        self.row("digests strong wrong weak right", DEFERRED, [other.tlsa(3, 1, 2), good.tlsa(3, 1, 1)], fault="unproven")
        self.row("digests strong right weak wrong", BY_KEY, [good.tlsa(3, 1, 2), other.tlsa(3, 1, 1)])
        self.row("digests strong wrong full right", BY_KEY, [other.tlsa(3, 1, 2), good.tlsa(3, 1, 0)])
        self.row("digests of another selector", BY_KEY, [other.tlsa(3, 0, 2), good.tlsa(3, 1, 1)])
        self.row("usage 2 wrong beside 3 right", BY_KEY, [self.chains.other_root.tlsa(2, 1, 1), good.tlsa(3, 1, 1)])
        self.row("usage 3 wrong beside 2 right", BY_AUTHORITY, [other.tlsa(3, 1, 1), self.chains.root.tlsa(2, 1, 1)])
        self.row("roll key done", BY_KEY, [good.tlsa(3, 1, 1), self.chains.leaf["next"].tlsa(3, 1, 1)], server="next")
        self.row("roll key without record", DEFERRED, [good.tlsa(3, 1, 1)], server="next", fault="unproven")
        self.row("right without STARTTLS", DEFERRED, [good.tlsa(3, 1, 1)], server="plain", fault="starttls-not-offered")
        self.row("no records", ENCRYPTED, [])
        self.row("no records without STARTTLS", CLEAR, [], server="plain")

    def _certificates(self) -> None:
        """Names and dates count for usage 2 only; chains may come in any order (RFC 7671 section 5, RFC 7672 section 3)."""
        leaf, root, middle = self.chains.leaf, self.chains.root, self.chains.middle
        for which in ("expired", "stranger", "selfsigned"):
            self.row(f"usage 3 certificate {which}", BY_KEY, [leaf[which].tlsa(3, 0, 1)], server=which)
        self.row("usage 2 certificate expired", DEFERRED, [root.tlsa(2, 0, 1)], server="expired", fault="unproven")
        self.row("usage 2 certificate stranger", DEFERRED, [root.tlsa(2, 0, 1)], server="stranger", fault="unproven")
        self.row("usage 2 certificate selfsigned", DEFERRED, [root.tlsa(2, 0, 1)], server="selfsigned", fault="unproven")
        self.row("usage 2 intermediate", BY_AUTHORITY, [middle.tlsa(2, 0, 1)])
        self.row("usage 2 chain in another order", BY_AUTHORITY, [root.tlsa(2, 0, 1)], server="shuffled")
        self.row("usage 2 digest and anchor not shown", DEFERRED, [middle.tlsa(2, 0, 1)], server="leaf", fault="unproven")
        self.row("usage 2 full and anchor not shown", BY_AUTHORITY, [middle.tlsa(2, 0, 0)], server="leaf")
        self.row("usage 2 full key and anchor not shown", BY_AUTHORITY, [middle.tlsa(2, 1, 0)], server="leaf")
        self.row("certificate for the domain", BY_AUTHORITY, [root.tlsa(2, 0, 1)], server="bydomain")

    def _aliases(self) -> None:
        """Hosts and domains that are aliases (RFC 7672 sections 2.1.3 and 2.2.2)."""
        good, other = self.chains.leaf["good"].tlsa(3, 1, 1), self.chains.other.tlsa(3, 1, 1)

        def alias(name: str, expected: str, at_alias: str, at_target: str, alias_zone: str = "secure.test",
                  target_zone: str = "secure.test", **more: str) -> None:
            label = name.replace(" ", "-")
            self.put("secure.test", f"{label} IN MX 10 {label}-alias.{alias_zone}.")
            self.put(alias_zone, f"{label}-alias IN CNAME {label}-target.{target_zone}.")
            self.put(target_zone, f"{label}-target IN A {ADDRESSES['good']}")
            for zone, end, data in ((alias_zone, "alias", at_alias), (target_zone, "target", at_target)):
                if data:
                    self.put(zone, f"_{PORT}._tcp.{label}-{end} IN TLSA {data}")
            self.add(name, f"{label}.secure.test", expected, **more)

        alias("alias with records at target", BY_KEY, "", good)
        alias("alias with records at alias", BY_KEY, good, "")
        alias("alias right target wrong", DEFERRED, good, other, fault="unproven")
        alias("alias wrong target right", BY_KEY, other, good)
        alias("alias to unsigned zone right", BY_KEY, good, "", target_zone="insecure.test")
        alias("alias to unsigned zone wrong", DEFERRED, other, "", target_zone="insecure.test", fault="unproven")
        alias("alias from unsigned zone wrong", ENCRYPTED, "", other, alias_zone="insecure.test")

        self.put("secure.test", "alias-of-domain IN CNAME alias-of-domain-target", f"alias-of-domain-target IN MX 10 alias-of-domain-mx",
                 f"alias-of-domain-mx IN A {ADDRESSES['good']}", f"_{PORT}._tcp.alias-of-domain-mx IN TLSA {good}")
        self.add("alias of domain", "alias-of-domain.secure.test", BY_KEY)
        self.put("secure.test", f"no-mx IN A {ADDRESSES['good']}", f"_{PORT}._tcp.no-mx IN TLSA {good}")
        self.add("no mx", "no-mx.secure.test", BY_KEY)
        self.put("secure.test", f"no-mx-wrong IN A {ADDRESSES['good']}", f"_{PORT}._tcp.no-mx-wrong IN TLSA {other}")
        self.add("no mx wrong", "no-mx-wrong.secure.test", DEFERRED, fault="unproven")
        self.put("secure.test", "*.wild IN MX 10 wild-mx", f"wild-mx IN A {ADDRESSES['good']}", f"*._tcp.wild-mx IN TLSA {good}")
        self.add("wildcards right", "any.wild.secure.test", BY_KEY)
        self.put("secure.test", "*.wild-wrong IN MX 10 wild-wrong-mx", f"wild-wrong-mx IN A {ADDRESSES['good']}",
                 f"*._tcp.wild-wrong-mx IN TLSA {other}")
        self.add("wildcards wrong", "any.wild-wrong.secure.test", DEFERRED, fault="unproven")

    def _answers(self) -> None:
        """What DNSSEC may say about each question (RFC 7672 section 2.1)."""
        good, other = self.chains.leaf["good"].tlsa(3, 1, 1), self.chains.other.tlsa(3, 1, 1)
        for name, damage in {
            "mx broken": ("domain", "MX", Damage.BREAK, ()), "mx signature gone": ("domain", "MX", Damage.STRIP, ()),
            "address broken": ("host", "A", Damage.BREAK, ()), "address signature gone": ("host", "A", Damage.STRIP, ()),
            "tlsa signature gone": ("tlsa", "TLSA", Damage.STRIP, ()), "tlsa forged": ("tlsa", "TLSA", Damage.FORGE, (other,)),
        }.items():
            self.row(name, DEFERRED, [good], damage=[damage], fault="dns")
        self.row("tlsa planted where none is", DEFERRED, [], damage=[("tlsa", "TLSA", Damage.PLANT, (good,))], fault="dns")
        self.row("absence not proven", DEFERRED, [], damage=[("host", "NSEC", Damage.BREAK, ())], fault="dns")
        for zone, expected in {"expired": DEFERRED, "stripped": DEFERRED, "lame": DEFERRED, "island": ENCRYPTED}.items():
            self.row(f"zone {zone} right", expected, [good], zone=f"{zone}.test", fault="dns" if expected == DEFERRED else "")
            self.row(f"zone {zone} wrong", expected, [other], zone=f"{zone}.test", fault="dns" if expected == DEFERRED else "")
        self._zone_of_records("records in unsigned zone", ENCRYPTED, other, Signing.INSECURE)
        self._zone_of_records("records in lame zone", DEFERRED, good, Signing.LAME, fault="dns")
        self._zone_of_records("records in expired zone", DEFERRED, good, Signing.EXPIRED, fault="dns")
        for name, data in {"right": good, "wrong": other}.items():
            label = f"unsigned-mx-{name}"
            self.put("insecure.test", f"{label} IN MX 10 {label}-mx.secure.test.")
            self.put("secure.test", f"{label}-mx IN A {ADDRESSES['good']}", f"_{PORT}._tcp.{label}-mx IN TLSA {data}")
            self.add(f"unsigned mx {name}", f"{label}.insecure.test", ENCRYPTED, difference="unsigned MX records, signed host")
            label = f"unsigned-host-{name}"
            self.put("secure.test", f"{label} IN MX 10 {label}-mx.insecure.test.")
            self.put("insecure.test", f"{label}-mx IN A {ADDRESSES['good']}", f"_{PORT}._tcp.{label}-mx IN TLSA {data}")
            self.add(f"unsigned host {name}", f"{label}.secure.test", ENCRYPTED)

    def _zone_of_records(self, name: str, expected: str, data: str, signing: Signing, **more: str) -> None:
        self.row(name, expected, [], **more)
        zone = Zone(f"_tcp.{name.replace(' ', '-')}-mx.secure.test", [f"_{PORT} IN TLSA {data}"], signing)
        self.zones[zone.name] = zone

    def _hosts(self) -> None:
        """Two hosts, of which the first can't be used."""
        good, other = self.chains.leaf["good"].tlsa(3, 1, 1), self.chains.other.tlsa(3, 1, 1)
        for name, first in {"wrong": other, "bogus": good}.items():
            label = f"first-host-{name}"
            self.put("secure.test", f"{label} IN MX 10 {label}-a", f"{label} IN MX 20 {label}-b")
            for host, data in {f"{label}-a": first, f"{label}-b": good}.items():
                self.put("secure.test", f"{host} IN A {ADDRESSES['good']}", f"_{PORT}._tcp.{host} IN TLSA {data}")
            self.add(f"first host {name}", f"{label}.secure.test", BY_KEY)
        self.zones["secure.test"].tampered.append(Tampering(f"_{PORT}._tcp.first-host-bogus-a", "TLSA", Damage.BREAK))
