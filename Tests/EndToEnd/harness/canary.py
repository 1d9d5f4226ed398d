# SPDX-License-Identifier: Apache-2.0
"""
The canary scanner: looks for marked words in whatever bytes a gateway left behind, in clear and as base64, quoted-printable,
percent-encoding, hexadecimal and UTF-16.
"""

import base64
import os
import pathlib
import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

CLIENT = "127.77.13.9"


@dataclass(frozen=True)
class Hit:
    canary: str
    encoding: str
    place: str

    def __str__(self) -> str:
        return f"{self.canary!r} as {self.encoding} in {self.place}"


@dataclass(frozen=True)
class Canaries:
    """One set of marked words; every word is lower-case letters and digits that nothing else holds."""

    sender: str = "kestrelsender7713"
    recipient: str = "plover9recipient"
    domain: str = "heronry77.test"
    client: str = CLIENT
    helo: str = "avocet13helo.test"
    subject: str = "bittern41subject"
    body: str = "curlew88bodytext"

    def all(self) -> list[str]:
        return [self.sender, self.recipient, self.domain, self.client, self.helo, self.subject, self.body]

    def hidden_from_next_hop(self) -> list[str]:
        """What the next hop may not see of a message to a recipient with a key."""
        return [self.client, self.helo, self.subject, self.body]


ENCODINGS = ("clear", "base64", "base64 of UTF-16LE", "base64 of UTF-16BE", "quoted-printable", "percent", "hexadecimal",
             "UTF-16LE", "UTF-16BE")


def encoded(word: str, encoding: str) -> list[bytes]:
    """Every form in which `word` may stand under an encoding; base64 has three, by where the word begins."""
    plain = word.encode()
    match encoding:
        case "clear":
            return [plain]
        case "base64":
            return base64_forms(plain)
        case "base64 of UTF-16LE":
            return base64_forms(word.encode("utf-16-le"))
        case "base64 of UTF-16BE":
            return base64_forms(word.encode("utf-16-be"))
        case "quoted-printable":
            return ["".join(f"={b:02X}" for b in plain).encode()]
        case "percent":
            return ["".join(f"%{b:02X}" for b in plain).encode()]
        case "hexadecimal":
            return [plain.hex().encode()]
        case "UTF-16LE":
            return [word.encode("utf-16-le")]
        case "UTF-16BE":
            return [word.encode("utf-16-be")]
    raise ValueError(encoding)


def base64_forms(plain: bytes) -> list[bytes]:
    """The characters that do not depend on what stands before and after."""
    forms = []
    for before in range(3):
        text = base64.b64encode(b"\0" * before + plain)
        first = -(-before * 8 // 6)
        last = (before + len(plain)) * 8 // 6
        forms.append(text[first:last])
    return forms


# Base64 tells upper from lower case; the rest may come in either.
_PATTERNS: dict[tuple[str, ...], list[tuple[str, str, re.Pattern[bytes]]]] = {}


def _patterns(words: Iterable[str]) -> list[tuple[str, str, re.Pattern[bytes]]]:
    key = tuple(words)
    if key not in _PATTERNS:
        _PATTERNS[key] = [
            (word, encoding, re.compile(re.escape(form), 0 if "base64" in encoding else re.IGNORECASE))
            for word in key for encoding in ENCODINGS for form in encoded(word, encoding)]
    return _PATTERNS[key]


def scan_bytes(data: bytes, words: Iterable[str], place: str) -> list[Hit]:
    """Looks at the bytes as they are, and once more with the line breaks of base64 and quoted-printable taken out."""
    joined = re.sub(rb"=?\r?\n", b"", data)
    hits = {Hit(word, encoding, place)
            for word, encoding, pattern in _patterns(words) for text in (data, joined) if pattern.search(text)}
    return sorted(hits, key=str)


def scan_folder(folder: pathlib.Path, words: Iterable[str], leave_out: Iterable[pathlib.Path] = ()) -> list[Hit]:
    """Every file below `folder`, names included, but for what is left out."""
    words, hits = list(words), []
    for path in sorted(folder.rglob("*")):
        if any(path == out or out in path.parents for out in leave_out):
            continue
        hits += scan_bytes(str(path.relative_to(folder)).encode(), words, f"the name of {path}")
        if path.is_file():
            hits += scan_bytes(path.read_bytes(), words, str(path))
    return hits


def scan_process(pid: int, words: Iterable[str]) -> list[Hit]:
    """Command lines and environment of a process and its children, and every file they hold open, unlinked ones too."""
    words, hits = list(words), []
    for process in family(pid):
        root = pathlib.Path(f"/proc/{process}")
        for name in ("cmdline", "environ", "comm"):
            hits += scan_bytes((root / name).read_bytes().replace(b"\0", b" "), words, f"{root}/{name}")
        for place, data in open_files(process):
            hits += scan_bytes(data, words, place)
    return hits


def open_files(pid: int) -> Iterator[tuple[str, bytes]]:
    for link in pathlib.Path(f"/proc/{pid}/fd").iterdir():
        try:
            target = os.readlink(link)
            # Only regular files: reading a pipe or a terminal would take its bytes away.
            if os.path.isfile(link) and not target.startswith(("/dev/", "/proc/", "/sys/")):
                yield f"{link} -> {target}", link.read_bytes()
        except FileNotFoundError:
            continue


def unlinked_files(pid: int) -> list[str]:
    return [place for place, _ in open_files(pid) if place.endswith("(deleted)")]


def family(pid: int) -> list[int]:
    """A process and its children, their children included."""
    found = [pid]
    for process in found:
        for thread in pathlib.Path(f"/proc/{process}/task").glob("*/children"):
            found += map(int, thread.read_text().split())
    return found
