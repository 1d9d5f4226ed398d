# SPDX-License-Identifier: Apache-2.0
"""An MX and submission server of one's own with Dovecot behind it, started from what `postern init` wrote; read over IMAP."""

import contextlib
import imaplib
import os
import pathlib
import subprocess
from collections.abc import Iterator

import pytest

from harness import machine, message, network, setup
from harness.conversation import Conversation
from harness.gateway import PASSWORD, Gateway
from harness.peers.certificates import Authority

DOVECOT = """\
base_dir = {folder}/base
state_dir = {folder}/state
log_path = {folder}/log
protocols = imap lmtp
ssl = no
disable_plaintext_auth = no
listen = 127.0.0.1
default_internal_user = dovecot
default_login_user = dovenull
first_valid_uid = 1
mail_location = maildir:{folder}/mail/%n
recipient_delimiter = +
lmtp_save_to_detail_mailbox = no
auth_mechanisms = plain
userdb {{
  driver = passwd-file
  args = username_format=%u {folder}/users
}}
passdb {{
  driver = passwd-file
  args = username_format=%u {folder}/users
}}
service imap-login {{
  inet_listener imap {{
    port = 143
  }}
  inet_listener imaps {{
    port = 0
  }}
}}
service lmtp {{
  unix_listener lmtp {{
    mode = 0660
  }}
}}
service auth {{
  unix_listener auth-client {{
    mode = 0660
  }}
}}
"""
USERS = ("alice@home.test", "bob@home.test")


class DovecotWithIMAP:
    def __init__(self, folder: pathlib.Path):
        self.folder = folder
        for name in ("base", "state", "mail"):
            (folder / name).mkdir(parents=True)
        folder.chmod(0o755)
        os.chown(folder / "mail", 65534, 65534)
        (folder / "users").write_text("".join(
            f"{u}:{{PLAIN}}{PASSWORD}:65534:65534::{folder}/mail/{u.split('@')[0]}::\n" for u in USERS))
        self.config = folder / "dovecot.conf"
        self.config.write_text(DOVECOT.format(folder=folder))

    def start(self) -> "DovecotWithIMAP":
        with (self.folder / "stderr").open("wb") as errors:
            self.process = subprocess.Popen([machine.program("dovecot"), "-F", "-c", self.config],
                                            stdout=subprocess.DEVNULL, stderr=errors)
        machine.eventually(lambda: machine.accepts(143) and (self.folder / "base/lmtp").exists(), "Dovecot's IMAP and LMTP")
        return self

    def stop(self) -> None:
        self.process.terminate()
        self.process.wait()

    def read(self, user: str, text: str) -> bytes:
        """Waits for the message that holds `text`, as a mail program would fetch it."""
        def fetched() -> bytes | None:
            with contextlib.closing(imaplib.IMAP4("127.0.0.1", 143)) as imap:
                imap.login(user, PASSWORD)
                imap.select("INBOX", readonly=True)
                for number in imap.search(None, "ALL")[1][0].split():
                    content = imap.fetch(number, "(BODY.PEEK[])")[1][0][1]
                    if text.encode() in content:
                        return content
                imap.logout()
            return None

        return machine.eventually(fetched, f"{text!r} in the INBOX of {user}")


@pytest.fixture(scope="module")
def home() -> Iterator[None]:
    with network.private():
        yield


@pytest.fixture(scope="module")
def dovecot(home: None, folder: pathlib.Path) -> Iterator[DovecotWithIMAP]:
    server = DovecotWithIMAP(folder / "dovecot").start()
    yield server
    server.stop()


@pytest.fixture(scope="module")
def report(dovecot: DovecotWithIMAP, folder: pathlib.Path, authority: Authority) -> dict:
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


def test_init_has_found_dovecot_and_chosen_it(report: dict, dovecot: DovecotWithIMAP) -> None:
    assert report["found"]["dovecot"]["delivery"] == f"{dovecot.folder}/base/lmtp"
    text = next(f["text"] for f in report["files"] if f["path"].endswith("postern.toml"))
    assert f'lmtp = "unix:{dovecot.folder}/base/lmtp"' in text and 'accept = ["home.test"]' in text
    assert any(f["path"].endswith("dovecot.txt") for f in report["files"])


def test_mail_from_a_stranger_is_read_over_imap(gateway: Gateway, dovecot: DovecotWithIMAP) -> None:
    gateway.send("s@example.net", "alice@home.test", message.simple("from a stranger to the home"))
    came = dovecot.read("alice@home.test", "from a stranger to the home")
    assert message.field(came, "Return-Path") == "<s@example.net>"


def test_who_does_not_exist_in_dovecot_is_refused_in_the_session(gateway: Gateway) -> None:
    with gateway.connect() as talk:
        talk.ehlo()
        talk.expect("MAIL FROM:<s@example.net>", 250)
        talk.expect("RCPT TO:<nobody@home.test>", 550, "5.1.1")


@pytest.mark.parametrize("role", ["submission", "submissions"])
def test_a_user_of_dovecot_signs_in_and_writes_to_another(gateway: Gateway, dovecot: DovecotWithIMAP, role: str) -> None:
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


def test_while_dovecot_is_gone_mail_waits_and_check_says_what_to_do(gateway: Gateway, dovecot: DovecotWithIMAP) -> None:
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
