# SPDX-License-Identifier: Apache-2.0
"""An MX and submission server of one's own with Dovecot behind it, started from what `postern init` wrote; read over IMAP."""

import pathlib
from collections.abc import Iterator

import pytest

from harness import machine, message, setup
from harness.conversation import Conversation
from harness.gateway import PASSWORD, Gateway
from harness.peers.certificates import Authority
from harness.peers.dovecot import Dovecot

USERS = {"alice@home.test": PASSWORD, "bob@home.test": PASSWORD}


@pytest.fixture(scope="module")
def dovecot(home: None, folder: pathlib.Path) -> Iterator[Dovecot]:
    server = Dovecot(folder / "dovecot", USERS, "lmtp", "imap", "auth").start()
    yield server
    server.stop()


@pytest.fixture(scope="module")
def report(dovecot: Dovecot, folder: pathlib.Path, authority: Authority) -> dict:
    own = authority.issue("home", "mail.home.test", "localhost")
    # What `doveconf` reads is this home's Dovecot.
    return setup.written(
        folder / "postern", "--for", "mx", "--level", "1", "--hostname", "mail.home.test",
        "--certificate", own.certificate, "--key", own.key, instead={"/etc/dovecot/dovecot.conf": dovecot.config})


@pytest.fixture(scope="module")
def gateway(report: dict, folder: pathlib.Path) -> Iterator[Gateway]:
    made = setup.gateway(folder / "postern").start()
    yield made
    made.end()


def test_init_has_found_dovecot_and_chosen_it(report: dict, dovecot: Dovecot) -> None:
    assert report["found"]["dovecot"]["delivery"] == str(dovecot.lmtp)
    text = next(f["text"] for f in report["files"] if f["path"].endswith("postern.toml"))
    assert f'lmtp = "unix:{dovecot.lmtp}"' in text and 'accept = ["home.test"]' in text
    assert any(f["path"].endswith("dovecot.txt") for f in report["files"])


def test_mail_from_a_stranger_is_read_over_imap(gateway: Gateway, dovecot: Dovecot) -> None:
    gateway.send("s@example.net", "alice@home.test", message.simple("from a stranger to the home"))
    came = dovecot.read("alice@home.test", "from a stranger to the home")
    assert message.field(came, "Return-Path") == "<s@example.net>"


def test_who_does_not_exist_in_dovecot_is_refused_in_the_session(gateway: Gateway) -> None:
    with gateway.connect() as talk:
        talk.ehlo()
        talk.expect("MAIL FROM:<s@example.net>", 250)
        talk.expect("RCPT TO:<nobody@home.test>", 550, "5.1.1")


@pytest.mark.parametrize("role", ["submission", "submissions"])
def test_a_user_of_dovecot_signs_in_and_writes_to_another(gateway: Gateway, dovecot: Dovecot, role: str) -> None:
    talk: Conversation = gateway.connect(role)
    with talk:
        talk.ehlo()
        if role == "submission":
            talk.start_tls()
        talk.login("alice@home.test", PASSWORD)
        talk.send_mail("alice@home.test", "bob@home.test", message.simple(f"by {role}.", sender="alice@home.test"))
    dovecot.read("bob@home.test", f"by {role}.")


def test_check_finds_no_fault_while_the_gateway_runs(gateway: Gateway) -> None:
    """Names can't be looked up in a network without name servers: that is unknown, and no fault."""
    trials = setup.trials(gateway)
    assert not [t for t in trials if t["state"] == "fault"], trials
    assert any(t["what"] == "port" and "running gateway" in t["detail"] for t in trials)
    assert any(t["what"] == "next hop" and t["state"] == "ok" for t in trials)
    assert any(t["what"] == "dns" and t["state"] == "unknown" for t in trials)
    assert any(t["what"] == "sign-in" and t["state"] == "ok" for t in trials)


def test_while_dovecot_is_gone_mail_waits_and_check_says_what_to_do(gateway: Gateway, dovecot: Dovecot) -> None:
    # That alice exists is remembered for a while, so that her mail is taken.
    gateway.send("s@example.net", "alice@home.test", message.simple("before it went away"))
    dovecot.read("alice@home.test", "before it went away")
    dovecot.stop()
    try:
        faults = setup.faults(gateway)
        assert {t["what"] for t in faults} == {"next hop", "sign-in"} and all(t["remedy"] for t in faults)
        identifier = gateway.send("s@example.net", "alice@home.test", message.simple("while it is away"))
        machine.eventually(lambda: gateway.trace(identifier)[0]["attempts"] >= 1, "a first try")
    finally:
        dovecot.start()
    gateway.clock.advance(3600)
    dovecot.read("alice@home.test", "while it is away")
