# SPDX-License-Identifier: Apache-2.0
"""STARTTLS of servers that misbehave: what they say in clear counts for nothing, and a pinned domain gets TLS or no mail."""

import contextlib
import pathlib
import socket
import ssl
import threading
from collections.abc import Callable, Iterator

import pytest

from harness import machine, message, outcomes
from harness.dns.tree import Tree
from harness.dns.zone import Signing, Zone
from harness.gateway import Gateway
from harness.peers import minting
from harness.peers.certificates import Certificate
from harness.peers.mailhosts import PORT
from harness.peers.nexthop import NextHop

HOST = minting.server(["*.peers.test"], None)
# What a server may say when it is asked for TLS, and what stands before or in place of the handshake.
REFUSALS: dict[str, tuple[str, str]] = {
    "without-offer": ("EHLO", "250 nexthop.test"),
    "transient": ("STARTTLS", "454 4.7.0 TLS is not available"),
    "permanent": ("STARTTLS", "554 5.7.3 no"),
    "unknown": ("STARTTLS", "502 5.5.1 what?"),
    "garbage": ("STARTTLS", "this is no reply"),
    "closing": ("STARTTLS", "close"),
    "garbage-in-handshake": ("HANDSHAKE", "this is no handshake"),
    "closing-in-handshake": ("HANDSHAKE", "close"),
    "closing-after-greeting": ("EHLO", "close"),
    "closing-at-once": ("CONNECT", "close"),
}
INJECTED = "220 2.0.0 go\r\n250-nexthop.test\r\n250 SIZE 10"
NAMES = [*REFUSALS, "injecting", "cutting", "forgetful"]
ADDRESSES = {name: f"127.4.0.{number}" for number, name in enumerate(NAMES, start=1)}


def answering(verb: str, reply: str) -> Callable[[str, str], str | None]:
    return lambda asked, _: reply if asked == verb else None


@pytest.fixture(scope="module")
def certificate(folder: pathlib.Path) -> Certificate:
    return minting.save(folder / "certificates", "host", HOST)


@pytest.fixture(scope="module")
def tree(home: None, folder: pathlib.Path) -> Iterator[Tree]:
    zone = Zone("peers.test", signing=Signing.INSECURE)
    for name, address in ADDRESSES.items():
        # The same host once for a domain that is pinned and once for one that isn't.
        for kind in ("pinned", "plain"):
            zone.records += [f"{kind}-{name} IN MX 10 {kind}-{name}-mx", f"{kind}-{name}-mx IN A {address}"]
    made = Tree(folder / "dns", [zone]).start()
    yield made
    made.stop()


@pytest.fixture(scope="module")
def gateway(make_gateway, tree: Tree) -> Gateway:
    rules = "\n".join(f'[[channel.rule]]\ndomain = "pinned-{name}.peers.test"\npins = ["{HOST.pin()}"]\n' for name in NAMES)
    made = make_gateway(stub=tree.stub, anchor=tree.test_anchor, rules=rules).start()
    made.add_user("alice")
    return made


@pytest.fixture
def peer(home: None, certificate: Certificate) -> Iterator[Callable[..., NextHop]]:
    made: list[NextHop] = []

    def make(name: str, answer: Callable[[str, str], str | None] = lambda verb, line: None) -> NextHop:
        made.append(NextHop(answer=answer, certificate=certificate, port=PORT, address=ADDRESSES[name]).start())
        return made[-1]

    yield make
    for hop in made:
        hop.stop()


def try_once(gateway: Gateway, recipient: str) -> outcomes.Outcome:
    return outcomes.outcomes(gateway, outcomes.submit(gateway, [recipient]))[recipient]


def envelopes(hop: NextHop) -> list[str]:
    return [c for c in hop.commands if c.upper().startswith(("MAIL", "RCPT", "DATA", "BDAT"))]


@pytest.mark.parametrize("name", REFUSALS)
def test_row_06_a_pinned_domain_gets_not_a_byte_of_mail_where_tls_fails(gateway: Gateway, peer, name: str) -> None:
    hop = peer(name, answering(*REFUSALS[name]))
    outcome = try_once(gateway, f"x@pinned-{name}.peers.test")
    assert outcome.waits
    assert hop.commands or name == "closing-at-once"
    assert not envelopes(hop) and not hop.received
    assert b"secret" not in hop.wire
    # The attack ends, and the mail goes where it belongs.
    hop.answer = lambda verb, line: None
    gateway.cli("queue", "retry", outcome.id)
    assert hop.wait()[0].tls


