# SPDX-License-Identifier: Apache-2.0
"""Mail goes on to Postfix with STARTTLS, and to smtp-sink, which speaks neither TLS nor extensions."""

import pathlib
from collections.abc import Iterator

import pytest

from harness import machine, message
from harness.gateway import Gateway
from harness.peers.certificates import Authority
from harness.peers.nexthop import NextHop
from harness.peers.postfix import Postfix, Sink, smtp_source


@pytest.fixture(scope="module")
def postfix(folder: pathlib.Path, authority: Authority) -> Iterator[Postfix]:
    server = Postfix(folder / "postfix", ["peer.test"], authority.issue("postfix", "localhost", "127.0.0.1")).start()
    yield server
    server.stop()


@pytest.fixture(scope="module")
def to_postfix(make_gateway, postfix: Postfix) -> Gateway:
    return make_gateway(relay_port=postfix.port, relay_tls="opportunistic").start()


def test_postfix_receives_over_tls(to_postfix: Gateway, postfix: Postfix) -> None:
    to_postfix.send("s@example.net", "x@peer.test", message.simple("over TLS to Postfix"))
    came = postfix.maildir().find("over TLS to Postfix")
    assert b"using TLSv1.3" in came
    assert message.field(came, "Return-Path") == "<s@example.net>"


def test_postfix_receives_everything_that_smtp_source_sends(to_postfix: Gateway, postfix: Postfix) -> None:
    postfix.maildir().clear()
    smtp_source(to_postfix.ports["mx"], "s@example.net", "y@peer.test", count=200, sessions=10)
    assert len(postfix.maildir().wait(200)) == 200
    to_postfix.wait_until_empty()


def test_the_null_sender_stays_null(to_postfix: Gateway, postfix: Postfix) -> None:
    to_postfix.send("", "x@peer.test", message.simple("from nobody"))
    assert message.field(postfix.maildir().find("from nobody"), "Return-Path") == "<>"


def test_a_message_with_a_dot_on_its_line_arrives_whole(to_postfix: Gateway, postfix: Postfix) -> None:
    text = "dots follow\r\n.\r\n..\r\n.x\r\n...\r\nend of dots"
    to_postfix.send("s@example.net", "x@peer.test", message.simple(text))
    assert message.split(postfix.maildir().find("end of dots"))[1] == text.encode() + b"\r\n"


def test_an_unverifiable_certificate_is_not_enough_where_verify_is_asked_for(make_own_gateway, postfix: Postfix) -> None:
    gateway = make_own_gateway(relay_port=postfix.port, relay_tls="verify").start()
    identifier = gateway.send("s@example.net", "x@peer.test", message.simple("must not arrive"))
    copy = gateway.wait_for_state(identifier, "ready")
    machine.eventually(lambda: gateway.trace(identifier)[0]["attempts"] >= 1, "a first try")
    assert copy["id"] == identifier
    assert not any(b"must not arrive" in m for m in postfix.maildir().messages())


def test_smtp_sink_receives(make_own_gateway, folder: pathlib.Path) -> None:
    # -8 and -e: no 8BITMIME and no EHLO at all, the plainest of servers.
    with Sink(folder / "sink", "-8", "-e") as sink:
        gateway = make_own_gateway(relay_port=sink.port, relay_tls="opportunistic").start()
        smtp_source(gateway.ports["mx"], "s@example.net", "x@peer.test", count=100, sessions=10)
        gateway.wait_until_empty()
    assert len(sink.messages()) == 100


CANNOT_TAKE = [
    ("an 8-bit body", ("PIPELINING", "ENHANCEDSTATUSCODES"), message.simple("grün"), "x@peer.test", "5.6.3"),
    ("a message over its SIZE", ("SIZE 5000", "8BITMIME"), message.simple("long " * 2000), "x@peer.test", "5.3.4"),
    ("a UTF-8 header", ("8BITMIME",), message.simple("plain", subject="grün"), "x@peer.test", "5.6.9"),
]


@pytest.mark.parametrize("what, extensions, content, recipient, status", CANNOT_TAKE, ids=[c[0] for c in CANNOT_TAKE])
def test_what_the_next_hop_cannot_take_goes_back_and_is_not_converted(
        make_own_gateway, what: str, extensions: tuple[str, ...], content: bytes, recipient: str, status: str) -> None:
    hop = NextHop(extensions=extensions).start()
    gateway = make_own_gateway(relay_port=hop.port, relay_tls="opportunistic").start()
    with gateway.connect() as talk:
        talk.ehlo()
        utf8 = " SMTPUTF8" if status == "5.6.9" else ""
        talk.envelope("y@peer.test", recipient, f" BODY=8BITMIME{utf8}")
        assert talk.data(content).code == 250
    report = hop.wait()[0]
    assert report.sender == "" and report.recipient == "y@peer.test"
    assert f"Status: {status}".encode() in report.content
    assert not any(m.sender == "y@peer.test" for m in hop.received)
    hop.stop()


def test_one_connection_carries_many_messages(make_own_gateway) -> None:
    hop = NextHop().start()
    gateway = make_own_gateway(relay_port=hop.port, relay_tls="opportunistic").start()
    for number in range(40):
        gateway.send("s@example.net", "x@peer.test", message.simple(f"number {number}"))
    hop.wait(40)
    greetings = sum(1 for c in hop.commands if c.upper().startswith("EHLO"))
    hop.stop()
    assert greetings < 40, "a connection of its own for every message"


def test_bytes_after_the_220_to_starttls_are_not_believed(make_own_gateway, authority: Authority) -> None:
    """Response injection (CVE-2021-38371): the reply to EHLO, smuggled in before TLS."""
    injected = "220 2.0.0 go\r\n250-nexthop.test\r\n250 AUTH PLAIN"
    hop = NextHop(certificate=authority.issue("hop", "localhost"),
                  answer=lambda verb, line: injected if verb == "STARTTLS" else None).start()
    gateway = make_own_gateway(relay_port=hop.port, relay_tls="opportunistic").start()
    identifier = gateway.send("s@example.net", "x@peer.test", message.simple("injected"))
    machine.eventually(lambda: gateway.trace(identifier)[0]["attempts"] >= 1, "a first try")
    hop.stop()
    assert not hop.received
