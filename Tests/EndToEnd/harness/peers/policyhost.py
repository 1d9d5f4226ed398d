# SPDX-License-Identifier: Apache-2.0
"""The web server of MTA-STS policies (RFC 8461): one https server for all domains, each with its own answer and certificate."""

import contextlib
import socket
import ssl
import threading
from dataclasses import dataclass, field

from harness.peers.certificates import Certificate


@dataclass
class Served:
    """What a domain's policy host answers. `headers` are whole lines; a `body` that is nothing closes the connection without a word."""

    body: bytes | None
    status: str = "200 OK"
    headers: list[str] = field(default_factory=lambda: ["Content-Type: text/plain"])
    certificate: Certificate | None = None
    # Goes on sending for ever.
    endless: bool = False


def policy(mode: str, *hosts: str, max_age: int = 86_400) -> bytes:
    lines = ["version: STSv1", f"mode: {mode}", *(f"mx: {host}" for host in hosts), f"max_age: {max_age}", ""]
    return "\r\n".join(lines).encode()


class PolicyHost:
    """Needs a network of its own (harness.network), for port 443."""

    address = "127.2.0.1"

    def __init__(self, certificate: Certificate):
        self.certificate = certificate
        # By domain, without `mta-sts.`.
        self.served: dict[str, Served] = {}
        # The domains that were asked for, each time.
        self.asked: list[str] = []

    def start(self) -> "PolicyHost":
        self.listener = socket.create_server((self.address, 443), backlog=64)
        threading.Thread(target=self._accept, daemon=True).start()
        return self

    def stop(self) -> None:
        with contextlib.suppress(OSError):
            self.listener.shutdown(socket.SHUT_RDWR)
        self.listener.close()

    def _accept(self) -> None:
        while True:
            try:
                client, _ = self.listener.accept()
            except OSError:
                return
            threading.Thread(target=self._serve, args=(client,), daemon=True).start()

    def _serve(self, client: socket.socket) -> None:
        with contextlib.suppress(OSError, ssl.SSLError), client:
            context = _context(self.certificate)
            context.sni_callback = self._choose
            with context.wrap_socket(client, server_side=True) as connection:
                self._answer(connection)

    def _choose(self, connection: ssl.SSLObject, name: str | None, _: ssl.SSLContext) -> None:
        own = self.served.get((name or "").removeprefix("mta-sts."))
        if own and own.certificate:
            connection.context = _context(own.certificate)

    def _answer(self, connection: ssl.SSLSocket) -> None:
        request = b""
        while b"\r\n\r\n" not in request:
            data = connection.recv(65536)
            if not data:
                return
            request += data
        head = request.decode("latin-1").split("\r\n")
        host = next((line[5:].strip() for line in head if line.lower().startswith("host:")), "")
        domain = host.removeprefix("mta-sts.")
        self.asked.append(domain)
        found = self.served.get(domain) if head[0].split(" ")[1] == "/.well-known/mta-sts.txt" else None
        answer = found or Served(b"nothing here\r\n", "404 Not Found")
        if answer.body is None:
            return
        length = [] if answer.endless else [f"Content-Length: {len(answer.body)}"]
        lines = [f"HTTP/1.1 {answer.status}", *answer.headers, *length, "Connection: close", "", ""]
        connection.sendall("\r\n".join(lines).encode() + answer.body)
        while answer.endless:
            connection.sendall(answer.body)


def _context(certificate: Certificate) -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate.certificate, certificate.key)
    return context