def test_row_05_what_follows_the_220_in_clear_is_not_taken_for_the_servers_word_inside_tls(gateway: Gateway, peer) -> None:
    hop = peer("injecting", answering("STARTTLS", INJECTED))
    assert try_once(gateway, "x@pinned-injecting.peers.test").waits
    assert not envelopes(hop) and not hop.received
    # Without any rule TLS was a gift; the session inside which the bytes were injected is given up all the same.
    try_once(gateway, "x@plain-injecting.peers.test")
    assert not any(m.tls for m in hop.received)


def test_row_08_what_the_server_offered_before_tls_is_forgotten_inside_it(gateway: Gateway, peer) -> None:
    hop: NextHop

    def answer(verb: str, line: str) -> str | None:
        if verb != "EHLO":
            return None
        is_secured = any(c.upper() == "STARTTLS" for c in hop.commands)
        words = ["nexthop.test"] if is_secured else ["nexthop.test", "SIZE 10", "CHUNKING", "DSN", "8BITMIME", "STARTTLS"]
        return "\r\n".join([f"250-{word}" for word in words[:-1]] + [f"250 {words[-1]}"])

    hop = peer("forgetful", answer)
    try_once(gateway, "x@pinned-forgetful.peers.test")
    assert hop.wait()[0].tls
    inside = [c.upper() for c in hop.commands[hop.commands.index("STARTTLS") + 1:]]
    assert inside[0].startswith("EHLO")
    mail = next(c for c in inside if c.startswith("MAIL"))
    assert mail == f"MAIL FROM:<{outcomes.ALICE}>".upper()
    assert "DATA" in inside and not any(c.startswith("BDAT") for c in inside)


class Cutter:
    """Ends TLS in the middle of a BDAT chunk, says in clear that all is well, and keeps what it then hears."""

    def __init__(self, address: str, certificate: Certificate):
        self.context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        self.context.load_cert_chain(certificate.certificate, certificate.key)
        self.heard_in_clear = b""
        self.cuts = 0
        self.listener = socket.create_server((address, PORT))
        threading.Thread(target=self._accept, daemon=True).start()

    def _accept(self) -> None:
        while True:
            try:
                client, _ = self.listener.accept()
            except OSError:
                return
            with contextlib.suppress(OSError, ssl.SSLError, IndexError), client:
                self._serve(client)

    def _serve(self, client: socket.socket) -> None:
        client.sendall(b"220 cutter ESMTP\r\n")
        client.recv(4096)
        client.sendall(b"250-cutter\r\n250 STARTTLS\r\n")
        client.recv(4096)
        client.sendall(b"220 go\r\n")
        secured = self.context.wrap_socket(client, server_side=True, suppress_ragged_eofs=False)
        while not (line := secured.recv(4096)).upper().startswith(b"BDAT"):
            secured.sendall(b"250-cutter\r\n250 CHUNKING\r\n" if line.upper().startswith(b"EHLO") else b"250 ok\r\n")
        with contextlib.suppress(OSError, ssl.SSLError):
            secured.setblocking(False)
            secured.unwrap()
        raw = socket.socket(fileno=secured.detach())
        with raw:
            raw.settimeout(machine.PATIENCE)
            raw.sendall(b"250 2.0.0 taken\r\n")
            self.cuts += 1
            with contextlib.suppress(OSError):
                while data := raw.recv(4096):
                    self.heard_in_clear += data

    def stop(self) -> None:
        with contextlib.suppress(OSError):
            self.listener.shutdown(socket.SHUT_RDWR)
        self.listener.close()


def test_row_07_when_tls_ends_in_a_chunk_nothing_in_clear_is_believed_or_sent(
        gateway: Gateway, home: None, certificate: Certificate) -> None:
    cutter = Cutter(ADDRESSES["cutting"], certificate)
    secret = message.simple("a secret " * 200_000, sender=outcomes.ALICE)
    for kind in ("pinned", "plain"):
        recipient = f"x@{kind}-cutting.peers.test"
        with gateway.sign_in() as talk:
            identifier = talk.send_mail(outcomes.ALICE, recipient, secret)
        assert outcomes.outcomes(gateway, {recipient: identifier})[recipient].waits, "the clear 250 was believed"
    assert cutter.cuts >= 2
    assert b"secret" not in cutter.heard_in_clear and b"EHLO" not in cutter.heard_in_clear
    cutter.stop()
