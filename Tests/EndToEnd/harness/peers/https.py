# SPDX-License-Identifier: Apache-2.0
"""An https server of our own, for all names at once: what it shows each and what it answers is up to the kinds of it."""

import contextlib
import socket
import ssl
import threading
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Self

from harness.peers.certificates import Certificate


@dataclass
class Request:
    method: str
    path: str
    host: str
    # By name in small letters.
    header: dict[str, str]
    body: bytes


class HTTPSServer:
    """Needs a network of its own (harness.network), for port 443."""

    def __init__(self, certificate: Certificate, address: str):
        self.certificate = certificate
        self.address = address
        # How many connections there were, requests or not.
        self.connections = 0

    def certificate_for(self, name: str) -> Certificate | None:
        """What a client is shown that asks for a name (SNI); nothing: what all are."""
        return None

    def respond(self, request: Request) -> Iterable[bytes]:
        """What is sent, one piece after the other; nothing closes the connection without a word."""
        raise NotImplementedError

    def start(self) -> Self:
        self._listener = socket.create_server((self.address, 443), backlog=64)
        threading.Thread(target=self._accept, daemon=True).start()
        return self

    def __enter__(self) -> Self:
        return self.start()

    def __exit__(self, *_: object) -> None:
        self.stop()

    def stop(self) -> None:
        with contextlib.suppress(OSError):
            self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()

    def _accept(self) -> None:
        while True:
            try:
                client, _ = self._listener.accept()
            except OSError:
                return
            self.connections += 1
            threading.Thread(target=self._serve, args=(client,), daemon=True).start()

    def _serve(self, client: socket.socket) -> None:
        context = _context(self.certificate)
        context.sni_callback = self._choose
        # An ssl.SSLError is an OSError too.
        with contextlib.suppress(OSError), client, context.wrap_socket(client, server_side=True) as connection:
            request = _read(connection)
            if request is None:
                return
            for piece in self.respond(request):
                connection.sendall(piece)
            connection.unwrap()

    def _choose(self, connection: ssl.SSLObject, name: str | None, _: ssl.SSLContext) -> None:
        own = self.certificate_for(name or "")
        if own:
            connection.context = _context(own)


def answer(body: bytes, status: str = "200 OK", *headers: str) -> bytes:
    lines = [f"HTTP/1.1 {status}", *headers, f"Content-Length: {len(body)}", "Connection: close", "", ""]
    return "\r\n".join(lines).encode() + body


NOT_FOUND = answer(b"nothing here\r\n", "404 Not Found")


def _context(certificate: Certificate) -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate.certificate, certificate.key)
    return context


def _read(connection: ssl.SSLSocket) -> Request | None:
    """The request; nothing when the client goes before it is whole."""
    data = connection.makefile("rb")
    words = data.readline().decode("latin-1").split()
    if len(words) != 3:
        return None
    header: dict[str, str] = {}
    while line := data.readline().decode("latin-1").strip():
        name, value = line.split(":", 1)
        header[name.lower()] = value.strip()
    return Request(words[0], words[1], header.get("host", ""), header, data.read(int(header.get("content-length", "0"))))
