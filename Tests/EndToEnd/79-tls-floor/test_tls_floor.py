# SPDX-License-Identifier: Apache-2.0
"""
The least that TLS must be, for clients that would take less; hellos that come in pieces or are large; and clients that begin handshakes
without end.
"""

import contextlib
import os
import pathlib
import re
import socket
import ssl
import struct
import subprocess

import pytest

from harness import machine, network, tls
from harness.conversation import Closed, Conversation
from harness.gateway import Gateway
from harness.peers.certificates import Authority


@pytest.fixture(scope="module")
def gateway(make_gateway, authority: Authority) -> Gateway:
    """One with several chains, so that the hello has to be read before one is chosen."""
    made = make_gateway(address="127.0.0.1").start()
    other = authority.issue("other", "mail.other.test")
    made.cli("tls", "import", str(other.certificate), str(other.key))
    return made


@pytest.fixture(scope="module")
def rsa(make_gateway, authority: Authority) -> Gateway:
    """One whose key is RSA, so that suites without forward secrecy could be had."""
    own = authority.issue("rsa", "gateway.postern.test", algorithm=("rsa:2048",))
    return make_gateway(address="127.0.0.1", certificate=own.certificate, key=own.key).start()


# Row 56: the floor

REFUSED = {
    "tls1": ["-tls1", "-cipher", "ALL:@SECLEVEL=0"], "tls1_1": ["-tls1_1", "-cipher", "ALL:@SECLEVEL=0"],
    "static RSA": ["-tls1_2", "-cipher", "kRSA:@SECLEVEL=0"], "static RSA with GCM": ["-tls1_2", "-cipher", "AES256-GCM-SHA384:@SECLEVEL=0"],
    "CBC": ["-tls1_2", "-cipher", "ECDHE-RSA-AES256-SHA384:ECDHE-ECDSA-AES256-SHA384:ECDHE-RSA-AES128-SHA:@SECLEVEL=0"],
    "DHE": ["-tls1_2", "-cipher", "DHE:@SECLEVEL=0"], "anonymous": ["-tls1_2", "-cipher", "aNULL:@SECLEVEL=0"],
    "no encryption": ["-tls1_2", "-cipher", "eNULL:@SECLEVEL=0"]}


@pytest.mark.parametrize("what", REFUSED)
def test_row_56_what_openssl_can_ask_for_and_does_not_get(rsa: Gateway, what: str) -> None:
    said = tls.s_client(rsa.ports["mx"], *REFUSED[what])
    assert "BEGIN CERTIFICATE" not in said.stdout and "Cipher is (NONE)" in said.stdout, said.stdout
    # It is the other side that says no, and nothing that openssl itself refuses.
    assert re.search(r"alert (protocol version|handshake failure)", said.stderr), said.stderr


@pytest.mark.parametrize("suite, name", [(0x0005, "RC4-SHA"), (0xC011, "ECDHE-RSA-RC4-SHA"), (0x000A, "DES-CBC3-SHA"),
                                         (0xC012, "ECDHE-RSA-DES-CBC3-SHA"), (0x009C, "AES128-GCM-SHA256"), (0x0003, "EXP-RC4-MD5")])
def test_row_56_what_openssl_has_forgotten_is_refused_too(rsa: Gateway, suite: int, name: str) -> None:
    """A hello by hand, with one suite in it."""
    with handshake(rsa) as talk:
        talk.socket.sendall(record(hello(suites=[suite])))
        kind, body = answer(talk.socket)
        assert kind == ALERT and body == bytes([2, 40]), f"{name} was answered {kind} {body!r}"


def test_row_56_a_hello_by_hand_is_good_enough_with_a_good_suite(rsa: Gateway) -> None:
    """The two tests above would pass with a broken hello as well."""
    with handshake(rsa) as talk:
        talk.socket.sendall(record(hello(suites=[0xC02F])))
        kind, body = answer(talk.socket)
        assert kind == HANDSHAKE and body[0] == 2


def test_row_56_renegotiation_is_refused(gateway: Gateway) -> None:
    done = tls.s_client(gateway.ports["mx"], "-tls1_2", say=b"R\n")
    said = done.stdout + done.stderr
    assert "RENEGOTIATING" in said
    assert re.search(r"no renegotiation|unexpected message|handshake failure|unexpected eof|Connection reset|errno=0", said), said
    with gateway.connect() as talk:
        talk.ehlo()
        talk.start_tls()


