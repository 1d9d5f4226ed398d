# SPDX-License-Identifier: Apache-2.0
"""One message of 50 MiB through the gateway's own writer, and one through the worker."""

import hashlib
import json
import pathlib
import random

import pytest

from harness import machine, message, openpgp
from harness.gateway import Gateway
from harness.openpgp import GnuPG
from harness.peers.nexthop import NextHop

SIZE = 50 << 20


def big_message() -> bytes:
    """Exactly 50 MiB, as base64 of noise, so that nothing can shrink it."""
    head = message.simple("", subject="large", headers=["Content-Transfer-Encoding: base64"])
    line = random.Random(7713).randbytes(57 * 64).hex().encode()[:76] + b"\r\n"
    lines, rest = divmod(SIZE - len(head), len(line))
    return head + line * lines + b"x" * (rest - 2) + b"\r\n"


@pytest.fixture(scope="module")
def gateway(make_gateway, nexthop: NextHop) -> Gateway:
    kinds = ["cv25519", "brainpool"]
    made = make_gateway(relay_port=nexthop.port, recipients=json.dumps([openpgp.address(kind) for kind in kinds])).start()
    made.import_keys(*(openpgp.public_key(kind) for kind in kinds))
    return made


@pytest.mark.parametrize("kind", ["cv25519", "brainpool"], ids=["own writer", "worker"])
def test_fifty_mebibytes(gateway: Gateway, nexthop: NextHop, kind: str) -> None:
    original = big_message()
    assert len(original) == SIZE
    gateway.send("s@example.net", openpgp.address(kind), original)
    came = nexthop.wait_for(openpgp.address(kind))
    with machine.folder("gpg") as path:
        gnupg = GnuPG(path / "home").import_kinds([kind])
        opened = gnupg.decrypt(openpgp.armored_part(came.content))
        gnupg.close()
    assert digest(openpgp.inner_body(opened)) == digest(message.split(original)[1])


def test_one_byte_more_is_too_much(gateway: Gateway) -> None:
    with gateway.connect() as talk:
        talk.ehlo()
        talk.expect(f"MAIL FROM:<s@example.net> SIZE={SIZE + 1}", 552, "5.3.4")


def test_memory_is_bounded(gateway: Gateway) -> None:
    """All of this in less memory than two such messages would take, whatever debug builds add."""
    status = (pathlib.Path(f"/proc/{gateway.pid}/status")).read_text()
    peak = int(next(line for line in status.splitlines() if line.startswith("VmHWM")).split()[1]) >> 10
    assert peak < 2 * 50 + 200, f"{peak} MiB at most"


def digest(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()
