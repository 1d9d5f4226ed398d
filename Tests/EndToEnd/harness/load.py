# SPDX-License-Identifier: Apache-2.0
"""Sessions that go on sending, whatever is done to the gateway meanwhile, and remember which messages got their 250."""

import collections
import contextlib
import re
import threading
import time

from harness import machine, message
from harness.conversation import Closed
from harness.gateway import Gateway
from harness.peers.nexthop import NextHop


class Load:
    """`codes` counts every reply that was not expected, and `broken` the connections that ended without one."""

    def __init__(self, gateway: Gateway, name: str, sessions: int = 6):
        self.gateway = gateway
        self.name = name
        self.lock = threading.Lock()
        self.promised: set[str] = set()
        self.codes: collections.Counter[int] = collections.Counter()
        self.broken = 0
        self.sent = 0
        self._over = threading.Event()
        self._threads = [threading.Thread(target=self._send, daemon=True) for _ in range(sessions)]

    def __enter__(self) -> "Load":
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.end()

    def end(self) -> None:
        self._over.set()
        for thread in self._threads:
            thread.join(machine.PATIENCE)

    def more(self, number: int) -> None:
        """Waits until so many more messages have got their 250."""
        goal = len(self.promised) + number
        machine.eventually(lambda: len(self.promised) >= goal, f"{number} more promises", machine.PATIENCE * 2)

    def _send(self) -> None:
        while not self._over.is_set():
            try:
                self._converse()
            except (OSError, Closed):
                with self.lock:
                    self.broken += 1
            except AssertionError:
                pass
            time.sleep(0.02)

    def _converse(self) -> None:
        with contextlib.closing(self._connect()) as talk:
            while not self._over.is_set():
                mark = self._next()
                for line in ("MAIL FROM:<s@example.net>", "RCPT TO:<x@peer.test>", "DATA"):
                    if not self._went_on(talk.command(line).code):
                        return
                talk.write(message.simple("load", headers=[f"X-Mark: {mark}"]) + b".\r\n")
                if not self._went_on(talk.reply().code):
                    return
                with self.lock:
                    self.promised.add(mark)
            talk.expect("QUIT", 221)

    def _connect(self):
        from harness.conversation import Conversation

        talk = Conversation(self.gateway.ports["mx"])
        if not self._went_on(talk.reply().code):
            talk.close()
            raise AssertionError("not let in")
        talk.ehlo()
        return talk

    def _went_on(self, code: int) -> bool:
        if code in (220, 250, 354):
            return True
        with self.lock:
            self.codes[code] += 1
        return False

    def _next(self) -> str:
        with self.lock:
            self.sent += 1
            return f"{self.name}-{self.sent}"


def arrived(hop: NextHop) -> set[str]:
    """The marks of everything that came to the next hop."""
    marks = (re.search(rb"X-Mark: (\S+)", m.content) for m in list(hop.received))
    return {m.group(1).decode() for m in marks if m}
