# SPDX-License-Identifier: Apache-2.0
"""
The gateway is killed at random moments while mail flows. Whatever got its 250 arrives; what arrives twice is counted and printed.
"""

import collections
import contextlib
import random
import re
import threading
import time

import pytest

from harness import machine, message
from harness.conversation import Closed
from harness.gateway import Gateway
from harness.peers.nexthop import NextHop

ROUNDS, MESSAGES, SESSIONS, KILLS = 5, 1000, 8, 3


class Load:
    """Sessions that go on sending, also after a connection breaks, until enough messages have got their 250."""

    def __init__(self, gateway: Gateway, name: str):
        self.gateway = gateway
        self.name = name
        self.lock = threading.Lock()
        self.promised: set[str] = set()
        self.sent = 0

    def run(self) -> list[threading.Thread]:
        threads = [threading.Thread(target=self._send, daemon=True) for _ in range(SESSIONS)]
        for thread in threads:
            thread.start()
        return threads

    def done(self) -> bool:
        return len(self.promised) >= MESSAGES

    def _send(self) -> None:
        while not self.done():
            with contextlib.suppress(OSError, Closed, AssertionError):
                with self.gateway.connect() as talk:
                    talk.ehlo()
                    while not self.done():
                        mark = self._next()
                        talk.envelope("s@example.net", "x@peer.test")
                        if talk.data(message.simple("load", headers=[f"X-Mark: {mark}"])).code == 250:
                            with self.lock:
                                self.promised.add(mark)
                        else:
                            break
            time.sleep(0.02)

    def _next(self) -> str:
        with self.lock:
            self.sent += 1
            return f"{self.name}-{self.sent}"


def arrived(hop: NextHop) -> collections.Counter[str]:
    marks = (re.search(rb"X-Mark: (\S+)", m.content) for m in list(hop.received))
    return collections.Counter(m.group(1).decode() for m in marks if m)


@pytest.mark.parametrize("round_", range(ROUNDS), ids=lambda r: f"round {r + 1}")
def test_every_250_arrives(make_own_gateway, round_: int) -> None:
    seed = random.randrange(1 << 32)
    chance = random.Random(seed)
    hop = NextHop().start()
    gateway: Gateway = make_own_gateway(relay_port=hop.port).start()
    load = Load(gateway, f"r{round_}")
    threads = load.run()
    for number in range(KILLS):
        goal = (number + chance.random()) * MESSAGES / KILLS
        machine.eventually(lambda g=goal: len(load.promised) >= min(g, MESSAGES - 1), f"{goal:.0f} promises", machine.PATIENCE * 4)
        time.sleep(chance.random() * 0.05)
        gateway.kill()
        gateway.start()
    for thread in threads:
        thread.join(machine.PATIENCE * 4)
    assert load.done()
    gateway.wait_until_empty(machine.PATIENCE * 4)
    counted = arrived(hop)
    hop.stop()
    lost = load.promised - set(counted)
    twice = {mark: count for mark, count in counted.items() if count > 1}
    print(f"round {round_ + 1} (seed {seed}): {len(load.promised)} promised, {len(lost)} lost, {len(twice)} came more than once")
    assert not lost
