# SPDX-License-Identifier: Apache-2.0
"""An https server that answers as it is told, and keeps what is posted to it."""

import contextlib
import socket
import ssl
import threading
from collections.abc import Iterator
from dataclasses import dataclass

from harness import machine
from harness.peers.certificates import Certificate


@dataclass
class Page:
    """`head`: status line and header fields; `more` is sent behind the body again and again. With no head the connection is closed."""

    body: bytes = b""
    head: tuple[str, ...] = ("HTTP/1.1 200 OK", "Content-Type: text/plain")
    more: bytes = b""
    certificate: Certificate | None = None

    def chunks(self) -> Iterator[bytes]:
        length = () if self.more else (f"Content-Length: {len(self.body)}",)
        yield "\r\n".join((*self.head, *length, "", "")).encode() + self.body
        while self.more:
            yield self.more


@dataclass
class Post:
    host: str
    path: str
    header: dict[str, str]
    body: bytes


class Website:
    """Needs a network of its own (harness.network), for port 443. `pages`: what each host name answers, whatever the path."""

    def __init__(self, certificate: Certificate, address: str = "127.3.0.1"):
        self.certificate = certificate
        self.address = address
        self.pages: dict[str, Page] = {}
        self.posts: list[Post] = []
        # The host and header fields of each request, and how many connections there were, requests or not.
        self.asked: list[tuple[str, dict[str, str]]] = []
        self.connections = 0

    def start(self) -> "Website":
        self._listener = socket.create_server((self.address, 443), backlog=64)
        threading.Thread(target=self._accept, daemon=True).start()
        return self

    def stop(self) -> None:
        with contextlib.suppress(OSError):
            self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()

    def wait_for_posts(self, count: int) -> list[Post]:
        machine.eventually(lambda: len(self.posts) >= count, f"{count} post(s), {len(self.posts)} came")
        return list(self.posts)

    def _accept(self) -> None:
        while True:
            try:
                client, _ = self._listener.accept()
            except OSError:
                return
            self.connections += 1
            threading.Thread(target=self._serve, args=(client,), daemon=True).start()

    def _serve(self, client: socket.socket) -> None:
        with contextlib.suppress(OSError, ssl.SSLError), client:
            context = _context(self.certificate)
            context.sni_callback = self._choose
            with context.wrap_socket(client, server_side=True) as connection:
                self._answer(connection)

    def _choose(self, connection: ssl.SSLObject, name: str | None, _: ssl.SSLContext) -> None:
        page = self.pages.get(name or "")
        if page and page.certificate:
            connection.context = _context(page.certificate)

    def _answer(self, connection: ssl.SSLSocket) -> None:
        data = connection.makefile("rb")
        words = data.readline().decode("latin-1").split(" ")
        header: dict[str, str] = {}
        while (line := data.readline().decode("latin-1").strip()):
            name, value = line.split(":", 1)
            header[name.lower()] = value.strip()
        host = header.get("host", "")
        self.asked.append((host, header))
        if words[0] == "POST":
            self.posts.append(Post(host, words[1], header, data.read(int(header["content-length"]))))
        page = self.pages.get(host, Page(b"nothing here\r\n", ("HTTP/1.1 404 Not Found",)))
        if page.head:
            for chunk in page.chunks():
                connection.sendall(chunk)
        with contextlib.suppress(OSError):
            connection.unwrap()


def _context(certificate: Certificate) -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate.certificate, certificate.key)
    return context
