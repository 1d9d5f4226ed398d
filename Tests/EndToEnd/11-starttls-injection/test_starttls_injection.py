# SPDX-License-Identifier: Apache-2.0
"""What is sent in clear stays in clear: nothing that follows STARTTLS in the clear is answered inside TLS (CVE-2011-0411)."""

import contextlib
import ssl

import pytest

from harness.conversation import Closed, Conversation
from harness.gateway import Gateway

INJECTED = [b"NOOP\r\n", b"RSET\r\n", b"EHLO injected.test\r\n", b"MAIL FROM:<injector@example.net>\r\n",
            b"EHLO injected.test\r\nMAIL FROM:<injector@example.net>\r\nRCPT TO:<alice@postern.test>\r\nDATA\r\n", b"QUIT\r\n", b"x",
            b"\r\n", b"\0", b"STARTTLS\r\n"]


@pytest.fixture(scope="module")
def gateway(make_gateway) -> Gateway:
    made = make_gateway().start()
    made.add_user("alice")
    return made


@pytest.mark.parametrize("role", ["mx", "submission"])
@pytest.mark.parametrize("injected", INJECTED, ids=lambda i: i[:20].decode("latin-1").strip() or repr(i))
def test_in_the_same_packet(gateway: Gateway, role: str, injected: bytes) -> None:
    talk = gateway.connect(role)
    talk.ehlo()
    talk.write(b"STARTTLS\r\n" + injected)
    answers = []
    with contextlib.suppress(Closed):
        while True:
            answers.append(talk.reply().code)
    assert answers in ([], [554]), "it must close, and never go on into TLS"


@pytest.mark.parametrize("injected", INJECTED[:5], ids=lambda i: i[:20].decode("latin-1").strip())
def test_in_a_packet_of_its_own(gateway: Gateway, injected: bytes) -> None:
    """Here the gateway may have said 220 already; then the bytes break the handshake. They are never answered."""
    talk = gateway.connect()
    talk.ehlo()
    talk.write(b"STARTTLS\r\n")
    with contextlib.suppress(OSError):
        talk.write(injected)
    try:
        assert talk.reply().code in (220, 554)
        talk.wrap_tls()
        talk.socket.settimeout(3)
        assert talk.socket.recv(100) == b"", "something was answered inside TLS before anything was asked there"
    except (Closed, ssl.SSLError, OSError):
        pass


def test_what_was_said_before_tls_is_forgotten(gateway: Gateway) -> None:
    talk = gateway.connect()
    talk.ehlo("before.example.net")
    talk.expect("MAIL FROM:<s@example.net>", 250)
    talk.expect("RCPT TO:<alice@postern.test>", 250)
    talk.expect("STARTTLS", 220)
    talk.wrap_tls()
    talk.expect("DATA", 503)
    talk.expect("RCPT TO:<alice@postern.test>", 503)
    talk.expect("MAIL FROM:<s@example.net>", 503)
    talk.ehlo()
    talk.expect("STARTTLS", 503)


def test_a_stripped_close_in_the_middle_of_a_chunk_ends_everything(gateway: Gateway) -> None:
    """CVE-2026-45185: TLS closed inside BDAT, and clear text behind it."""
    talk = gateway.connect()
    talk.ehlo()
    talk.start_tls()
    talk.envelope("s@example.net", "alice@postern.test")
    talk.write(b"BDAT 1000 LAST\r\nSubject: cut\r\n\r\n")
    assert isinstance(talk.socket, ssl.SSLSocket)
    plain = Conversation.__new__(Conversation)
    with contextlib.suppress(OSError):
        plain.socket = talk.socket.unwrap()
        plain.socket.sendall(b"x" * 2000 + b"\r\nNOOP\r\n")
        with contextlib.suppress(ConnectionError):
            assert plain.socket.recv(1000) == b""
    assert not gateway.maildir("alice").files()


def test_a_browser_is_sent_away(gateway: Gateway) -> None:
    """Cross-protocol attacks (ALPACA): an HTTP request that carries SMTP in its body."""
    body = b"EHLO x\r\nMAIL FROM:<s@example.net>\r\nRCPT TO:<alice@postern.test>\r\nDATA\r\nSubject: http\r\n\r\nx\r\n.\r\n"
    talk = gateway.connect()
    with contextlib.suppress(OSError):
        talk.write(b"POST / HTTP/1.1\r\nHost: mail\r\nContent-Length: %d\r\n\r\n" % len(body) + body)
    answers = []
    with contextlib.suppress(Closed):
        while True:
            answers.append(talk.reply().code)
    assert answers and answers[0] >= 400 and 354 not in answers
    assert not gateway.queue() and not gateway.maildir("alice").files()
