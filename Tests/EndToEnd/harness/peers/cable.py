# SPDX-License-Identifier: Apache-2.0
"""Another machine at the other end of a cable, with a mail host that knows no TLS; what goes over the cable; and IPsec between both ends."""

import os
import pathlib
import socket
import subprocess
import threading
from collections.abc import Callable
from dataclasses import dataclass

from harness import machine, network
from harness.peers.nexthop import NextHop, Received

OURS, THEIRS = "10.77.0.1", "10.77.0.2"
OURS6, THEIRS6 = "fd77::1", "fd77::2"
# Our end's address, and the other's.
PAIR, PAIR6 = (OURS, THEIRS), (OURS6, THEIRS6)

CBC = ("enc", "cbc(aes)", "0x" + "0a" * 16, "auth-trunc", "hmac(sha256)", "0x" + "0b" * 32, "128")
GCM = ("aead", "rfc4106(gcm(aes))", "0x" + "0c" * 20, "128")
# It authenticates and hides nothing.
NULL = ("enc", "ecb(cipher_null)", "", "auth-trunc", "hmac(sha256)", "0x" + "0b" * 32, "128")

TIME_WAIT = "06"
Run = Callable[..., str]


def ip(*arguments: str) -> str:
    """Runs `ip` on our side; what it prints."""
    return subprocess.run([machine.program("ip"), *arguments], check=True, stdout=subprocess.PIPE, text=True).stdout


class OtherMachine:
    """Whoever starts it must be in a network of its own (`network.private`). Our end of the cable is `cable0`."""

    def __init__(self, *pairs: tuple[str, str]) -> None:
        self.ours, self.theirs = zip(*(pairs or (PAIR,)))
        self.hops = [NextHop(port=25, address=address) for address in self.theirs]
        self._ready, self._end = threading.Event(), threading.Event()
        self._thread = threading.Thread(target=self._live, daemon=True)

    @property
    def received(self) -> list[Received]:
        return [message for hop in self.hops for message in hop.received]

    def start(self) -> "OtherMachine":
        ip("link", "add", "cable0", "type", "veth", "peer", "name", "cable1")
        self._plug(ip, "cable0", self.ours)
        self._thread.start()
        assert self._ready.wait(machine.PATIENCE)
        return self

    def stop(self) -> None:
        ip("link", "delete", "cable0")
        self._end.set()
        self._thread.join()

    def ip(self, *arguments: str) -> str:
        """Runs `ip` on that machine; what it prints."""
        inside = [machine.program("nsenter"), f"--net={self.network}", machine.program("ip")]
        return subprocess.run([*inside, *arguments], check=True, stdout=subprocess.PIPE, text=True).stdout

    @staticmethod
    def wait_for_rest() -> None:
        """Waits until no connection to a mail host is left on our side: none that waits for more mail takes the next message."""
        def rests() -> bool:
            rows = [row.split() for family in ("tcp", "tcp6") if (table := pathlib.Path("/proc/thread-self/net", family)).exists()
                    for row in table.read_text().splitlines()]
            return not any(row[2].endswith(":0019") and row[3] != TIME_WAIT for row in rows)

        machine.eventually(rests, "the end of the last connection")

    def _live(self) -> None:
        here = f"/proc/{os.getpid()}/task/{threading.get_native_id()}/ns/net"
        outside = os.open("/proc/thread-self/ns/net", os.O_RDONLY | os.O_CLOEXEC)
        with network.private():
            self.network = here
            subprocess.run([machine.program("nsenter"), f"--net=/proc/{os.getpid()}/fd/{outside}", machine.program("ip"), "link", "set",
                            "cable1", "netns", here], check=True, pass_fds=[outside])
            self._plug(self.ip, "cable1", self.theirs)
            for hop in self.hops:
                hop.start()
            self._ready.set()
            self._end.wait()
            for hop in self.hops:
                hop.stop()
        os.close(outside)

    @staticmethod
    def _plug(run: Run, end: str, addresses: tuple[str, ...]) -> None:
        for address in addresses:
            run("address", "add", *([f"{address}/64", "nodad"] if ":" in address else [f"{address}/24"]), "dev", end)
        run("link", "set", end, "up")


class Tap:
    """What our end of the cable sends: IP packets, without those that only look for the neighbour."""

    _ICMPV6 = 58
    _EVERY_KIND = 3

    def __init__(self) -> None:
        self._socket = socket.socket(socket.AF_PACKET, socket.SOCK_DGRAM, socket.htons(self._EVERY_KIND))
        self._socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 1 << 20)
        self._socket.bind(("cable0", self._EVERY_KIND))
        self._socket.setblocking(False)

    def taken(self) -> tuple[set[int], bytes]:
        """Since the last time: the protocols that IP carried, and all octets."""
        protocols, octets = set(), b""
        while True:
            try:
                packet, (_, kind, direction, *_) = self._socket.recvfrom(1 << 16)
            except BlockingIOError:
                return protocols, octets
            if direction != socket.PACKET_OUTGOING or kind not in (0x0800, 0x86DD):
                continue
            protocol = packet[6] if kind == 0x86DD else packet[9]
            if protocol != self._ICMPV6:
                protocols.add(protocol)
                octets += packet

    def close(self) -> None:
        self._socket.close()


@dataclass
class IPsec:
    """Policies and states on both machines, for all that goes between them or for SMTP to the other one alone."""

    other: OtherMachine
    pair: tuple[str, str] = PAIR
    mode: str = "transport"
    keys: tuple[str, ...] = CBC
    smtp_only: bool = False
    names_spi: bool = False

    # Of what we send, and of what we get.
    SENT, GOT = "0x100", "0x101"

    def add_policies(self) -> None:
        for run, directions in ((ip, ("out", "in")), (self.other.ip, ("in", "out"))):
            for (source, target, spi, port), direction in zip(self._ways, directions):
                selector = ["proto", "tcp", port, "25"] if self.smtp_only else []
                wanted = ["spi", spi] if self.names_spi else []
                run("xfrm", "policy", "add", "src", source, "dst", target, *selector, "dir", direction,
                    "tmpl", "src", source, "dst", target, "proto", "esp", *wanted, "reqid", "7", "mode", self.mode)

    def add_states(self, run: Run) -> None:
        for source, target, spi, _ in self._ways:
            self._add_state(run, source, target, spi, self.keys)

    def add_state(self, target: str | None = None, spi: str = SENT, keys: tuple[str, ...] | None = None, more: tuple[str, ...] = ()) -> None:
        """The state for what we send, on our machine alone, or one that differs."""
        self._add_state(ip, self.pair[0], target or self.pair[1], spi, keys or self.keys, *more)

    def delete_state(self) -> None:
        """On our machine the state for what we send."""
        ip("xfrm", "state", "delete", "src", self.pair[0], "dst", self.pair[1], "proto", "esp", "spi", self.SENT)

    def flush(self) -> None:
        for run in (ip, self.other.ip):
            run("xfrm", "state", "flush")
            run("xfrm", "policy", "flush")

    @property
    def _ways(self) -> tuple[tuple[str, str, str, str], ...]:
        """There and back: source, target, SPI and the port that is SMTP's."""
        ours, theirs = self.pair
        return (ours, theirs, self.SENT, "dport"), (theirs, ours, self.GOT, "sport")

    def _add_state(self, run: Run, source: str, target: str, spi: str, keys: tuple[str, ...], *more: str) -> None:
        run("xfrm", "state", "add", "src", source, "dst", target, "proto", "esp", "spi", spi, "reqid", "7", "mode", self.mode, *keys, *more)
