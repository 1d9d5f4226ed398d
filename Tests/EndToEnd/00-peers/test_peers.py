# SPDX-License-Identifier: Apache-2.0
"""The peers alone, without a gateway: when one of these fails, look at the machine before Postern."""

import pathlib
import smtplib
from collections.abc import Iterator

import pytest

from harness import message
from harness.conversation import Conversation
from harness.gateway import PASSWORD
from harness.peers.certificates import Authority
from harness.peers.dovecot import Dovecot
from harness.peers.nexthop import NextHop
from harness.peers.postfix import Postfix, Sink, smtp_source
from harness.peers.swaks import delivers


@pytest.fixture(scope="module")
def postfix(folder: pathlib.Path, authority: Authority) -> Iterator[Postfix]:
    server = Postfix(folder / "postfix", ["peer.test"], authority.issue("postfix", "localhost", "127.0.0.1")).start()
    yield server
    server.stop()


@pytest.fixture(scope="module")
def dovecot(folder: pathlib.Path) -> Iterator[Dovecot]:
    server = Dovecot(folder / "dovecot", {"carol@peer.test": PASSWORD}, "lmtp", "imap").start()
    yield server
    server.stop()


def test_postfix_takes_a_message_by_starttls_from_swaks(postfix: Postfix) -> None:
    delivers("--server", f"127.0.0.1:{postfix.port}", "--tls", "--from", "a@b.test", "--to", "x@peer.test", "--body", "by swaks")
    assert b"using TLS" in postfix.maildir().find("by swaks")


def test_postfix_takes_a_message_from_smtplib(postfix: Postfix) -> None:
    with smtplib.SMTP("127.0.0.1", postfix.port) as client:
        client.sendmail("a@b.test", ["y@peer.test"], message.simple("by smtplib"))
    postfix.maildir().find("by smtplib")


def test_smtp_source_fills_smtp_sink(folder: pathlib.Path) -> None:
    with Sink(folder / "sink") as sink:
        smtp_source(sink.port, "a@b.test", "c@d.test", count=20, sessions=4)
    assert len(sink.messages()) == 20


def test_dovecot_takes_a_message_by_lmtp(dovecot: Dovecot) -> None:
    with Conversation(dovecot.lmtp_port, lmtp=True) as talk:
        talk.reply()
        talk.ehlo()
        talk.envelope("a@b.test", "carol@peer.test")
        assert talk.data(message.simple("by lmtp")).code == 250
    dovecot.maildir("carol").find("by lmtp")
    assert dovecot.read("carol@peer.test", "by lmtp")


def test_dovecot_takes_a_message_by_its_unix_socket(dovecot: Dovecot) -> None:
    delivers("--protocol", "LMTP", "--socket", str(dovecot.lmtp), "--from", "a@b.test", "--to", "carol@peer.test",
             "--body", "by socket")
    dovecot.maildir("carol").find("by socket")


@pytest.mark.parametrize("by", ["data", "bdat"])
def test_the_next_hop_keeps_every_byte(authority: Authority, by: str) -> None:
    hop = NextHop(certificate=authority.issue("hop", "localhost")).start()
    content = message.simple("..dots\r\n.\r\n.x\r\n" + "long " * 400)
    with Conversation(hop.port) as talk:
        talk.reply()
        talk.ehlo()
        talk.start_tls()
        talk.envelope("a@b.test", "c@d.test")
        assert getattr(talk, by)(content).code == 250
    hop.stop()
    assert hop.received[0].content == content and hop.received[0].tls and hop.received[0].recipient == "c@d.test"


def test_the_next_hop_answers_as_told() -> None:
    hop = NextHop(answer=lambda verb, line: "450 4.2.0 later" if verb == "RCPT" and "busy" in line else None).start()
    with Conversation(hop.port) as talk:
        talk.reply()
        talk.ehlo()
        talk.expect("MAIL FROM:<>", 250)
        talk.expect("RCPT TO:<busy@d.test>", 450)
        talk.expect("RCPT TO:<c@d.test>", 250)
    hop.stop()
