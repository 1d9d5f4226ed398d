# SPDX-License-Identifier: Apache-2.0
"""Messages to send, and looking into messages that came."""

import os
import pathlib
from collections.abc import Iterable

from harness import machine
from harness.mailbox import with_crlf

CORPUS = pathlib.Path(os.environ.get("POSTERN_CORPUS", machine.REPOSITORY.parent / "shared" / "corpus" / "mail"))


def simple(text: str = "Hello.", subject: str = "Greetings", sender: str = "stranger@example.net",
           to: str = "alice@postern.test", headers: Iterable[str] = ()) -> bytes:
    lines = [
        f"From: {sender}", f"To: {to}", f"Subject: {subject}", "Date: Sun, 22 Nov 2026 08:37:42 +0100",
        "Message-ID: <20261122.1@example.net>", *headers, "", text]
    return "\r\n".join(lines).encode() + b"\r\n"


def split(message: bytes) -> tuple[bytes, bytes]:
    """Header and body. A message that begins with an empty line has no header; one without an empty line has no body."""
    if message.startswith(b"\r\n"):
        return b"", message[2:]
    header, found, body = message.partition(b"\r\n\r\n")
    return (header + b"\r\n", body) if found else (message, b"")


def fields(message: bytes, name: str) -> list[str]:
    """The values of a header field, unfolded."""
    found: list[list[str]] = []
    for line in split(message)[0].decode("utf-8", "surrogateescape").split("\r\n"):
        if line[:1] in (" ", "\t") and found:
            found[-1].append(line)
        else:
            found.append([line])
    values = ["".join(lines) for lines in found]
    start = name.lower() + ":"
    return [v[len(start):].strip() for v in values if v.lower().startswith(start)]


def field(message: bytes, name: str) -> str:
    values = fields(message, name)
    assert len(values) == 1, f"{len(values)} fields named {name}"
    return values[0]


def corpus() -> list[pathlib.Path]:
    """Every message of our own, and of the corpus where there is one."""
    own = sorted((machine.FIXTURES / "mail").glob("*.eml"))
    found = sorted(CORPUS.rglob("*.eml")) + sorted(p for p in CORPUS.rglob("sample_output*") if p.is_file())
    assert len(own) >= 10
    assert not CORPUS.exists() or len(found) > 100, f"the corpus of mail at {CORPUS} is not whole"
    return own + found


def as_sent(path: pathlib.Path) -> bytes:
    """A message of the corpus as it goes over the wire: with CRLF line ends."""
    return with_crlf(path.read_bytes())
