# SPDX-License-Identifier: Apache-2.0
"""A full disk means `452`, not an end: what was taken stays, `status` says so, and mail flows again once there is room."""

import os
import subprocess
from collections.abc import Iterator

import pytest

from harness import machine, message
from harness.gateway import Gateway
from harness.peers.nexthop import NextHop


@pytest.fixture
def hop() -> Iterator[NextHop]:
    """Down until a test starts it."""
    peer = NextHop()
    yield peer
    peer.stop()


@pytest.fixture
def gateway(make_own_gateway, hop: NextHop) -> Iterator[Gateway]:
    """Its data directory is a small file system of its own, of which 64 MiB stay in reserve. Needs the right to mount."""
    made: Gateway = make_own_gateway(relay_port=hop.port)
    made.data.mkdir(mode=0o700)
    subprocess.run(["mount", "-t", "tmpfs", "-o", "size=84m,mode=0700", "tmpfs", made.data], check=True)
    try:
        made.cli("vault", "init")
        made.start()
        yield made
        made.end()
    finally:
        subprocess.run(["umount", "-l", made.data], check=True)


def fill(gateway: Gateway) -> tuple[list[str], int]:
    """Sends until it is refused; the marks of what was taken, and the code of the refusal."""
    taken: list[str] = []
    for number in range(200):
        mark = f"mark-{number}"
        content = message.simple("x" * 70 + ("\r\n" + "y" * 70) * 3500, headers=[f"X-Mark: {mark}"])
        with gateway.connect() as talk:
            talk.ehlo()
            reply = talk.command("MAIL FROM:<s@example.net>")
            if reply.code == 250:
                talk.expect("RCPT TO:<x@peer.test>", 250)
                reply = talk.data(content)
            if reply.code != 250:
                return taken, reply.code
            taken.append(mark)
    raise AssertionError("it never filled")


def test_452_then_room_again_and_nothing_lost(gateway: Gateway, hop: NextHop) -> None:
    taken, code = fill(gateway)
    assert taken and code in (451, 452)
    assert gateway.alive
    status = gateway.status()
    assert status["store"] != "ok" or status["alarms"], status
    subprocess.run(["mount", "-o", "remount,size=256m", gateway.data], check=True)

    def works() -> bool:
        with gateway.connect() as talk:
            talk.ehlo()
            if talk.command("MAIL FROM:<s@example.net>").code != 250:
                return False
            talk.expect("RCPT TO:<x@peer.test>", 250)
            return talk.data(message.simple("room again", headers=["X-Mark: again"])).code == 250

    machine.eventually(works, "mail to be taken again")
    assert gateway.status()["store"] == "ok"
    hop.start()
    gateway.clock.advance(3600)
    gateway.cli("queue", "retry", "--all", "--yes", check=False)
    came = hop.wait(len(taken) + 1)
    marks = {m.content.split(b"X-Mark: ")[1].split(b"\r\n")[0].decode() for m in came}
    assert set(taken) <= marks and "again" in marks


def test_a_full_disk_at_a_restart_loses_nothing(gateway: Gateway, hop: NextHop) -> None:
    taken, _ = fill(gateway)
    gateway.kill()
    # Whatever is left is taken by somebody else.
    with open(gateway.data / "somebody-else", "wb") as other:
        try:
            while other.write(b"z" * 65536):
                other.flush()
        except OSError:
            pass
    subprocess.run(["mount", "-o", "remount,size=256m", gateway.data], check=True)
    os.unlink(gateway.data / "somebody-else")
    gateway.start()
    hop.start()
    gateway.cli("queue", "retry", "--all", "--yes", check=False)
    assert len(hop.wait(len(taken))) >= len(taken)