# Row 57: hellos in pieces, and large ones

def converse(gateway: Gateway, cut) -> None:
    """A whole session whose hello goes out as `cut` gives it: a list of what to send one after the other."""
    with handshake(gateway) as talk:
        incoming, outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
        context = ssl.create_default_context()
        context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
        secure = context.wrap_bio(incoming, outgoing, server_hostname="gateway.postern.test")

        def step(call):
            while True:
                try:
                    return call()
                except ssl.SSLWantReadError:
                    flush()
                    data = talk.socket.recv(65536)
                    if not data:
                        raise Closed("in the handshake") from None
                    incoming.write(data)

        first = [True]

        def flush() -> None:
            data = outgoing.read()
            if not data:
                return
            for piece in cut(data) if first[0] else [data]:
                talk.socket.sendall(piece)
            first[0] = False

        step(secure.do_handshake)
        flush()
        secure.write(b"EHLO pieces.test\r\nQUIT\r\n")
        flush()
        said = b""
        while b"221 " not in said:
            said += step(lambda: secure.read(4096))
        assert said.startswith(b"250-")


def segments(count: int):
    def cut(data: bytes) -> list[bytes]:
        size = -(-len(data) // count)
        return [data[i:i + size] for i in range(0, len(data), size)]
    return cut


def records(size: int):
    """The same handshake message in records of `size` bytes."""
    def cut(data: bytes) -> list[bytes]:
        kind, version, body = data[:1], data[1:3], data[5:]
        return [kind + version + struct.pack(">H", len(body[i:i + size])) + body[i:i + size] for i in range(0, len(body), size)]
    return cut


@pytest.mark.parametrize("cut", [segments(3), segments(40), records(1), records(7), records(200)],
                         ids=["3 segments", "40 segments", "records of 1 byte", "records of 7 bytes", "records of 200 bytes"])
def test_row_57_a_hello_in_pieces(gateway: Gateway, cut) -> None:
    converse(gateway, cut)


def test_row_57_a_byte_a_segment(gateway: Gateway) -> None:
    converse(gateway, lambda data: [data[i:i + 1] for i in range(len(data))])


@pytest.mark.parametrize("size", [1184, 1568, 4000], ids=["ML-KEM-768", "ML-KEM-1024", "larger than any"])
def test_row_57_a_large_hello_as_with_post_quantum_keys(gateway: Gateway, size: int) -> None:
    """A key share beside X25519's own that fills more than one segment; the server takes the one that it knows."""
    with handshake(gateway) as talk:
        talk.socket.sendall(record(hello(version13=True, large_share=size)))
        kind, body = answer(talk.socket)
        assert kind == HANDSHAKE and body[0] == 2, (kind, body)


# Row 58: handshakes without end

def test_row_58_half_handshakes_from_one_network_are_turned_away(make_own_gateway) -> None:
    """Some thousands from one /64, five hundred a second and more where the machine can; nobody else suffers."""
    with network.private():
        ip = machine.program("ip")
        for address in ("fd00:58::1/64", "fd00:58::2:3:4:5/64", "fd00:59::1/64"):
            subprocess.run([ip, "-6", "addr", "add", address, "dev", "lo", "nodad"], check=True)
        gateway = make_own_gateway(address="::").start()
        try:
            begun, refused = flood(gateway, ["fd00:58::1", "fd00:58::2:3:4:5"], 3000)
            # 60 at once and one more a second, however fast or slow this machine is; the rest is 421 or closed, before any signature.
            assert refused > begun, (begun, refused)
            spent = cpu(gateway.pid)
            more, turned_away = flood(gateway, ["fd00:58::1", "fd00:58::2:3:4:5"], 500)
            per_connection = (cpu(gateway.pid) - spent) / 500
            assert turned_away > more and per_connection < 0.02, f"{per_connection} s of CPU for each connection"
            for other in ("fd00:59::1", "::1"):
                with Conversation(gateway.ports["mx"], host=other, source=other) as talk:
                    assert talk.reply().code == 220
                    talk.ehlo()
                    talk.start_tls()
                    talk.envelope("a@other.test", [])
            machine.eventually(lambda: gateway.status()["limits"].get("connections_per_address", 0) > 0, "the count of those turned away")
            # Those who finish are forgiven as time passes.
            machine.eventually(lambda: greeted(gateway, "fd00:58::1"), "the flooding network to be let in again")
        finally:
            gateway.end()


def flood(gateway: Gateway, sources: list[str], count: int) -> tuple[int, int]:
    """STARTTLS, a hello, and gone; how many got so far, and how many were turned away."""
    begun = refused = 0
    greeting = record(hello(version13=True))
    for index in range(count):
        source = sources[index % len(sources)]
        try:
            with socket.create_connection((source, gateway.ports["mx"]), machine.PATIENCE, (source, 0)) as wire:
                if not wire.recv(512).startswith(b"220 "):
                    refused += 1
                    continue
                wire.sendall(b"EHLO flood.test\r\nSTARTTLS\r\n")
                said = b""
                while b"220 2.0.0" not in said:
                    data = wire.recv(4096)
                    if not data:
                        break
                    said += data
                wire.sendall(greeting)
                wire.recv(1)
                begun += 1
        except OSError:
            refused += 1
    return begun, refused


def greeted(gateway: Gateway, source: str) -> bool:
    with Conversation(gateway.ports["mx"], host=source, source=source) as talk:
        return talk.reply().code == 220


def cpu(pid: int) -> float:
    """Seconds of CPU that a process has used."""
    fields = pathlib.Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def test_row_58_finished_handshakes_count_nothing(gateway: Gateway) -> None:
    for _ in range(100):
        with gateway.connect() as talk:
            talk.ehlo()
            talk.start_tls()


# TLS by hand

HANDSHAKE, ALERT = 22, 21


def handshake(gateway: Gateway) -> Conversation:
    """A connection after the 220 to STARTTLS."""
    talk = gateway.connect()
    talk.ehlo()
    talk.expect("STARTTLS", 220)
    return talk


def extension(number: int, body: bytes) -> bytes:
    return struct.pack(">HH", number, len(body)) + body


def block(size: str, body: bytes) -> bytes:
    return struct.pack(size, len(body)) + body


def hello(suites: list[int] | None = None, version13: bool = False, large_share: int = 0) -> bytes:
    """A ClientHello (RFC 8446 section 4.1.2) for TLS 1.2, or for 1.3 with a share of X25519 and one of a group that nobody knows."""
    chosen = suites or ([0x1301, 0x1302, 0x1303] if version13 else [0xC02F])
    groups = [0x001D, 0x0017] + ([0x2A2A] if large_share else [])
    extensions = extension(10, block(">H", b"".join(struct.pack(">H", g) for g in groups))) + extension(11, b"\x01\x00")
    extensions += extension(13, block(">H", bytes.fromhex("0403050306030804080508060401050106010201")))
    extensions += extension(0xFF01, b"\x00")
    if version13:
        share = struct.pack(">H", 0x001D) + block(">H", bytes([9]) + bytes(31))
        if large_share:
            share = struct.pack(">H", 0x2A2A) + block(">H", os.urandom(large_share)) + share
        extensions += extension(43, b"\x02\x03\x04") + extension(51, block(">H", share))
    body = b"\x03\x03" + os.urandom(32) + block(">B", os.urandom(32) if version13 else b"")
    body += block(">H", b"".join(struct.pack(">H", s) for s in chosen)) + b"\x01\x00" + block(">H", extensions)
    return b"\x01" + struct.pack(">I", len(body))[1:] + body


def record(body: bytes) -> bytes:
    return bytes([HANDSHAKE]) + b"\x03\x01" + block(">H", body)


def answer(wire: socket.socket) -> tuple[int, bytes]:
    """The first record that comes back: its kind and content."""
    wire.settimeout(machine.PATIENCE)
    data = b""
    while len(data) < 5 or len(data) < 5 + struct.unpack(">H", data[3:5])[0]:
        more = wire.recv(4096)
        assert more, f"closed after {data!r}"
        data += more
    return data[0], data[5:5 + struct.unpack(">H", data[3:5])[0]]
