# SPDX-License-Identifier: Apache-2.0
"""Maildirs, read as a mail client reads them."""

import pathlib

from harness import machine


class Maildir:
    def __init__(self, path: pathlib.Path):
        self.path = path

    def files(self) -> list[pathlib.Path]:
        found = [f for sub in ("new", "cur") if (self.path / sub).is_dir() for f in (self.path / sub).iterdir()]
        return sorted(found, key=lambda f: f.name)

    def messages(self) -> list[bytes]:
        """Whole files, with CRLF line ends whatever the mailbox keeps."""
        return [with_crlf(f.read_bytes()) for f in self.files()]

    def wait(self, count: int = 1) -> list[bytes]:
        """Waits until there are at least `count` messages, and gives them all."""
        machine.eventually(lambda: len(self.files()) >= count, f"{count} message(s) in {self.path}")
        return self.messages()

    def find(self, needle: str | bytes) -> bytes:
        """Waits for the one message that holds `needle`."""
        wanted = needle.encode() if isinstance(needle, str) else needle
        machine.eventually(lambda: any(wanted in m for m in self.messages()), f"{wanted!r} in {self.path}")
        return next(m for m in self.messages() if wanted in m)

    def clear(self) -> None:
        for file in self.files():
            file.unlink()


def with_crlf(data: bytes) -> bytes:
    return data.replace(b"\r\n", b"\n").replace(b"\n", b"\r\n")
