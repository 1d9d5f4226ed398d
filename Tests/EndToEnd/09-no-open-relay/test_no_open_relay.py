# SPDX-License-Identifier: Apache-2.0
"""Relaying for strangers is impossible, whatever form the recipient takes, and although there is a route for every domain."""

import base64
import codecs
import pathlib

import pytest

from harness import message
from harness.conversation import Closed, Conversation
from harness.gateway import Gateway
from harness.peers.nexthop import NextHop

FORMS = [line for line in (pathlib.Path(__file__).parent / "forms.txt").read_text().splitlines() if line and not line.startswith("#")]


@pytest.fixture(scope="module")
def gateway(make_gateway, nexthop: NextHop) -> Gateway:
    made = make_gateway(relay_port=nexthop.port).start()
    made.add_user("alice")
    return made


def raw(form: str) -> bytes:
    return codecs.decode(form.encode("utf-8").decode("latin-1").replace('\\"', '\\\\"'), "unicode_escape").encode("latin-1")


def refused(talk: Conversation, form: str) -> bool:
    """Whether the server refuses the recipient, and with it the message. A closed connection is a refusal too."""
    try:
        reply = talk.command(b"RCPT TO:" + raw(form))
        after = talk.command("DATA")
        if after.code == 354:
            talk.write(b"Subject: relayed\r\n\r\nrelayed\r\n.\r\n")
            talk.reply()
        return reply.code >= 400 and after.code >= 400
    except Closed:
        return True


@pytest.mark.parametrize("encrypted", [False, True], ids=["in clear", "inside TLS"])
@pytest.mark.parametrize("form", FORMS)
def test_a_stranger_cannot_send_to(gateway: Gateway, form: str, encrypted: bool) -> None:
    with gateway.connect() as talk:
        talk.ehlo()
        if encrypted:
            talk.start_tls()
        talk.expect("MAIL FROM:<s@example.net> SMTPUTF8", 250)
        assert refused(talk, form), form


@pytest.mark.parametrize("sender", ["alice@postern.test", "root@postern.test", "", "alice@gateway.postern.test", "x@localhost"])
def test_no_sender_address_makes_a_stranger_ours(gateway: Gateway, sender: str) -> None:
    with gateway.connect() as talk:
        talk.ehlo("gateway.postern.test")
        talk.expect(f"MAIL FROM:<{sender}>", 250)
        talk.expect("RCPT TO:<victim@elsewhere.test>", 550, "5.7.1")


@pytest.mark.parametrize("name, password", [("alice", "wrong"), ("nobody", "x"), ("", ""), ("alice\0", "a long password for tests")])
def test_a_failed_login_makes_nobody_ours(gateway: Gateway, name: str, password: str) -> None:
    with gateway.connect("submissions") as talk:
        talk.ehlo()
        token = base64.b64encode(f"\0{name}\0{password}".encode()).decode()
        assert talk.command(f"AUTH PLAIN {token}").code >= 500
        talk.expect("MAIL FROM:<alice@postern.test>", 530)


def test_one_good_recipient_does_not_carry_a_bad_one(gateway: Gateway) -> None:
    with gateway.connect() as talk:
        talk.ehlo()
        talk.expect("MAIL FROM:<s@example.net>", 250)
        talk.expect("RCPT TO:<alice@postern.test>", 250)
        talk.expect("RCPT TO:<victim@elsewhere.test>", 550)
        assert talk.data(message.simple("for alice alone")).code == 250
    gateway.maildir("alice").find("for alice alone")


def test_nothing_of_all_this_left(gateway: Gateway, nexthop: NextHop) -> None:
    gateway.wait_until_empty()
    assert not nexthop.received
    assert len(gateway.maildir("alice").messages()) == 1


def test_a_signed_in_user_may_relay(gateway: Gateway, nexthop: NextHop) -> None:
    """The control: the way out works, so what was refused above was refused by rule."""
    gateway.submit("alice@postern.test", "friend@elsewhere.test", message.simple("hello", sender="alice@postern.test"))
    nexthop.wait_for("friend@elsewhere.test")
