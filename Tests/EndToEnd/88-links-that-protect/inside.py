# SPDX-License-Identifier: Apache-2.0
"""Runs in the guest. The other machine's mail host knows no TLS: what hides the mail is ESP alone."""

import pathlib
from collections.abc import Iterator
from dataclasses import dataclass

import pytest

from harness import machine
from harness.peers.cable import CBC, GCM, NULL, PAIR, PAIR6, THEIRS, THEIRS6, IPsec, OtherMachine, Tap, ip
from harness.peers.certificates import Authority
from harness.peers.nexthop import Received
from harness.peers.nodes import Node, name_server

RULES = """
[[channel.rule]]
domain = "beta.test"
link = "ipsec"

[[channel.rule]]
domain = "beta6.test"
link = "ipsec"
"""
TCP, ESP = 6, 50
NO_POLICY = "no IPsec policy covers mail to the host"
NO_STATE = "there is no IPsec state that encrypts mail to the host"
PROTECTS = "IPsec protects the way to the host"


@dataclass
class Mail:
    identifier: str
    domain: str
    text: str


class Scene:
    def __init__(self, node: Node, other: OtherMachine, tap: Tap):
        self.node, self.other, self.tap = node, other, tap
        self.count = 0

    def explained(self, domain: str = "beta.test") -> str:
        return " ".join(self.node.gateway.cli("explain", f"box@{domain}").stdout.split())

    def came(self, text: str) -> list[Received]:
        return [m for m in self.other.received if text.encode() in m.content]

    def send(self, domain: str = "beta.test") -> Mail:
        self.tap.taken()
        self.count += 1
        text = f"for nobody else's eyes {self.count}."
        return Mail(self.node.send(domain, text), domain, text)

    def send_in_vain(self, why: str, domain: str = "beta.test") -> Mail:
        """A message that must wait, and nothing leaves for its host."""
        mail = self.send(domain)
        self.node.wait_for_a_failed_try(mail.identifier)
        assert why in self.explained(domain), self.explained(domain)
        assert not self.came(mail.text) and self.tap.taken() == (set(), b"")
        return mail

    def assert_goes_in_esp(self, mail: Mail) -> None:
        """What waited is delivered; our end of the cable has sent nothing but ESP, and no word of the mail."""
        assert PROTECTS in self.explained(mail.domain), self.explained(mail.domain)
        # It may be on its way already.
        self.node.gateway.cli("queue", "retry", mail.identifier, check=False)
        machine.eventually(lambda: self.came(mail.text), "the message")
        self.other.wait_for_rest()
        assert [m.tls for m in self.came(mail.text)] == [False]
        protocols, octets = self.tap.taken()
        assert protocols == {ESP} and mail.text.encode() not in octets


@pytest.fixture(scope="module")
def scene(home: None, folder: pathlib.Path, authority: Authority) -> Iterator[Scene]:
    other = OtherMachine(PAIR, PAIR6).start()
    hosts = {"alpha.test": "127.3.1.1", "beta.test": THEIRS, "beta6.test": THEIRS6, "free.test": THEIRS}
    names = name_server(folder / "dns", hosts).start()
    node = Node(folder / "alpha", "alpha.test", "127.3.1.1", names, authority, RULES, port=25, ipv6="true").start()
    tap = Tap()
    yield Scene(node, other, tap)
    tap.close()
    node.gateway.end()
    names.stop()
    other.stop()


@pytest.fixture(autouse=True)
def clean(scene: Scene) -> Iterator[None]:
    yield
    scene.other.wait_for_rest()
    IPsec(scene.other).flush()


def test_the_tap_sees_mail_that_no_link_is_declared_for(scene: Scene) -> None:
    mail = scene.send("free.test")
    machine.eventually(lambda: scene.came(mail.text), "the message")
    protocols, octets = scene.tap.taken()
    assert protocols == {TCP} and mail.text.encode() in octets


def test_mail_waits_for_the_policies(scene: Scene) -> None:
    ipsec = IPsec(scene.other)
    # States alone are nothing that the kernel must use.
    ipsec.add_states(ip)
    ipsec.add_states(scene.other.ip)
    mail = scene.send_in_vain(NO_POLICY)
    ipsec.add_policies()
    scene.assert_goes_in_esp(mail)


@pytest.mark.parametrize("domain, pair", [("beta.test", PAIR), ("beta6.test", PAIR6)], ids=["IPv4", "IPv6"])
@pytest.mark.parametrize("mode, keys, smtp_only", [("transport", CBC, False), ("tunnel", GCM, True)], ids=["transport", "tunnel"])
def test_mail_waits_for_the_states(
        scene: Scene, domain: str, pair: tuple[str, str], mode: str, keys: tuple[str, ...], smtp_only: bool) -> None:
    ipsec = IPsec(scene.other, pair, mode, keys, smtp_only)
    ipsec.add_policies()
    mail = scene.send_in_vain(NO_STATE, domain)
    ipsec.add_states(scene.other.ip)
    ipsec.add_states(ip)
    scene.assert_goes_in_esp(mail)


def test_mail_waits_while_the_state_is_another(scene: Scene) -> None:
    ipsec = IPsec(scene.other, names_spi=True)
    ipsec.add_policies()
    ipsec.add_states(scene.other.ip)
    ipsec.add_states(ip)
    assert PROTECTS in scene.explained()
    ipsec.delete_state()
    mail = scene.send_in_vain(NO_STATE)

    def assert_not_enough(state: str) -> None:
        assert NO_STATE in scene.explained(), state
        assert not scene.came(mail.text) and scene.tap.taken() == (set(), b""), state

    ipsec.add_state(more=("limit", "time-hard", "1"))
    machine.eventually(lambda: f"dst {THEIRS}" not in ip("xfrm", "state", "list"), "the end of the state")
    assert_not_enough("it has expired")
    ipsec.add_state(target=THEIRS + "2")
    assert_not_enough("it is another host's")
    ipsec.add_state(spi="0x300")
    assert_not_enough("it has another SPI than the policy wants")
    IPsec(scene.other, mode="tunnel").add_state()
    assert_not_enough("it has another mode")
    ipsec.delete_state()
    ipsec.add_state(keys=NULL)
    assert_not_enough("it does not encrypt")
    ipsec.delete_state()
    ipsec.add_state()
    scene.assert_goes_in_esp(mail)


def test_nothing_but_esp_leaves_while_the_other_side_has_no_states(scene: Scene) -> None:
    """Our kernel has all that is asked for, so the gateway tries."""
    ipsec = IPsec(scene.other)
    ipsec.add_policies()
    ipsec.add_states(ip)
    mail = scene.send()
    assert machine.eventually(lambda: scene.tap.taken()[0], "a try") == {ESP}
    assert not scene.came(mail.text)
    ipsec.add_states(scene.other.ip)
    scene.assert_goes_in_esp(mail)
