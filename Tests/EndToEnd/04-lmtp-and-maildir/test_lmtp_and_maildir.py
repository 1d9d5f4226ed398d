# SPDX-License-Identifier: Apache-2.0
"""Mail goes into Maildirs of our own, and to Dovecot by LMTP over TCP and over a unix socket."""

import pathlib
from collections.abc import Iterator

import pytest

from harness import machine, message
from harness.gateway import PASSWORD, Gateway
from harness.peers.dovecot import Dovecot


@pytest.fixture(scope="module")
def dovecot(folder: pathlib.Path) -> Iterator[Dovecot]:
    server = Dovecot(folder / "dovecot", {"carol@tcp.test": PASSWORD, "dave@socket.test": PASSWORD}, "lmtp").start()
    yield server
    server.stop()


@pytest.fixture(scope="module")
def gateway(make_gateway, dovecot: Dovecot) -> Gateway:
    made = make_gateway(lmtp_port=dovecot.lmtp_port, lmtp_socket=dovecot.lmtp).start()
    made.add_user("alice", "alice@postern.test", "a.liddell@postern.test")
    made.add_user("bob")
    made.add_alias("team@postern.test", "alice@postern.test", "bob@postern.test")
    made.add_alias("away@postern.test", "dave@socket.test")
    return made


def send(gateway: Gateway, recipient: str | list[str], text: str) -> None:
    gateway.send("s@example.net", recipient, message.simple(text))


def test_dovecot_receives_over_tcp(gateway: Gateway, dovecot: Dovecot) -> None:
    send(gateway, "carol@tcp.test", "by TCP")
    came = dovecot.maildir("carol").find("by TCP")
    assert message.field(came, "Return-Path") == "<s@example.net>"


def test_dovecot_receives_over_its_unix_socket(gateway: Gateway, dovecot: Dovecot) -> None:
    send(gateway, "dave@socket.test", "by socket")
    dovecot.maildir("dave").find("by socket")


def test_a_recipient_that_dovecot_does_not_know_is_refused_in_the_session(gateway: Gateway) -> None:
    with gateway.connect() as talk:
        talk.ehlo()
        talk.expect("MAIL FROM:<s@example.net>", 250)
        talk.expect("RCPT TO:<nobody@socket.test>", 550, "5.1.1")
        talk.expect("RCPT TO:<nobody@tcp.test>", 550, "5.1.1")
        talk.expect("RCPT TO:<dave@socket.test>", 250)


@pytest.mark.parametrize("recipient", [
    "alice@postern.test", "ALICE@Postern.TEST", "alice@postern.test.", "a.liddell@postern.test", "alice+news@postern.test",
    "a.liddell+x+y@postern.test", '"alice"@postern.test'])
def test_a_users_addresses_lead_to_the_users_maildir(gateway: Gateway, recipient: str) -> None:
    text = f"to {recipient.encode().hex()}"
    send(gateway, recipient, text)
    gateway.maildir("alice").find(text)


def test_an_alias_reaches_all_behind_it(gateway: Gateway) -> None:
    send(gateway, "team@postern.test", "for the team")
    gateway.maildir("alice").find("for the team")
    gateway.maildir("bob").find("for the team")


def test_an_alias_may_lead_to_another_route(gateway: Gateway, dovecot: Dovecot) -> None:
    send(gateway, "away@postern.test", "for one who is away")
    dovecot.maildir("dave").find("for one who is away")


def test_postmaster_is_always_taken(gateway: Gateway) -> None:
    gateway.add_alias("postmaster@postern.test", "alice@postern.test")
    with gateway.connect() as talk:
        talk.ehlo()
        talk.expect("MAIL FROM:<s@example.net>", 250)
        talk.expect("RCPT TO:<Postmaster>", 250)
        assert talk.data(message.simple("for the postmaster")).code == 250
    gateway.maildir("alice").find("for the postmaster")


def test_a_maildir_is_readable_by_its_owner_only_and_its_files_are_whole(gateway: Gateway) -> None:
    send(gateway, "bob@postern.test", "look at my modes")
    gateway.maildir("bob").find("look at my modes")
    for file in gateway.maildir("bob").files():
        assert file.stat().st_mode & 0o077 == 0, oct(file.stat().st_mode)
    assert not list((gateway.data / "mail" / "bob" / "tmp").iterdir())


def test_a_removed_user_gets_no_mail_and_keeps_the_mailbox(gateway: Gateway) -> None:
    gateway.add_user("zoe")
    send(gateway, "zoe@postern.test", "before")
    gateway.maildir("zoe").find("before")
    gateway.cli("user", "remove", "zoe")
    with gateway.connect() as talk:
        talk.ehlo()
        talk.expect("MAIL FROM:<s@example.net>", 250)
        talk.expect("RCPT TO:<zoe@postern.test>", 550, "5.1.1")
    assert gateway.maildir("zoe").files()


def test_dovecot_down_means_later_and_not_never(gateway: Gateway, dovecot: Dovecot) -> None:
    dovecot.stop()
    identifier = gateway.send("s@example.net", "carol@tcp.test", message.simple("patience"))
    machine.eventually(lambda: gateway.trace(identifier)[0]["attempts"] >= 1, "a first try")
    dovecot.start()
    gateway.clock.advance(600)
    dovecot.maildir("carol").find("patience")
