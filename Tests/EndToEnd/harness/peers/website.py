# SPDX-License-Identifier: Apache-2.0
"""An https server that answers as it is told, and keeps what is posted to it."""

from collections.abc import Iterator
from dataclasses import dataclass

from harness import machine
from harness.peers.certificates import Certificate
from harness.peers.https import NOT_FOUND, HTTPSServer, Request


@dataclass
class Page:
    """`head`: status line and header fields; `more` is sent behind the body again and again. With no head the connection is closed."""

    body: bytes = b""
    head: tuple[str, ...] = ("HTTP/1.1 200 OK", "Content-Type: text/plain")
    more: bytes = b""
    certificate: Certificate | None = None

    def pieces(self) -> Iterator[bytes]:
        if not self.head:
            return
        length = () if self.more else (f"Content-Length: {len(self.body)}",)
        yield "\r\n".join((*self.head, *length, "", "")).encode() + self.body
        while self.more:
            yield self.more


class Website(HTTPSServer):
    """`pages`: what each host name answers, whatever the path."""

    def __init__(self, certificate: Certificate, address: str = "127.3.0.1"):
        super().__init__(certificate, address)
        self.pages: dict[str, Page] = {}
        self.posts: list[Request] = []
        # The host and header fields of each request.
        self.asked: list[tuple[str, dict[str, str]]] = []

    def wait_for_posts(self, count: int) -> list[Request]:
        machine.eventually(lambda: len(self.posts) >= count, f"{count} post(s), {len(self.posts)} came")
        return list(self.posts)

    def certificate_for(self, name: str) -> Certificate | None:
        page = self.pages.get(name)
        return page and page.certificate

    def respond(self, request: Request) -> Iterator[bytes]:
        self.asked.append((request.host, request.header))
        if request.method == "POST":
            self.posts.append(request)
        page = self.pages.get(request.host)
        return page.pieces() if page else iter([NOT_FOUND])
