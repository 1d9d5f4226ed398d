# SPDX-License-Identifier: Apache-2.0
"""Forwards to the outside: whole bytes with a return path of ours, bounces that find their way back, and nothing for strangers beside."""

import re
from collections.abc import Iterator

import pytest

from harness import machine, message, openpgp
from harness.gateway import Gateway
from harness.openpgp import GnuPG
from harness.peers.nexthop import NextHop
from harness.peers.postfix import Postfix

SENDER = "renee@bank.example.net"
LONG = "bounce-2026-11-22-0123456789abcdef-0123456789abcdef-0123456789ab@news.example.net"
DAY = 86400


@pytest.fixture(scope="module")
def outside() -> Iterator[Postfix]:
    """A Postfix elsewhere that takes all mail, and only then finds out that a mailbox is gone: its bounces go to the return path's MX."""
    with machine.folder("out") as folder:
        yield Postfix(folder, ["outside.test"], mailboxes={"dave@outside.test": "dave"})


@pytest.fixture(scope="module")
def gateway(make_gateway, nexthop: NextHop, outside: Postfix) -> Iterator[Gateway]:
    made = make_gateway(relay_port=nexthop.port, outside_port=outside.port).start()
    with (outside.config / "main.cf").open("a") as settings:
        settings.write(f"relayhost = [127.0.0.1]:{made.ports['mx']}\nsmtpd_reject_unlisted_recipient = no\n")
    outside.start()
    made.add_user("alice")
    made.add_alias("out@postern.test", "dave@elsewhere.test")
    made.add_alias("both@postern.test", "alice@postern.test", "dave@elsewhere.test")
    made.add_alias("gone@postern.test", "gone@outside.test")
    made.add_alias("real@postern.test", "dave@outside.test")
    made.add_alias("strict@postern.test", "dora@required.test", "alice@postern.test")
    yield made
    outside.stop()


def forwarded(gateway: Gateway, nexthop: NextHop, sender: str, content: bytes, alias: str = "out@postern.test"):
    count = len(nexthop.received)
    gateway.send(sender, alias, content)
    return next(m for m in nexthop.wait(count + 1)[count:] if m.recipient == "dave@elsewhere.test")


def test_the_bytes_stay_whole_and_the_return_path_is_ours(gateway: Gateway, nexthop: NextHop) -> None:
    content = message.simple("caf\u00e9 \u2014 as it was", sender=SENDER, headers=["User-Agent: kept, because it is a stranger's", "Postern-Receipt: yes"])
    came = forwarded(gateway, nexthop, SENDER, content)
    assert came.content.endswith(content)
    assert re.fullmatch(r"SRS0=[a-z2-7]{8}=[a-z2-7]{2}=bank\.example\.net=renee@postern\.test", came.sender)
    added = came.content[: -len(content)]
    assert [line.split(b":")[0] for line in added.split(b"\r\n") if line and line[:1] != b"\t"] == [b"Postern-Forwarded", b"Received"]
    assert b"out@" not in added and b"dave" not in came.content


def test_the_mailbox_beside_a_forward_keeps_the_senders_own_path(gateway: Gateway, nexthop: NextHop) -> None:
    forwarded(gateway, nexthop, SENDER, message.simple("for both", sender=SENDER), "both@postern.test")
    here = gateway.maildir("alice").find("for both")
    assert message.field(here, "Return-Path") == f"<{SENDER}>" and not message.fields(here, "Postern-Forwarded")


def test_the_null_path_and_our_own_senders_stay(gateway: Gateway, nexthop: NextHop) -> None:
    assert forwarded(gateway, nexthop, "", message.simple("a bounce")).sender == ""
    count = len(nexthop.received)
    gateway.submit("alice@postern.test", "out@postern.test", message.simple("ours", sender="alice@postern.test"))
    assert nexthop.wait(count + 1)[count].sender == "alice@postern.test"


@pytest.mark.parametrize("sender", [SENDER, LONG, "SRS0=abcd=4E=far.example.net=carol@relay.example.net"])
def test_what_comes_back_reaches_the_sender(gateway: Gateway, nexthop: NextHop, sender: str) -> None:
    path = forwarded(gateway, nexthop, sender, message.simple("out and back", sender=SENDER)).sender
    assert path.endswith("@postern.test") and len(path.split("@")[0]) <= 64
    # Also after a restart, and when a server on the way folds capitals.
    if sender == LONG:
        gateway.restart()
    count = len(nexthop.received)
    gateway.send("", path.lower(), message.simple("returned", sender="MAILER-DAEMON@elsewhere.test"))
    back = nexthop.wait(count + 1)[count]
    assert (back.sender, back.recipient.lower()) == ("", sender.lower()) and b"returned" in back.content


def test_an_answer_by_somebody_gets_a_return_path_of_ours_too(gateway: Gateway, nexthop: NextHop) -> None:
    path = forwarded(gateway, nexthop, SENDER, message.simple("to answer", sender=SENDER)).sender
    count = len(nexthop.received)
    gateway.send("vacation@elsewhere.test", path, message.simple("I am away"))
    back = nexthop.wait(count + 1)[count]
    assert back.recipient == SENDER and "=elsewhere.test=vacation@postern.test" in back.sender


