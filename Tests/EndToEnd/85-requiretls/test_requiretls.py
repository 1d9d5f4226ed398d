# SPDX-License-Identifier: Apache-2.0
"""REQUIRETLS (RFC 8689) from our user over two gateways, and through the filter role: kept at every hop, or given back."""

from collections.abc import Iterator
from dataclasses import dataclass

import pytest

from harness import machine, message
from harness.conversation import Conversation
from harness.gateway import Gateway
from harness.peers.certificates import Authority, Certificate
from harness.peers.names import NameServer
from harness.peers.nexthop import NextHop
from harness.peers.providers import pin

ALICE = "alice@postern.test"


@dataclass
class Way:
    """`near` is our users' gateway, `far` a peer's; `silent` and `promising` take mail in TLS, and the second offers REQUIRETLS."""

    near: Gateway
    far: Gateway
    silent: NextHop
    promising: NextHop
    filters: dict[str, int]

    def submit(self, recipient: str, text: str, options: str = " REQUIRETLS") -> None:
        with self.near.sign_in() as talk:
            talk.envelope(ALICE, recipient, options)
            assert talk.data(message.simple(text, sender=ALICE)).code == 250

    def report(self, text: str) -> str:
        return self.near.maildir("alice").find(text).decode()

    def through(self, filter: str) -> Conversation:
        talk = Conversation(self.filters[filter])
        assert talk.reply().code == 220
        talk.ehlo()
        return talk


@pytest.fixture(scope="module")
def way(make_gateway, authority: Authority, own_certificate: Certificate, folder) -> Iterator[Way]:
    far_certificate = authority.issue("far", "mx.peer.test")
    silent = NextHop(certificate=own_certificate).start()
    promising = NextHop(certificate=own_certificate, extensions=(*silent.extensions, "REQUIRETLS")).start()
    zones = {name: ["@ IN MX 10 mx", "mx IN A 127.0.0.1"] for name in ("peer.test", "onward.test", "unproven.test")}
    names = NameServer(folder / "names", zones).start()
    filters = {name: machine.free_port() for name in ("gateway", "promising", "silent")}
    near_port = machine.free_port()
    far = make_gateway(
        "far.toml", far_certificate=far_certificate.certificate, far_key=far_certificate.key, silent=silent.port, near_port=near_port)
    near = make_gateway(
        "near.toml", mail_port=far.ports["mx"], dns_port=names.port, anchors=names.anchors, pin=pin(far_certificate), promising=promising.port,
        silent=silent.port, **{f"to_{name}": port for name, port in filters.items()})
    near.config.write_text(near.config.read_text().replace(f"port = {near.ports['mx']}", f"port = {near_port}"))
    near.ports["mx"] = near_port
    far.start()
    far.add_user("bob", "bob@peer.test")
    near.start()
    near.add_user("alice")
    yield Way(near, far, silent, promising, filters)
    for end in (names, silent, promising):
        end.stop()


def test_the_parameter_counts_only_inside_tls(way: Way) -> None:
    with way.near.connect("mx") as talk:
        talk.ehlo()
        assert "REQUIRETLS" not in talk.extensions
        talk.expect(f"MAIL FROM:<{ALICE}> REQUIRETLS", 530, "5.7.11")
        talk.start_tls()
        assert "REQUIRETLS" in talk.extensions
        talk.expect(f"MAIL FROM:<{ALICE}> REQUIRETLS=yes", 501)


def test_a_message_goes_to_a_proven_gateway_that_promises_it(way: Way) -> None:
    way.submit("bob@peer.test", "kept-on-the-way")
    way.far.maildir("bob").find("kept-on-the-way")


def test_the_next_gateway_keeps_the_promise_and_reports(way: Way) -> None:
    """The peer took the message, and its own next hop promises nothing: nothing goes there, and the sender hears of it."""
    way.submit("carol@onward.test", "plain-onward", options="")
    way.silent.wait_for("carol@onward.test")
    way.submit("dora@onward.test", "strict-onward")
    report = way.report("dora@onward.test")
    assert "5.7.30" in report and "mx.peer.test" in report
    assert not way.silent.took("dora@onward.test")


def test_without_proof_of_the_host_nothing_is_sent(way: Way) -> None:
    way.submit("eve@unproven.test", "unproven-way")
    report = way.report("eve@unproven.test")
    assert "Action: failed" in report and "nothing vouches for the name" in report
    assert b"unproven-way" not in b"".join(way.far.maildir("bob").messages())


def test_a_filter_passes_it_on_to_the_gateway_behind(way: Way) -> None:
    with way.through("gateway") as talk:
        talk.start_tls()
        talk.envelope("who@stranger.test", "bob@peer.test", " REQUIRETLS")
        assert talk.data(message.simple("through-the-filter")).code == 250
    way.far.maildir("bob").find("through-the-filter")
    with way.through("gateway") as talk:
        talk.start_tls()
        talk.envelope("who@stranger.test", "frank@onward.test", " REQUIRETLS")
        assert talk.data(message.simple("strict-filtered")).code == 250
    way.far.wait_until_empty()
    assert not way.silent.took("frank@onward.test")


def test_a_filter_says_it_to_a_next_hop_that_promises_it(way: Way) -> None:
    with way.through("promising") as talk:
        talk.start_tls()
        talk.envelope("who@stranger.test", "gina@peer.test", " REQUIRETLS")
        assert talk.data(message.simple("promised")).code == 250
    way.promising.wait_for("gina@peer.test")
    assert any(c.startswith("MAIL FROM:<who@stranger.test>") and c.endswith(" REQUIRETLS") for c in way.promising.commands)


def test_a_filter_refuses_in_the_session_what_its_next_hop_does_not_promise(way: Way) -> None:
    with way.through("silent") as talk:
        talk.start_tls()
        talk.envelope("who@stranger.test", "hugo@peer.test", " REQUIRETLS")
        reply = talk.data(message.simple("not-promised"))
        assert (reply.code, reply.enhanced) == (554, "5.7.30")
    assert not way.silent.took("hugo@peer.test")
