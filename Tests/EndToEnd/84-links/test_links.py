# SPDX-License-Identifier: Apache-2.0
"""A link below TLS that is declared for a domain: mail waits while the kernel does not have it."""

import contextlib
import os
import pathlib
import subprocess
import threading
from collections.abc import Iterator

import pytest

from harness import machine, network
from harness.peers.certificates import Authority
from harness.peers.nexthop import NextHop
from harness.peers.nodes import Node, name_server

OURS, THEIRS = "10.77.0.1", "10.77.0.2"
RULES = """
[[channel.rule]]
domain = "beta.test"
link = "ipsec"

[[channel.rule]]
domain = "gamma.test"
link = "wireguard:postern-wg"

[[channel.rule]]
domain = "delta.test"
link = "wireguard:cable0"
"""
KEYS = ("enc", "cbc(aes)", "0x" + "0a" * 16, "auth-trunc", "hmac(sha256)", "0x" + "0b" * 32, "128")


class OtherMachine:
    """A network of its own at the other end of a cable, with a mail host that knows no TLS."""

    def __init__(self) -> None:
        self.hop = NextHop(port=25, address=THEIRS)
        self._ready, self._end = threading.Event(), threading.Event()
        self._thread = threading.Thread(target=self._live, daemon=True)

    def start(self) -> "OtherMachine":
        ip("link", "add", "cable0", "type", "veth", "peer", "name", "cable1")
        ip("addr", "add", f"{OURS}/24", "dev", "cable0")
        ip("link", "set", "cable0", "up")
        self._thread.start()
        assert self._ready.wait(machine.PATIENCE)
        return self

    def stop(self) -> None:
        self._end.set()
        self._thread.join()

    def ip(self, *arguments: str) -> None:
        subprocess.run([machine.program("nsenter"), f"--net={self.network}", machine.program("ip"), *arguments], check=True)

    def _live(self) -> None:
        here = f"/proc/{os.getpid()}/task/{threading.get_native_id()}/ns/net"
        outside = os.open("/proc/thread-self/ns/net", os.O_RDONLY | os.O_CLOEXEC)
        with network.private():
            self.network = here
            subprocess.run([machine.program("nsenter"), f"--net=/proc/{os.getpid()}/fd/{outside}", machine.program("ip"), "link", "set",
                            "cable1", "netns", here], check=True, pass_fds=[outside])
            self.ip("addr", "add", f"{THEIRS}/24", "dev", "cable1")
            self.ip("link", "set", "cable1", "up")
            self.hop.start()
            self._ready.set()
            self._end.wait()
            self.hop.stop()
        os.close(outside)


def ip(*arguments: str) -> None:
    subprocess.run([machine.program("ip"), *arguments], check=True)


def policy(verb: str, direction: str, *more: str) -> None:
    source, target = (OURS, THEIRS) if direction == "out" else (THEIRS, OURS)
    template = ("tmpl", "src", source, "dst", target, "proto", "esp", "reqid", "7", "mode", "transport") if verb == "add" else ()
    ip("xfrm", "policy", verb, "src", source, "dst", target, "dir", direction, *template, *more)


@pytest.fixture(scope="module")
def other(home: None) -> Iterator[OtherMachine]:
    made = OtherMachine().start()
    yield made
    made.stop()


@pytest.fixture(scope="module")
def node(other: OtherMachine, folder: pathlib.Path, authority: Authority) -> Iterator[Node]:
    hosts = {"alpha.test": "127.3.1.1", "beta.test": THEIRS, "gamma.test": THEIRS, "delta.test": THEIRS, "free.test": THEIRS}
    names = name_server(folder / "dns", hosts).start()
    made = Node(folder / "alpha", "alpha.test", "127.3.1.1", names, authority, RULES, port=25).start()
    yield made
    made.gateway.end()
    names.stop()


def reason(node: Node, domain: str) -> str:
    return node.gateway.cli("explain", f"box@{domain}").stdout


def waits(node: Node, other: OtherMachine, domain: str, why: str) -> str:
    count = len(other.hop.received)
    identifier = node.send(domain, f"over a link to {domain}")
    node.wait_for_a_failed_try(identifier)
    assert len(other.hop.received) == count
    said = " ".join(reason(node, domain).split())
    assert why in said, said
    return identifier


def test_mail_without_a_declared_link_flows(node: Node, other: OtherMachine) -> None:
    count = len(other.hop.received)
    node.send("free.test", "over nothing special")
    other.hop.wait(count + 1)


@pytest.mark.parametrize("domain, why", [
    ("gamma.test", "there is no interface postern-wg"), ("delta.test", "the interface cable0 is no WireGuard interface")])
def test_mail_waits_without_the_wireguard_interface(node: Node, other: OtherMachine, domain: str, why: str) -> None:
    node.gateway.cli("queue", "drop", waits(node, other, domain, why))


def test_mail_waits_until_ipsec_protects_both_ways(node: Node, other: OtherMachine) -> None:
    identifier = waits(node, other, "beta.test", "no IPsec policy covers mail to the host")
    count = len(other.hop.received)
    with contextlib.ExitStack() as undo:
        for direction in ("out", "in"):
            policy("add", direction)
            undo.callback(policy, "delete", direction)
            assert "no IPsec state that encrypts mail to the host" in " ".join(reason(node, "beta.test").split())
        # A kernel that was built without ESP can't have the states: then mail goes on waiting.
        if not add_states():
            return
        undo.callback(ip, "xfrm", "state", "flush")
        for source, target, spi in ((OURS, THEIRS, "0x100"), (THEIRS, OURS, "0x101")):
            other.ip("xfrm", "state", "add", "src", source, "dst", target, "proto", "esp", "spi", spi, "reqid", "7", *KEYS)
        template = ("proto", "esp", "reqid", "7", "mode", "transport")
        other.ip("xfrm", "policy", "add", "src", OURS, "dst", THEIRS, "dir", "in", "tmpl", "src", OURS, "dst", THEIRS, *template)
        other.ip("xfrm", "policy", "add", "src", THEIRS, "dst", OURS, "dir", "out", "tmpl", "src", THEIRS, "dst", OURS, *template)
        node.gateway.cli("queue", "retry", identifier)
        other.hop.wait(count + 1)


def add_states() -> bool:
    for source, target, spi in ((OURS, THEIRS, "0x100"), (THEIRS, OURS, "0x101")):
        done = subprocess.run(
            [machine.program("ip"), "xfrm", "state", "add", "src", source, "dst", target, "proto", "esp", "spi", spi, "reqid", "7",
             *KEYS], capture_output=True, text=True)
        if done.returncode != 0:
            assert "Requested type not found" in done.stderr or "not supported" in done.stderr, done.stderr
            return False
    return True
