# SPDX-License-Identifier: Apache-2.0
"""Before mail comes back because of a cached policy, the policy is fetched anew, whatever its id says (RFC 8461 section 5.1)."""

import pathlib
from collections.abc import Iterator

import pytest

from harness import machine, outcomes
from harness.dns.tree import Tree
from harness.dns.zone import Signing, Zone
from harness.gateway import Gateway
from harness.peers import minting
from harness.peers.mailhosts import MailHosts
from harness.peers.policyhost import PolicyHost, Served, policy

ZONE, HOST = "sts.test", "127.1.0.1"
NAMES = ("ended", "kept")
ROOT = minting.authority("Public root of these tests")
LIFE = 5 * 86_400


@pytest.fixture(scope="module")
def tree(home: None, folder: pathlib.Path) -> Iterator[Tree]:
    lines = [line for name in NAMES for line in (
        f"{name} IN MX 10 {name}-mx", f"{name}-mx IN A {HOST}", f'_mta-sts.{name} 0 IN TXT "v=STSv1; id=1;"',
        f"mta-sts.{name} IN A {PolicyHost.address}")]
    made = Tree(folder / "dns", [Zone(ZONE, lines, Signing.INSECURE)]).start()
    yield made
    made.stop()


@pytest.fixture(scope="module")
def hosts(home: None, folder: pathlib.Path) -> Iterator[MailHosts]:
    made = MailHosts(folder / "hosts", {HOST: minting.save(folder / "certificates", "host", minting.server([f"*.{ZONE}"], None))}).start()
    yield made
    made.stop()


@pytest.fixture(scope="module")
def policies(home: None, folder: pathlib.Path) -> Iterator[PolicyHost]:
    own = minting.server([f"mta-sts.{name}.{ZONE}" for name in NAMES], ROOT)
    made = PolicyHost(minting.save(folder / "certificates", "policies", *own.chain())).start()
    made.served = {f"{name}.{ZONE}": Served(policy("enforce", f"*.{ZONE}", max_age=30 * 86_400)) for name in NAMES}
    yield made
    made.stop()


@pytest.fixture(scope="module")
def gateway(make_gateway, tree: Tree, policies: PolicyHost, hosts: MailHosts, folder: pathlib.Path) -> Gateway:
    made = make_gateway(
        stub=tree.stub, anchor=tree.test_anchor, ca=minting.save(folder / "certificates", "root", ROOT).certificate).start()
    made.add_user("alice")
    return made


def test_row_53_a_policy_is_fetched_anew_before_mail_under_it_comes_back(
        gateway: Gateway, hosts: MailHosts, policies: PolicyHost) -> None:
    sent = outcomes.outcomes(gateway, outcomes.submit(gateway, [f"x@{name}.{ZONE}" for name in NAMES]))
    assert all(outcome.waits for outcome in sent.values())
    policies.served[f"ended.{ZONE}"] = Served(policy("none"))
    gateway.clock.advance(LIFE + 3600)
    machine.eventually(lambda: hosts.arrived(f"x@ended.{ZONE}", outcomes.ALICE), "the mail whose domain has ended its policy")
    # The other comes back to its sender.
    report = gateway.maildir("alice").find(f"x@kept.{ZONE}")
    assert b"Action: failed" in report
    assert not hosts.arrived(f"x@kept.{ZONE}", outcomes.ALICE)
