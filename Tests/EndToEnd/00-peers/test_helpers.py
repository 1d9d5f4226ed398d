# SPDX-License-Identifier: Apache-2.0
"""The tests' own tools: how they take messages apart, and how they play dialogues."""

import types
from typing import Any

import pytest

from harness import machine, message, openpgp
from harness.conversation import stuffed
from harness.dialogue import Dialogue
from harness.mailbox import with_crlf
from harness.openpgp import GnuPG
from harness.peers.nexthop import NextHop
from harness.smuggling import all_variants


@pytest.mark.parametrize("whole, header, body", [
    (b"A: 1\r\n\r\nx\r\n", b"A: 1\r\n", b"x\r\n"), (b"\r\nx", b"", b"x"), (b"A: 1\r\n", b"A: 1\r\n", b""), (b"A: 1\r\n\r\n", b"A: 1\r\n", b""),
    (b"", b"", b""), (b"From x\r\nA: 1\r\n\r\n\r\ny", b"From x\r\nA: 1\r\n", b"\r\ny")])
def test_a_message_is_split_at_its_first_empty_line(whole: bytes, header: bytes, body: bytes) -> None:
    assert message.split(whole) == (header, body)


def test_fields_are_unfolded() -> None:
    mail = b"a: 1\r\nB: two\r\n and more\r\na:3\r\n\r\nB: not a field\r\n"
    assert message.fields(mail, "A") == ["1", "3"] and message.field(mail, "b") == "two and more"


def test_dots_are_stuffed_and_a_last_line_completed() -> None:
    assert stuffed(b".a\r\nb\r\n..") == b"..a\r\nb\r\n...\r\n.\r\n" and stuffed(b"") == b".\r\n"


def test_the_corpus_is_there_and_holds_no_bare_line_ends() -> None:
    for path in message.corpus():
        assert b"\n" not in message.as_sent(path).replace(b"\r\n", b"") and b"\r" not in message.as_sent(path).replace(b"\r\n", b"")


def test_a_pgp_mime_message_is_opened() -> None:
    """As the round trip does it, on a message that gpg and this test made."""
    original = message.simple("grün\r\n.\r\n--b--\r\n-----BEGIN PGP MESSAGE-----", headers=["Content-Type: text/plain; charset=utf-8"])
    inner = b"Content-Type: text/plain; charset=utf-8\r\n\r\n" + message.split(original)[1]
    with machine.folder("gpg") as path:
        ring = GnuPG(path / "home").import_kinds(["cv25519"])
        armor = with_crlf(ring.run("--armor", "--trust-model", "always", "--encrypt", "-r", "cv25519@keys.test", stdin=inner))
        mail = (b'Subject: [...]\r\nContent-Type: multipart/encrypted; protocol="application/pgp-encrypted"; boundary="b"\r\n\r\n--b\r\n'
                b"Content-Type: application/pgp-encrypted\r\n\r\nVersion: 1\r\n\r\n--b\r\nContent-Type: application/octet-stream\r\n\r\n"
                + armor + b"\r\n--b--\r\n")
        opened = ring.decrypt(openpgp.armored_part(mail))
        ring.close()
    assert openpgp.is_encrypted(mail) and not openpgp.is_encrypted(original)
    assert openpgp.inner_body(opened) == message.split(original)[1]


def play(text: str, answer: Any = lambda verb, line: None) -> None:
    hop = NextHop(answer=answer).start()
    Dialogue(types.SimpleNamespace(ports={"mx": hop.port}), text).play()  # type: ignore[arg-type]
    hop.stop()


GOOD = "connect mx\nS: 220\nC: EHLO x\nS: 250\nS+ SIZE\nS- AUTH\nC\\ NOOP\\r\\nQUIT\\r\\n\nS: 250\nS: 221\nS: closed\n"


def test_a_dialogue_that_goes_as_written() -> None:
    play(GOOD)


@pytest.mark.parametrize("before, after", [("S: 250", "S: 251"), ("S+ SIZE", "S+ AUTH"), ("S- AUTH", "S- DSN"), ("S: 221", "S: closed")])
def test_a_dialogue_that_goes_otherwise_fails(before: str, after: str) -> None:
    with pytest.raises(AssertionError, match="dialogue:"):
        play(GOOD.replace(before, after, 1))


def test_there_are_more_than_a_hundred_ways_to_smuggle() -> None:
    variants = all_variants()
    assert len({v.bytes for v in variants}) == len(variants) and 5 * len(variants) >= 250
    assert {v.is_bare for v in variants} == {True, False}
