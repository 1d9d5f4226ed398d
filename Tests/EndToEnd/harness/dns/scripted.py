# SPDX-License-Identifier: Apache-2.0
"""A name server that answers as it is told: too late, with nothing, with too much, or with half a message."""

import contextlib
import socket
import threading
from collections.abc import Callable

import dns.message
import dns.rcode

# The answer to a query, in bytes as they go out; nothing for silence. The second argument says whether it came over TCP.
Answer = Callable[[dns.message.Message, bool], bytes | None]


def refuse(query: dns.message.Message, tcp: bool) -> bytes:
    answer = dns.message.make_response(query)
    answer.set_rcode(dns.rcode.REFUSED)
    return answer.to_wire()


def silence(query: dns.message.Message, tcp: bool) -> None:
    return None


class ScriptedServer:
    """Over TCP the answer's length is written in front unless `raw_tcp`: then the answer brings its own."""

    def __init__(self, address: str, answer: Answer, raw_tcp: bool = False):
        self.address = address
        self.answer = answer
        self.raw_tcp = raw_tcp
        # The names that were asked for.
        self.asked: list[str] = []

    def start(self) -> "ScriptedServer":
        self.datagrams = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self.datagrams.bind((self.address, 53))
        self.listener = socket.create_server((self.address, 53))
        for work in (self._serve_datagrams, self._serve_streams):
            threading.Thread(target=work, daemon=True).start()
        return self

    def stop(self) -> None:
        for one in (self.datagrams, self.listener):
            with contextlib.suppress(OSError):
                one.shutdown(socket.SHUT_RDWR)
            one.close()

    def _made(self, data: bytes, tcp: bool) -> bytes | None:
        query = dns.message.from_wire(data)
        self.asked += [question.name.to_text() for question in query.question]
        return self.answer(query, tcp)

    def _serve_datagrams(self) -> None:
        while True:
            try:
                data, client = self.datagrams.recvfrom(65535)
            except OSError:
                return
            if not data:
                return
            if (made := self._made(data, False)) is not None:
                with contextlib.suppress(OSError):
                    self.datagrams.sendto(made, client)

    def _serve_streams(self) -> None:
        while True:
            try:
                connection, _ = self.listener.accept()
            except OSError:
                return
            threading.Thread(target=self._serve_stream, args=(connection,), daemon=True).start()

    def _serve_stream(self, connection: socket.socket) -> None:
        with contextlib.suppress(OSError), connection, connection.makefile("rb") as file:
            while len(head := file.read(2)) == 2:
                made = self._made(file.read(int.from_bytes(head, "big")), True)
                if made is not None:
                    connection.sendall(made if self.raw_tcp else len(made).to_bytes(2, "big") + made)