def test_a_wrong_or_old_return_path_is_refused(gateway: Gateway, nexthop: NextHop) -> None:
    path = forwarded(gateway, nexthop, SENDER, message.simple("forgery", sender=SENDER)).sender
    wrong = [path.replace("renee", "victim"), path.replace("bank.example.net", "bank.example.org"), "SRS0=aaaaaaaa=aa=x.example.net=y@postern.test",
             "SRS1=aaaaaaaaaa=x.example.net==aaaa=aa=y.example.net=z@postern.test", path.replace("@postern.test", "@second.test"), "SRS0=x@postern.test"]
    with gateway.connect() as talk:
        talk.ehlo()
        talk.expect("MAIL FROM:<>", 250)
        for recipient in wrong:
            talk.expect(f"RCPT TO:<{recipient}>", 550, "5.7.1")
        talk.expect(f"RCPT TO:<{path}>", 250)
    gateway.clock.advance(22 * DAY)
    with gateway.connect() as talk:
        talk.ehlo()
        talk.expect("MAIL FROM:<>", 250)
        talk.expect(f"RCPT TO:<{path}>", 550, "5.7.1")


def test_strangers_get_no_further_by_it(gateway: Gateway) -> None:
    with gateway.connect() as talk:
        talk.ehlo()
        talk.expect(f"MAIL FROM:<{SENDER}>", 250)
        for recipient in ("dave@elsewhere.test", "dave@outside.test", "SRS0=a=b=c.test=d@elsewhere.test"):
            talk.expect(f"RCPT TO:<{recipient}>", 550, "5.7.1")


def test_a_target_whose_protection_cannot_be_met_is_refused_in_the_session(gateway: Gateway) -> None:
    with gateway.connect() as talk:
        talk.ehlo()
        talk.expect(f"MAIL FROM:<{SENDER}>", 250)
        talk.expect("RCPT TO:<strict@postern.test>", 550, "5.7.1")


def test_a_forward_that_comes_back_ends(gateway: Gateway, nexthop: NextHop) -> None:
    came = forwarded(gateway, nexthop, SENDER, message.simple("round and round", sender=SENDER))
    with gateway.connect() as talk:
        talk.ehlo()
        talk.envelope(came.sender, "out@postern.test")
        reply = talk.data(came.content)
        assert (reply.code, reply.enhanced) == (554, "5.4.6")
    # It may still come into the sender's mailbox here.
    gateway.send(came.sender, "alice@postern.test", came.content)
    gateway.maildir("alice").find("round and round")


def test_a_postfix_takes_it_and_its_bounce_comes_back(gateway: Gateway, nexthop: NextHop, outside: Postfix) -> None:
    gateway.send(SENDER, "real@postern.test", message.simple("for a real server", sender=SENDER))
    there = outside.maildir("dave").find("for a real server")
    assert re.match(r"<SRS0=.*=bank\.example\.net=renee@postern\.test>", message.field(there, "Return-Path"))
    gateway.send(SENDER, "gone@postern.test", message.simple("for nobody there", sender=SENDER))

    def report() -> bytes | None:
        return next((m.content for m in nexthop.received if f"<{SENDER}>" in "".join(m.recipients) and b"unknown user" in m.content), None)

    assert b"multipart/report" in machine.eventually(report, "Postfix's bounce at the sender")


def test_our_own_report_names_nothing_behind_the_alias(gateway: Gateway, nexthop: NextHop) -> None:
    usual = nexthop.answer
    nexthop.answer = lambda verb, line: "550 5.1.1 dave@elsewhere.test is gone" if verb == "RCPT" and "dave@" in line else usual(verb, line)
    try:
        gateway.send(SENDER, "out@postern.test", message.simple("refused there", sender=SENDER))
        report = machine.eventually(
            lambda: next((m for m in nexthop.received if f"<{SENDER}>" in "".join(m.recipients) and b"Undelivered" in m.content
                          and b"out@postern.test" in m.content), None), "a report")
    finally:
        nexthop.answer = usual
    assert report.sender == "" and b"<out@postern.test>" in report.content
    assert b"dave" not in report.content and b"elsewhere" not in report.content


def test_a_keyed_target_gets_it_encrypted(gateway: Gateway, nexthop: NextHop) -> None:
    """Our own users' mail is ours to alter; strangers' is in the next case."""
    with machine.folder("gpg") as folder:
        ring = GnuPG(folder / "home").import_kinds(["cv25519"])
        try:
            gateway.import_key(ring.export("cv25519@keys.test"))
            gateway.add_alias("keyed@postern.test", "cv25519@keys.test")
            content = message.simple("from one of us", sender="alice@postern.test")
            gateway.submit("alice@postern.test", "keyed@postern.test", content)
            came = nexthop.wait_for("cv25519@keys.test")
            assert came.sender == "alice@postern.test" and message.field(came.content, "From") == "alice@postern.test"
            opened = ring.decrypt(openpgp.armored_part(came.content))
            assert openpgp.inner_body(opened) == b"from one of us\r\n" and b"Postern-Forwarded" not in opened
        finally:
            ring.close()
