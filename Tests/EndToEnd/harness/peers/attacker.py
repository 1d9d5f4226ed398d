# SPDX-License-Identifier: Apache-2.0
"""An active attacker on the way to a mail host: everything for the host comes to him first, and he reads, changes and passes on."""

import contextlib
import enum
import socket
import ssl
import threading

from harness import machine
from harness.peers.certificates import Certificate
from harness.peers.mailhosts import PORT


class Attack(enum.Enum):
    """What he does; `NONE` passes bytes on as they are."""

    NONE = "nothing"
    STRIP = "leaves STARTTLS out of what the server offers"
    REFUSE = "answers 454 to STARTTLS"
    GARBAGE = "answers the TLS handshake with garbage"
    CLOSE = "closes the connection at the TLS handshake"
    SWAP = "shows a certificate of his own and reads on inside TLS"


# What would make the conversation harder to follow.
UNWANTED = ("PIPELINING", "CHUNKING")


class Attacker:
    def __init__(self, address: str, host: str, certificate: Certificate):
        self.address = address
        self.host = host
        self.certificate = certificate
        self.attack = Attack.NONE
        # What he could read of mail: whole messages, and every command line.
        self.read: list[bytes] = []
        self.commands: list[bytes] = []
        # Connections that were made while he attacked.
        self.victims = 0
        self._open: set[socket.socket] = set()
        self._lock = threading.Lock()

    def start(self) -> "Attacker":
        self.listener = socket.create_server((self.address, PORT), backlog=64)
        threading.Thread(target=self._accept, daemon=True).start()
        return self

    def stop(self) -> None:
        with contextlib.suppress(OSError):
            self.listener.shutdown(socket.SHUT_RDWR)
        self.listener.close()
        self.turn_to(Attack.NONE)

    def turn_to(self, attack: Attack) -> None:
        """What he does from now on; connections that are open end."""
        self.attack = attack
        with self._lock:
            for connection in self._open:
                with contextlib.suppress(OSError):
                    connection.shutdown(socket.SHUT_RDWR)

    def _accept(self) -> None:
        while True:
            try:
                client, _ = self.listener.accept()
            except OSError:
                return
            threading.Thread(target=self._serve, args=(client,), daemon=True).start()

    def _serve(self, client: socket.socket) -> None:
        with contextlib.suppress(OSError, _Gone), socket.create_connection((self.host, PORT), timeout=machine.PATIENCE) as server:
            with self._lock:
                self._open.add(client)
            if self.attack is Attack.NONE:
                _pass_on(client, server)
            else:
                self.victims += 1
                _Conversation(self, client, server).run()
        with self._lock:
            self._open.discard(client)
        client.close()


class _Gone(Exception):
    pass


def _pass_on(client: socket.socket, server: socket.socket) -> None:
    """Bytes as they come, both ways, until one side ends."""
    back = threading.Thread(target=_copy, args=(server, client), daemon=True)
    back.start()
    _copy(client, server)
    back.join()


def _copy(source: socket.socket, target: socket.socket) -> None:
    with contextlib.suppress(OSError):
        while data := source.recv(65536):
            target.sendall(data)
    for one in (source, target):
        with contextlib.suppress(OSError):
            one.shutdown(socket.SHUT_RDWR)


class _Lines:
    def __init__(self, connection: socket.socket):
        self.connection = connection
        self.buffer = b""

    def line(self) -> bytes:
        while b"\r\n" not in self.buffer:
            data = self.connection.recv(65536)
            if not data:
                raise _Gone
            self.buffer += data
        line, self.buffer = self.buffer.split(b"\r\n", 1)
        return line

    def reply(self) -> list[bytes]:
        lines = [self.line()]
        while lines[-1][3:4] == b"-":
            lines.append(self.line())
        return lines

    def put(self, *lines: bytes) -> None:
        self.connection.sendall(b"".join(line + b"\r\n" for line in lines))


class _Conversation:
    """One command and its reply after the other, through his hands."""

    def __init__(self, attacker: Attacker, client: socket.socket, server: socket.socket):
        self.attacker = attacker
        self.client, self.server = _Lines(client), _Lines(server)

    def run(self) -> None:
        self.client.put(*self.server.reply())
        while True:
            line = self.client.line()
            self.attacker.commands.append(line)
            verb = line.split(b" ")[0].upper()
            if verb == b"STARTTLS":
                self.start_tls()
                continue
            self.server.put(line)
            reply = self.server.reply()
            self.client.put(*(self.offered(reply) if verb == b"EHLO" else reply))
            if verb == b"DATA" and reply[0].startswith(b"354"):
                self.message()

    def offered(self, reply: list[bytes]) -> list[bytes]:
        hidden = (*UNWANTED, "STARTTLS") if self.attacker.attack is Attack.STRIP else UNWANTED
        kept = [line for line in reply if line[4:].decode().split(" ")[0].upper() not in hidden]
        return [line[:3] + (b" " if line is kept[-1] else b"-") + line[4:] for line in kept]

    def start_tls(self) -> None:
        attack = self.attacker.attack
        if attack is Attack.STRIP:
            self.client.put(b"502 5.5.1 unknown command")
        elif attack is Attack.REFUSE:
            self.client.put(b"454 4.7.0 TLS is not available")
        elif attack is Attack.GARBAGE:
            self.client.put(b"220 2.0.0 go", b"500 what is this?")
            raise _Gone
        elif attack is Attack.CLOSE:
            self.client.put(b"220 2.0.0 go")
            raise _Gone
        else:
            self.client.put(b"220 2.0.0 go")
            own = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
            own.load_cert_chain(self.attacker.certificate.certificate, self.attacker.certificate.key)
            self.client = _Lines(own.wrap_socket(self.client.connection, server_side=True))
            self.server.put(b"STARTTLS")
            self.server.reply()
            believing = ssl.create_default_context()
            believing.check_hostname, believing.verify_mode = False, ssl.CERT_NONE
            self.server = _Lines(believing.wrap_socket(self.server.connection))

    def message(self) -> None:
        lines = []
        while (line := self.client.line()) != b".":
            lines.append(line)
        self.server.put(*lines, b".")
        self.client.put(*self.server.reply())
        self.attacker.read.append(b"\r\n".join(lines))
