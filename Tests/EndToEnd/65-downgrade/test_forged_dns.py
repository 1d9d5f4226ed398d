# SPDX-License-Identifier: Apache-2.0
"""
The attacker forges answers of the DNS, replays old MTA-STS records and stands before the mail host besides. Each row first delivers without
him; then he reads what a plain opportunistic Postfix sends, and nothing of Postern's.
"""

import pathlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field

import pytest

from harness import machine, outcomes
from harness.dns.tree import Tree
from harness.dns.zone import Damage, Signing, Tampering, Zone
from harness.gateway import Gateway
from harness.peers import minting
from harness.peers.attacker import Attack, Attacker
from harness.peers.mailhosts import PORT, MailHosts
from harness.peers.policyhost import PolicyHost, Served, policy

BY_POSTFIX = "postfix@sender.test"
ROOT = minting.authority("Root of the hosts")
CHAIN = minting.server(["*.signed.test", "*.plain.test"], ROOT)
FORGED = minting.server(["*.signed.test", "*.plain.test"], None)


@dataclass
class Row:
    """
    What he does to a domain besides standing before its mail host, where he passes everything on at first. `damage` is done to a signed
    zone: owner (`domain`, `host`, `tlsa`), type, what, and new data.
    """

    name: str
    damage: list[tuple[str, str, Damage, tuple[str, ...]]] = field(default_factory=list)
    # With MTA-STS: what the domain has for records instead, and what its policy host answers then.
    changed: list[str] | None = None
    served: Served | None = None
    attack: Attack = Attack.SWAP

    @property
    def zone(self) -> str:
        return "signed.test" if self.damage else "plain.test"

    @property
    def domain(self) -> str:
        return f"{self.name}.{self.zone}"

    @property
    def host(self) -> str:
        return f"{self.name}-mx.{self.zone}"

    @property
    def address(self) -> str:
        return f"127.3.1.{ROWS.index(self) + 1}"

    def records(self) -> list[str]:
        """None of them may be cached, as the attack comes a moment later."""
        host = f"{self.name}-mx"
        lines = [f"{self.name} 0 IN MX 10 {host}", f"{host} 0 IN A {self.address}", f"{self.name}-evil 0 IN A {self.address}"]
        if self.damage:
            return [*lines, f"_{PORT}._tcp.{host} 0 IN TLSA {CHAIN.tlsa(3, 1, 1)}"]
        return [*lines, f'_mta-sts.{self.name} 0 IN TXT "v=STSv1; id=2;"', f"mta-sts.{self.name} 0 IN A {PolicyHost.address}"]

    def attacked(self) -> list[str]:
        """The same lines, with what he changes of an unsigned zone."""
        changed = [line for line in self.changed or [] if line]
        owners = {(line.split()[0], line.split()[3]) for line in changed}
        gone = {("_mta-sts." + self.name, "TXT")} if self.changed == [] else set()
        return changed + [line for line in self.records() if (line.split()[0], line.split()[3]) not in owners | gone]


ROWS = [
    Row("tlsa-forged", [("tlsa", "TLSA", Damage.FORGE, (FORGED.tlsa(3, 1, 1),))]),
    Row("tlsa-unsigned", [("tlsa", "TLSA", Damage.STRIP, ())]),
    Row("tlsa-removed", [("tlsa", "TLSA", Damage.REMOVE, ())]),
    Row("mx-forged", [("domain", "MX", Damage.FORGE, ("10 mx-forged-evil.signed.test.",))]),
    Row("address-unsigned", [("host", "A", Damage.STRIP, ())]),
    Row("sts-old-id-none", changed=['_mta-sts.sts-old-id-none 0 IN TXT "v=STSv1; id=1;"'], served=Served(policy("none"))),
    Row("sts-old-id-testing", changed=['_mta-sts.sts-old-id-testing 0 IN TXT "v=STSv1; id=1;"'],
        served=Served(policy("testing", "sts-old-id-testing-mx.plain.test"))),
    Row("sts-record-gone", changed=[], served=Served(None), attack=Attack.STRIP),
    Row("sts-mx-forged", changed=["sts-mx-forged 0 IN MX 10 sts-mx-forged-evil"]),
    Row("sts-swapped", changed=[""]),
]


@pytest.fixture(scope="module")
def tree(home: None, folder: pathlib.Path) -> Iterator[Tree]:
    zones = [Zone("signed.test"), Zone("plain.test", signing=Signing.INSECURE)]
    for zone in zones:
        zone.records = [line for row in ROWS if row.zone == zone.name for line in row.records()]
    made = Tree(folder / "dns", zones).start()
    yield made
    made.stop()


def attack(tree: Tree, policies: PolicyHost, attackers: dict[str, Attacker], folder: pathlib.Path) -> None:
    own = minting.save(folder / "certificates", "forged-policies", minting.server([f"mta-sts.{row.domain}" for row in ROWS], None))
    signed, plain = tree.zones["signed.test"], tree.zones["plain.test"]
    plain.records = [line for row in ROWS if not row.damage for line in row.attacked()]
    for row in ROWS:
        places = {"domain": row.name, "host": f"{row.name}-mx", "tlsa": f"_{PORT}._tcp.{row.name}-mx"}
        signed.tampered += [Tampering(places[where], type, what, data) for where, type, what, data in row.damage]
        if row.served:
            row.served.certificate = own
            policies.served[row.domain] = row.served
        attackers[row.name].turn_to(row.attack)
    tree.publish(signed, plain)


def test_row_53_forged_answers_and_replayed_records_get_no_weaker_channel(
        gateway: Gateway, postfix_sends: Callable[[str], None], hosts: MailHosts, tree: Tree, policies: PolicyHost,
        attackers: dict[str, Attacker], folder: pathlib.Path) -> None:
    postfix_sends("first")
    first = outcomes.outcomes(gateway, outcomes.submit(gateway, [f"first@{row.domain}" for row in ROWS]))
    for row in ROWS:
        recipient = f"first@{row.domain}"
        assert not first[recipient].waits, f"{row.name}: {first[recipient].reason}"
        for sender in (outcomes.ALICE, BY_POSTFIX):
            assert machine.eventually(lambda: hosts.arrived(recipient, sender), row.name)[0].tls, row.name

    attack(tree, policies, attackers, folder)
    second = outcomes.outcomes(gateway, outcomes.submit(gateway, [f"second@{row.domain}" for row in ROWS]))
    for row in ROWS:
        attacker = attackers[row.name]
        assert second[f"second@{row.domain}"].waits, row.name
        assert not attacker.read and not any(c.upper().startswith((b"MAIL", b"RCPT", b"DATA")) for c in attacker.commands), row.name
    postfix_sends("second")
    for row in ROWS:
        machine.eventually(lambda: attackers[row.name].read, f"the attacker to read Postfix's mail: {row.name}")
        assert b"a secret" in attackers[row.name].read[0]
