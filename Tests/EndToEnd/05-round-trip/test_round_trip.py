# SPDX-License-Identifier: Apache-2.0
"""
Every message of the corpus, encrypted to every kind of key, and read again by gpg, sq and rnp: the inner body is the original's, byte
for byte. One message goes to all keys in one transaction and leaves as one ciphertext each.
"""

import json
import pathlib
import re
from collections.abc import Iterator
from dataclasses import dataclass

import pytest

from harness import machine, message, openpgp
from harness.gateway import Gateway
from harness.openpgp import KINDS, GnuPG, RNP
from harness.peers.nexthop import NextHop

# sq and rnp are a process for each file: a few messages of every sort are enough for them.
SAMPLE = ("html-and-attachment.eml", "raw-utf8.eml", "attachment_pdf.eml", "utf8_headers.eml", "raw_email_with_nested_attachment.eml", "japanese_shift_jis.eml", "missing_body.eml")


@dataclass
class Journey:
    path: pathlib.Path
    original: bytes
    arrived: dict[str, bytes]

    @property
    def name(self) -> str:
        return self.path.name


@dataclass
class Travelled:
    journeys: list[Journey]
    folder: pathlib.Path

    def file(self, number: int, kind: str) -> pathlib.Path:
        return self.folder / f"{number:03}.{kind}.asc"

    def opened(self, number: int, kind: str) -> bytes:
        return (self.folder / f"{number:03}.{kind}").read_bytes()


@pytest.fixture(scope="module")
def gateway(make_gateway, nexthop: NextHop) -> Gateway:
    made = make_gateway(relay_port=nexthop.port, recipients=json.dumps([openpgp.address(kind) for kind in KINDS])).start()
    made.import_keys(*(openpgp.public_key(kind) for kind in KINDS))
    return made


@pytest.fixture(scope="module")
def travelled(gateway: Gateway, nexthop: NextHop, folder: pathlib.Path) -> Iterator[Travelled]:
    """The whole corpus, sent through and decrypted by gpg."""
    journeys = []
    for number, path in enumerate(message.corpus()):
        original = message.as_sent(path)
        before = len(nexthop.received)
        # DATA would complete the last line; a message without its CRLF goes by BDAT, which keeps it as it is.
        with gateway.connect() as talk:
            talk.ehlo()
            talk.envelope(f"m{number}@example.net", [openpgp.address(kind) for kind in KINDS], " BODY=8BITMIME")
            reply = talk.data(original) if original.endswith(b"\r\n") else talk.bdat(original)
            assert reply.code == 250, f"{path}: {reply}"
        came = nexthop.wait(before + len(KINDS))[before:]
        journeys.append(Journey(path, original, {m.recipient.split("@")[0]: m.content for m in came}))
    work = folder / "opened"
    work.mkdir()
    result = Travelled(journeys, work)
    for number, journey in enumerate(journeys):
        for kind, mail in journey.arrived.items():
            result.file(number, kind).write_bytes(openpgp.armored_part(mail))
    with machine.folder("gpg") as home:
        gnupg = GnuPG(home / "home").import_kinds()
        gnupg.decrypt_files(sorted(work.glob("*.asc")))
        gnupg.close()
    yield result


def test_every_message_arrived_once_for_every_key(travelled: Travelled) -> None:
    assert len(travelled.journeys) > 100
    for journey in travelled.journeys:
        assert set(journey.arrived) == set(KINDS), journey.name


def unwrapped(opened: bytes) -> bytes:
    """
    The original entity. Where the parameters of header protection could not be added to its own Content-Type (there are several, or
    it can be read in two ways), it stands whole in a multipart/mixed of the gateway's.
    """
    kind = " ".join(message.fields(opened, "Content-Type")[:1])
    found = re.match(r'multipart/mixed; boundary="(=_[^"]+)";\s+hp="cipher"', kind)
    if not found:
        return opened
    begin, end = f"--{found[1]}\r\n".encode(), f"\r\n--{found[1]}--\r\n".encode()
    inner = openpgp.inner_body(opened)
    assert inner.startswith(begin) and inner.endswith(end)
    return inner[len(begin):-len(end)]


