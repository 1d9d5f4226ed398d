# SPDX-License-Identifier: Apache-2.0
"""A link below TLS that is declared for a domain: mail waits while the kernel does not have it. How it goes with ESP, case 88 shows."""

import pathlib
from collections.abc import Iterator

import pytest

from harness import machine
from harness.peers.cable import THEIRS, IPsec, OtherMachine
from harness.peers.certificates import Authority
from harness.peers.nodes import Node, name_server

RULES = """
[[channel.rule]]
domain = "beta.test"
link = "ipsec"

[[channel.rule]]
domain = "gamma.test"
link = "wireguard:postern-wg"

[[channel.rule]]
domain = "delta.test"
link = "wireguard:cable0"
"""


@pytest.fixture(scope="module")
def other(home: None) -> Iterator[OtherMachine]:
    made = OtherMachine().start()
    yield made
    made.stop()


@pytest.fixture(scope="module")
def node(other: OtherMachine, folder: pathlib.Path, authority: Authority) -> Iterator[Node]:
    hosts = {"alpha.test": "127.3.1.1", "beta.test": THEIRS, "gamma.test": THEIRS, "delta.test": THEIRS, "free.test": THEIRS}
    names = name_server(folder / "dns", hosts).start()
    made = Node(folder / "alpha", "alpha.test", "127.3.1.1", names, authority, RULES, port=25).start()
    yield made
    made.gateway.end()
    names.stop()


def reason(node: Node, domain: str) -> str:
    return node.gateway.cli("explain", f"box@{domain}").stdout


def waits(node: Node, other: OtherMachine, domain: str, why: str) -> str:
    count = len(other.received)
    identifier = node.send(domain, f"over a link to {domain}")
    node.wait_for_a_failed_try(identifier)
    assert len(other.received) == count
    said = " ".join(reason(node, domain).split())
    assert why in said, said
    return identifier


def test_mail_without_a_declared_link_flows(node: Node, other: OtherMachine) -> None:
    count = len(other.received)
    node.send("free.test", "over nothing special")
    machine.eventually(lambda: len(other.received) > count, "the message")


@pytest.mark.parametrize("domain, why", [
    ("gamma.test", "there is no interface postern-wg"), ("delta.test", "the interface cable0 is no WireGuard interface")])
def test_mail_waits_without_the_wireguard_interface(node: Node, other: OtherMachine, domain: str, why: str) -> None:
    node.gateway.cli("queue", "drop", waits(node, other, domain, why))


def test_mail_waits_without_ipsec_policies_and_states(node: Node, other: OtherMachine) -> None:
    identifier = waits(node, other, "beta.test", "no IPsec policy covers mail to the host")
    ipsec = IPsec(other)
    ipsec.add_policies()
    assert "no IPsec state that encrypts mail to the host" in " ".join(reason(node, "beta.test").split())
    ipsec.flush()
    node.gateway.cli("queue", "drop", identifier)
