# SPDX-License-Identifier: Apache-2.0
"""What was encrypted must be again: a server that loses STARTTLS, or an attacker who takes it out, makes mail wait."""

from collections.abc import Iterator
from dataclasses import dataclass

import pytest

from harness import machine, message
from harness.gateway import Gateway
from harness.peers.certificates import Certificate
from harness.peers.names import NameServer
from harness.peers.nexthop import NextHop

ALICE = "alice@postern.test"
DAY = 86400


@dataclass
class Scene:
    """`host` is the MX host of both domains; it can lose its TLS and get it back."""

    gateway: Gateway
    port: int
    certificate: Certificate
    host: NextHop | None = None

    def serve(self, tls: bool) -> NextHop:
        if host := self.host:
            # A connection that waits for more mail would outlive the server.
            machine.eventually(lambda: not host.received or "QUIT" in host.commands, "the end of the last connection")
            host.stop()
        self.host = NextHop(port=self.port, certificate=self.certificate if tls else None).start()
        return self.host

    def submit(self, recipient: str, header: str = "") -> str:
        with self.gateway.sign_in() as talk:
            return talk.send_mail(ALICE, recipient, header.encode() + message.simple("words", sender=ALICE))

    def entries(self) -> list[str]:
        return [e["domain"] for e in self.gateway.facts("ratchet", "list")]


@pytest.fixture
def scene(make_own_gateway, own_certificate: Certificate, folder) -> Iterator[Scene]:
    zones = {name: ["@ IN MX 10 mx", "mx IN A 127.0.0.1"] for name in ("peer.test", "other.test")}
    names = NameServer(folder / "names", zones).start()
    port = machine.free_port()
    gateway = make_own_gateway(mail_port=port, dns_port=names.port, anchors=names.anchors)
    gateway.start()
    gateway.add_user("alice")
    made = Scene(gateway, port, own_certificate)
    yield made
    if made.host:
        made.host.stop()
    names.stop()


def test_row_06_a_stripped_starttls_makes_mail_wait(scene: Scene) -> None:
    assert scene.entries() == []
    host = scene.serve(tls=False)
    scene.submit("first@other.test")
    host.wait_for("first@other.test")
    assert scene.entries() == [], "what went in clear binds nobody"

    host = scene.serve(tls=True)
    scene.submit("one@peer.test")
    host.wait_for("one@peer.test")
    assert "STARTTLS" in host.commands and scene.entries() == ["peer.test"]

    host = scene.serve(tls=False)
    identifier = scene.submit("two@peer.test")
    copy = scene.gateway.wait_for_state(identifier, "ready")
    machine.eventually(lambda: "ratchet" in str(scene.gateway.facts("queue", "show", identifier)), "the reason")
    assert copy and not host.received and not [c for c in host.commands if c.startswith("MAIL")]
    assert "BLOCKS" not in (text := scene.gateway.cli("explain", "two@peer.test").stdout)
    assert "HOLDS: mail was encrypted there" in text

    scene.submit("three@other.test")
    host.wait_for("three@other.test")

    # The gateway remembers over a restart, and for ninety days.
    scene.gateway.restart()
    assert scene.entries() == ["peer.test"]
    host = scene.serve(tls=True)
    scene.gateway.cli("queue", "retry", identifier)
    machine.eventually(lambda: host.took("two@peer.test"), "the mail that waited")


def test_the_operator_can_forget_an_entry(scene: Scene) -> None:
    host = scene.serve(tls=True)
    scene.submit("one@peer.test")
    host.wait_for("one@peer.test")
    host = scene.serve(tls=False)
    identifier = scene.submit("two@peer.test")
    refused = scene.gateway.cli("ratchet", "forget", "unknown.test", check=False)
    assert refused.returncode == 1 and "Nothing is known" in refused.stderr
    scene.gateway.cli("ratchet", "forget", "peer.test")
    assert scene.entries() == []
    scene.gateway.cli("queue", "retry", identifier)
    host.wait_for("two@peer.test")


def test_an_entry_ends_after_ninety_days(scene: Scene) -> None:
    host = scene.serve(tls=True)
    scene.submit("one@peer.test")
    host.wait_for("one@peer.test")
    scene.gateway.wait_until_empty()
    host = scene.serve(tls=False)
    scene.gateway.clock.advance(91 * DAY)
    scene.submit("two@peer.test")
    host.wait_for("two@peer.test")


def test_our_own_user_may_set_it_aside_at_level_1(scene: Scene) -> None:
    """TLS-Required: No (RFC 8689 section 5)."""
    host = scene.serve(tls=True)
    scene.submit("one@peer.test")
    host.wait_for("one@peer.test")
    host = scene.serve(tls=False)
    scene.submit("two@peer.test", header="TLS-Required: No\r\n")
    host.wait_for("two@peer.test")
    scene.submit("three@peer.test", header="TLS-Required: yes\r\n")
    machine.eventually(lambda: scene.gateway.queue(), "the mail that waits")
    assert not host.took("three@peer.test")


def test_level_3_sends_nothing_in_clear(scene: Scene) -> None:
    """Asked of the settings: a gateway of level 3 would need its key off this machine."""
    scene.gateway.stop()
    settings = scene.gateway.config.read_text().replace("level = 1", "level = 3", 1)
    before, after = settings.split("[tls]")
    scene.gateway.config.write_text(before + "[delivery]" + after.split("[delivery]")[1].replace("submission", "mx"))
    found = scene.gateway.cli("explain", "one@other.test").stdout
    assert "RAISES: level 3 sends nothing in clear" in found and "TLS with any certificate" in found
