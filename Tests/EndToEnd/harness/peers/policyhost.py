# SPDX-License-Identifier: Apache-2.0
"""The web server of MTA-STS policies (RFC 8461): one https server for all domains, each with its own answer and certificate."""

from collections.abc import Iterator
from dataclasses import dataclass, field

from harness.peers.certificates import Certificate
from harness.peers.https import NOT_FOUND, HTTPSServer, Request, answer


@dataclass
class Served:
    """What a domain's policy host answers. `headers` are whole lines; a `body` that is nothing closes the connection without a word."""

    body: bytes | None
    status: str = "200 OK"
    headers: list[str] = field(default_factory=lambda: ["Content-Type: text/plain"])
    certificate: Certificate | None = None
    # Goes on sending for ever.
    endless: bool = False

    def pieces(self) -> Iterator[bytes]:
        if self.body is None:
            return
        if not self.endless:
            yield answer(self.body, self.status, *self.headers)
            return
        yield "\r\n".join([f"HTTP/1.1 {self.status}", *self.headers, "Connection: close", "", ""]).encode()
        while True:
            yield self.body


def policy(mode: str, *hosts: str, max_age: int = 86_400) -> bytes:
    lines = ["version: STSv1", f"mode: {mode}", *(f"mx: {host}" for host in hosts), f"max_age: {max_age}", ""]
    return "\r\n".join(lines).encode()


class PolicyHost(HTTPSServer):
    address = "127.2.0.1"

    def __init__(self, certificate: Certificate):
        super().__init__(certificate, self.address)
        # By domain, without `mta-sts.`.
        self.served: dict[str, Served] = {}
        # The domains that were asked for, each time.
        self.asked: list[str] = []

    def certificate_for(self, name: str) -> Certificate | None:
        own = self.served.get(name.removeprefix("mta-sts."))
        return own and own.certificate

    def respond(self, request: Request) -> Iterator[bytes]:
        domain = request.host.removeprefix("mta-sts.")
        self.asked.append(domain)
        found = self.served.get(domain) if request.path == "/.well-known/mta-sts.txt" else None
        return found.pieces() if found else iter([NOT_FOUND])