def is_signed(journey: Journey) -> bool:
    return any(v.lower().startswith("multipart/signed") for v in message.fields(journey.original, "Content-Type"))


@pytest.mark.parametrize("kind", KINDS)
def test_gpg_finds_the_original_body(travelled: Travelled, kind: str) -> None:
    for number, journey in enumerate(travelled.journeys):
        inner = openpgp.inner_body(unwrapped(travelled.opened(number, kind)))
        assert inner == message.split(journey.original)[1], f"{journey.name} for {kind}"


def test_the_inner_part_has_the_original_content_fields(travelled: Travelled) -> None:
    for number, journey in enumerate(travelled.journeys):
        opened = unwrapped(travelled.opened(number, "cv25519"))
        for name in ("Content-Transfer-Encoding", "Content-Disposition", "Content-ID"):
            assert message.fields(opened, name) == message.fields(journey.original, name), f"{journey.name}: {name}"
        for before, after in zip(message.fields(journey.original, "Content-Type"), message.fields(opened, "Content-Type")):
            assert after.startswith(before.rstrip(";")), f"{journey.name}: {before} became {after}"


def test_the_outer_header_keeps_the_subject_to_itself(travelled: Travelled) -> None:
    for journey in travelled.journeys:
        for mail in journey.arrived.values():
            shown = message.fields(mail, "Subject")
            # Nothing may be added to a signed part, so that its Subject can't go inside: it stays (protection.wrap_signed hides it).
            expected = message.fields(journey.original, "Subject") if is_signed(journey) else ["[...]"]
            assert shown in (expected, []), journey.name


def test_header_protection_carries_the_subject_inside(travelled: Travelled) -> None:
    for number, journey in enumerate(travelled.journeys):
        opened = travelled.opened(number, "rsa2048")
        subjects = message.fields(journey.original, "Subject")
        if len(subjects) == 1 and not is_signed(journey):
            assert message.fields(opened, "Subject") == subjects, journey.name
            assert 'hp="cipher"' in message.field(opened, "Content-Type"), journey.name


def test_no_copy_betrays_another_recipient(travelled: Travelled, folder: pathlib.Path) -> None:
    for kind in KINDS:
        mail = travelled.journeys[0].arrived[kind]
        others = [openpgp.address(other) for other in KINDS if other != kind]
        assert not any(other.encode() in mail for other in others)
        packets = openpgp.output(machine.program("gpg"), "--batch", "--list-packets", "--list-only", travelled.file(0, kind)).decode()
        assert packets.count(":pubkey enc packet:") == 1


@pytest.mark.parametrize("kind", [k for k in KINDS if k not in openpgp.NOT_BY_SQ])
def test_sq_reads_it(travelled: Travelled, kind: str) -> None:
    for number, journey in sample(travelled):
        opened = openpgp.decrypt_with_sq(kind, travelled.file(number, kind))
        assert openpgp.inner_body(unwrapped(opened)) == message.split(journey.original)[1], journey.name


@pytest.mark.parametrize("kind", [k for k in KINDS if k not in openpgp.NOT_BY_RNP])
def test_rnp_reads_it(travelled: Travelled, kind: str) -> None:
    with machine.folder("rnp") as home:
        rnp = RNP(home / "home").import_kinds([kind])
        for number, journey in sample(travelled):
            opened = rnp.decrypt(travelled.file(number, kind))
            assert openpgp.inner_body(unwrapped(opened)) == message.split(journey.original)[1], journey.name


def sample(travelled: Travelled) -> list[tuple[int, Journey]]:
    found = [(n, j) for n, j in enumerate(travelled.journeys) if j.path.name in SAMPLE]
    assert len(found) == len(SAMPLE)
    return found
