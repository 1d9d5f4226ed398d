# SPDX-License-Identifier: Apache-2.0
"""
An active attacker stands before each mail host (harness/peers/attacker.py), and may forge DNS answers besides. Each row first delivers
without his help; then he attacks, and reads the mail that a plain opportunistic Postfix sends, and none of Postern's; and when he has
gone, Postern's mail arrives by the channel that it waited for.
"""

import pathlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass

import pytest

from harness import machine, outcomes
from harness.dns.tree import Tree
from harness.dns.zone import Signing, Zone
from harness.gateway import Gateway
from harness.peers import minting
from harness.peers.attacker import Attack, Attacker
from harness.peers.mailhosts import PORT, MailHosts
from harness.peers.policyhost import PolicyHost
from harness.peers.sending_postfix import SendingPostfix

BY_POSTFIX = "postfix@sender.test"
ROOT = minting.authority("Root of the hosts")
CHAIN = minting.server(["*.secure.test", "*.insecure.test"], ROOT)
FORGED = minting.server(["*.secure.test", "*.insecure.test"], minting.authority("Root of the hosts"))
ON_THE_WIRE = (Attack.STRIP, Attack.REFUSE, Attack.GARBAGE, Attack.CLOSE, Attack.SWAP)


@dataclass
class Protection:
    """Why mail for a domain must not go out weaker. Not all of them demand a proof, so that not all notice a swapped certificate."""

    name: str
    zone: str = "insecure.test"
    tlsa: str = ""
    # A `[[channel.rule]]` beside its domain.
    rule: str = ""
    sts: bool = False
    proves: bool = True


PROTECTIONS = [
    Protection("dane-key", "secure.test", CHAIN.tlsa(3, 1, 1)),
    Protection("dane-authority", "secure.test", ROOT.tlsa(2, 0, 1)),
    Protection("dane-unusable", "secure.test", "1 1 1 " + "00" * 32, proves=False),
    Protection("sts", sts=True),
    Protection("pin", rule=f'pins = ["{CHAIN.pin()}"]'),
    Protection("authenticated", "secure.test", rule='require = "authenticated"'),
    Protection("encrypted", rule='require = "encrypted"', proves=False),
    Protection("ratchet", proves=False),
]


@dataclass
class Row:
    number: int
    protection: Protection
    attack: Attack

    @property
    def name(self) -> str:
        return f"{self.protection.name}-{self.attack.name.lower()}"

    @property
    def domain(self) -> str:
        return f"{self.name}.{self.protection.zone}"

    @property
    def host(self) -> str:
        return f"{self.name}-mx.{self.protection.zone}"

    @property
    def address(self) -> str:
        return f"127.3.0.{self.number}"


ROWS = [
    Row(number, protection, attack) for number, (protection, attack) in enumerate(
        [(p, a) for p in PROTECTIONS for a in ON_THE_WIRE if p.proves or a is not Attack.SWAP], start=1)]
RULES = "\n".join(f'[[channel.rule]]\ndomain = "{row.domain}"\n{row.protection.rule}\n' for row in ROWS if row.protection.rule)


def records(row: Row) -> list[str]:
    host = f"{row.name}-mx"
    lines = [f"{row.name} IN MX 10 {host}", f"{host} IN A {row.address}"]
    if row.protection.tlsa:
        lines.append(f"_{PORT}._tcp.{host} IN TLSA {row.protection.tlsa}")
    if row.protection.sts:
        lines += [f'_mta-sts.{row.name} IN TXT "v=STSv1; id=1;"', f"mta-sts.{row.name} IN A {PolicyHost.address}"]
    return lines


@pytest.fixture(scope="module")
def tree(home: None, folder: pathlib.Path) -> Iterator[Tree]:
    zones = {"secure.test": Zone("secure.test"), "insecure.test": Zone("insecure.test", signing=Signing.INSECURE)}
    for row in ROWS:
        zones[row.protection.zone].records += records(row)
    made = Tree(folder / "dns", list(zones.values())).start()
    yield made
    made.stop()


def turn(attackers: dict[str, Attacker], attack: bool) -> None:
    for row in ROWS:
        attackers[row.name].turn_to(row.attack if attack else Attack.NONE)


def test_row_06_no_attack_gets_a_weaker_channel_or_a_byte_of_mail_from_postern(
        gateway: Gateway, hosts: MailHosts, attackers: dict[str, Attacker]) -> None:
    turn(attackers, False)
    first = outcomes.outcomes(gateway, outcomes.submit(gateway, [f"first@{row.domain}" for row in ROWS]))
    for row in ROWS:
        recipient = f"first@{row.domain}"
        assert not first[recipient].waits, f"{row.name}: {first[recipient].reason}"
        assert machine.eventually(lambda: hosts.arrived(recipient, outcomes.ALICE), row.name)[0].tls, row.name
    turn(attackers, True)
    second = outcomes.outcomes(gateway, outcomes.submit(gateway, [f"second@{row.domain}" for row in ROWS]))
    for row in ROWS:
        attacker = attackers[row.name]
        assert second[f"second@{row.domain}"].waits, row.name
        assert attacker.victims, f"{row.name}: he was not asked"
        assert not attacker.read and not any(c.upper().startswith((b"MAIL", b"RCPT", b"DATA")) for c in attacker.commands), row.name
    turn(attackers, False)
    for outcome in second.values():
        gateway.cli("queue", "retry", outcome.id)
    for row in ROWS:
        assert machine.eventually(lambda: hosts.arrived(f"second@{row.domain}", outcomes.ALICE), row.name)[0].tls, row.name


def test_each_attack_succeeds_against_plain_opportunistic_tls(
        postfix: SendingPostfix, postfix_sends: Callable[[str], None], hosts: MailHosts, attackers: dict[str, Attacker]) -> None:
    postfix_sends("first")
    for row in ROWS:
        came = machine.eventually(lambda: hosts.arrived(f"first@{row.domain}", BY_POSTFIX), row.name)
        assert came[0].tls, row.name
    assert not any(a.read for a in attackers.values())
    turn(attackers, True)
    postfix_sends("second")

    def all_were_read() -> bool:
        # After a failed handshake Postfix sends in clear with its next try.
        postfix.flush()
        return all(a.read for a in attackers.values())

    machine.eventually(all_were_read, "the attacker to read Postfix's mail")
    for row in ROWS:
        assert b"a secret" in attackers[row.name].read[0], row.name
        attackers[row.name].read.clear()
        attackers[row.name].commands.clear()
    turn(attackers, False)
