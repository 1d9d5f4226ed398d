# SPDX-License-Identifier: Apache-2.0
"""A mail host that answers hardly ever, and one that comes back after a long absence with much mail waiting for it."""

import concurrent.futures
import socket
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field

import pytest

from harness import machine, message
from harness.gateway import Gateway
from harness.peers.names import NameServer
from harness.peers.nexthop import NextHop

SLOW, QUICK, DEAD = "127.0.87.1", "127.0.87.2", "127.0.87.3"


class Tarpit:
    """Takes connections and says nothing, or next to nothing: a line of its greeting now and then, and never the last one."""

    def __init__(self, address: str, port: int):
        self.open: list[socket.socket] = []
        self.listener = socket.create_server((address, port), backlog=600)
        threading.Thread(target=self._accept, daemon=True).start()

    def _accept(self) -> None:
        while True:
            try:
                connection, _ = self.listener.accept()
            except OSError:
                return
            self.open.append(connection)
            connection.sendall(b"220-one moment\r\n")

    def stop(self) -> None:
        self.listener.close()
        for connection in self.open:
            connection.close()


@dataclass
class Crowd(NextHop):
    """Counts the connections that are open at once, and all of them."""

    most: int = 0
    opened: int = 0
    current: int = 0
    counting: threading.Lock = field(default_factory=threading.Lock)

    def _serve(self, connection: socket.socket) -> None:
        with self.counting:
            self.opened += 1
            self.current += 1
            self.most = max(self.most, self.current)
        try:
            super()._serve(connection)
        finally:
            with self.counting:
                self.current -= 1


@dataclass
class Scene:
    gateway: Gateway
    port: int

    def send(self, count: int, domain: str, sessions: int = 1) -> None:
        def session(first: int) -> None:
            with self.gateway.connect() as talk:
                talk.ehlo()
                for number in range(first, count, sessions):
                    talk.send_mail("a@source.test", f"r{number}@{domain}", message.simple())

        with concurrent.futures.ThreadPoolExecutor(sessions) as pool:
            list(pool.map(session, range(sessions)))

    def waiting(self) -> int:
        return self.gateway.status()["queue"]["ready"]


@pytest.fixture
def scene(make_own_gateway, folder) -> Iterator[Scene]:
    hosts = {"slow.test": SLOW, "quick.test": QUICK, "dead.test": DEAD}
    names = NameServer(folder / "names", {name: ["@ IN MX 10 mx", f"mx IN A {address}"] for name, address in hosts.items()}).start()
    port = machine.free_port()
    yield Scene(make_own_gateway(mail_port=port, dns_port=names.port, anchors=names.anchors).start(), port)
    names.stop()


def test_row_69_a_host_that_hardly_answers_holds_up_nobody_else(scene: Scene) -> None:
    tarpit, quick = Tarpit(SLOW, scene.port), NextHop(address=QUICK, port=scene.port).start()
    try:
        scene.send(500, "slow.test")
        machine.eventually(lambda: len(tarpit.open) >= 4, "the slow host's connections")
        scene.send(20, "quick.test")
        quick.wait(20)
        assert len(tarpit.open) <= 4, "no more connections than one host may have"
        assert len(scene.gateway.queue("--limit", "1000")) == 500
    finally:
        tarpit.stop()
        quick.stop()


def test_row_71_a_host_that_comes_back_is_not_run_over(scene: Scene) -> None:
    count = 10_000
    scene.send(count, "dead.test", sessions=16)
    assert scene.waiting() == count
    machine.eventually(lambda: all(e["attempts"] > 0 for e in scene.gateway.queue("--limit", str(count))), "a first try of each",
                       patience=machine.PATIENCE * 3)
    back = Crowd(address=DEAD, port=scene.port).start()
    try:
        machine.eventually(lambda: len(back.received) >= count, f"all {count} messages", patience=machine.PATIENCE * 5)
        # Four at work, and as many that have carried their hundred messages and are saying goodbye.
        assert back.most <= 8 and back.opened < count / 50, (back.most, back.opened)
        assert len({m.recipient for m in back.received}) == len(back.received) == count, "each came once"
    finally:
        back.stop()
    machine.eventually(lambda: scene.waiting() == 0, "an empty queue")
