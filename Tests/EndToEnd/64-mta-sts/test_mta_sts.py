# SPDX-License-Identifier: Apache-2.0
"""
MTA-STS (RFC 8461): each row of harness/sts.py is a domain. A first message goes out when nothing is cached, a second one by what is cached
then: the same policy while its host is down (fresh), nothing, for it has expired and its host is down (stale), or a new one (rolled).
"""

import pathlib
from collections.abc import Iterator

import pytest

from harness import machine, outcomes
from harness.dns.tree import Tree
from harness.dns.zone import Signing, Zone
from harness.gateway import Gateway
from harness.golden import Golden
from harness.outcomes import Outcome
from harness.peers import minting
from harness.peers.mailhosts import MailHosts
from harness.peers.policyhost import PolicyHost, Served
from harness.sts import ADDRESSES, AGE, CLEAR, DEFERRED, ENCRYPTED, PROVEN, ROOT, ROWS, SHOWN, ZONE, Row

# What `postern explain --connect` says of a channel.
PROOFS = {DEFERRED: "", ENCRYPTED: "encrypted, and nothing had to be proven", PROVEN: "proven: a public authority vouches for"}


@pytest.fixture(scope="module")
def tree(home: None, folder: pathlib.Path) -> Iterator[Tree]:
    made = Tree(folder / "dns", [Zone(ZONE, [line for row in ROWS for line in row.records("1")], Signing.INSECURE)]).start()
    yield made
    made.stop()


@pytest.fixture(scope="module")
def hosts(home: None, folder: pathlib.Path) -> Iterator[MailHosts]:
    shown = {name: minting.save(folder / "certificates", name, *one.chain()) for name, one in SHOWN.items()}
    made = MailHosts(folder / "hosts", {address: shown.get(name) for name, address in ADDRESSES.items()}).start()
    yield made
    made.stop()


@pytest.fixture(scope="module")
def policies(home: None, folder: pathlib.Path) -> Iterator[PolicyHost]:
    # One certificate for all: no star reaches below `mta-sts.`.
    own = minting.server([f"mta-sts.{row.domain}" for row in ROWS], ROOT)
    made = PolicyHost(minting.save(folder / "certificates", "policies", *own.chain())).start()
    made.served = {row.domain: Served(row.first_policy) for row in ROWS}
    yield made
    made.stop()


@pytest.fixture(scope="module")
def gateway(make_gateway, tree: Tree, policies: PolicyHost, hosts: MailHosts, folder: pathlib.Path) -> Gateway:
    made = make_gateway(
        stub=tree.stub, anchor=tree.test_anchor, ca=minting.save(folder / "certificates", "root", ROOT).certificate).start()
    made.add_user("alice")
    return made


def send(gateway: Gateway, name: str, rows: list[Row]) -> dict[str, Outcome]:
    return outcomes.outcomes(gateway, outcomes.submit(gateway, [f"{name}@{row.domain}" for row in rows]))


def check(name: str, sent: dict[str, Outcome], hosts: MailHosts, rows: list[Row]) -> None:
    wrong = []
    for row in rows:
        wanted, fault = getattr(row, name)
        recipient = f"{name}@{row.domain}"
        waits = sent[recipient].waits
        if not waits:
            machine.eventually(lambda: hosts.arrived(recipient, outcomes.ALICE), recipient)
        came = [a.tls for a in hosts.arrived(recipient, outcomes.ALICE)]
        got = DEFERRED if waits else CLEAR if not came[0] else ENCRYPTED
        if got != (ENCRYPTED if wanted == PROVEN else wanted) or (waits and outcomes.FAULTS[fault] not in sent[recipient].reason):
            wrong.append(f"{row.label}, {name} message: {wanted} {fault}, and it was {got} {sent[recipient].reason}")
    assert not wrong, "\n".join(wrong)


def test_each_row_ends_as_it_must(gateway: Gateway, hosts: MailHosts, tree: Tree, policies: PolicyHost) -> None:
    first = send(gateway, "first", ROWS)
    check("first", first, hosts, ROWS)
    assert set(policies.asked) == {row.domain for row in ROWS}

    # What is cached explains itself.
    golden, unproven = Golden(pathlib.Path(__file__).parent / "explain.txt"), []
    for row in ROWS:
        said = gateway.cli("explain", "--connect", f"first@{row.domain}").stdout
        if PROOFS[row.first[0]] not in " ".join(said.split()):
            unproven.append(f"{row.label}: {row.first[0]}\n{said}")
        golden.add(row.label, said[said.index("The way to"):], {row.label: "ROW"})
    assert not unproven, "\n".join(unproven)
    golden.check()

    # Fresh: it holds, and nobody is asked.
    policies.asked.clear()
    fresh = [row for row in ROWS if row.cache == "fresh"]
    for row in fresh:
        policies.served[row.domain] = Served(b"out of order", "503 Service Unavailable")
    check("second", send(gateway, "second", fresh), hosts, fresh)
    assert not policies.asked

    # Rolled: another id, another policy.
    rolled = [row for row in ROWS if row.cache == "rolled"]
    zone = tree.zones[ZONE]
    zone.records = [line for row in ROWS for line in row.records("2" if row.cache == "rolled" else "1")]
    tree.publish(zone)
    for row in rolled:
        policies.served[row.domain] = Served(row.policy)
    check("second", send(gateway, "second", rolled), hosts, rolled)
    assert set(policies.asked) == {row.domain for row in rolled}

    # Stale: it has expired, and there is no other.
    stale = [row for row in ROWS if row.cache == "stale"]
    for row in stale:
        policies.served[row.domain] = Served(b"out of order", "503 Service Unavailable")
    gateway.clock.advance(AGE + 60)
    check("second", send(gateway, "second", stale), hosts, stale)
