# SPDX-License-Identifier: Apache-2.0
"""A next hop that does what a case needs: it keeps every byte it is sent, and answers as it is told."""

import contextlib
import re
import socket
import ssl
import threading
from collections.abc import Callable
from dataclasses import dataclass, field

from harness import machine
from harness.peers.certificates import Certificate


@dataclass
class Received:
    """One message, as it came: the envelope's command lines, and the content with dot-stuffing undone."""

    mail: str
    recipients: list[str]
    content: bytes
    tls: bool

    @property
    def recipient(self) -> str:
        assert len(self.recipients) == 1, self.recipients
        return address_in(self.recipients[0])

    @property
    def sender(self) -> str:
        return address_in(self.mail)

    @property
    def header(self) -> bytes:
        return self.content.split(b"\r\n\r\n", 1)[0] + b"\r\n"

    @property
    def body(self) -> bytes:
        return self.content.split(b"\r\n\r\n", 1)[1]


Answer = Callable[[str, str], str | None]


@dataclass
class NextHop:
    """
    `answer(verb, line)` may give a reply to use instead of the usual one; `DATAEND` is the verb for the end of a message, and `HANDSHAKE`
    for what is said in place of a TLS handshake. The reply `close` closes the connection without a word.
    """

    extensions: tuple[str, ...] = ("PIPELINING", "SIZE 104857600", "8BITMIME", "SMTPUTF8", "DSN", "ENHANCEDSTATUSCODES", "CHUNKING")
    answer: Answer = lambda verb, line: None  # noqa: E731
    certificate: Certificate | None = None
    port: int = field(default_factory=machine.free_port)
    received: list[Received] = field(default_factory=list)
    commands: list[str] = field(default_factory=list)
    wire: bytearray = field(default_factory=bytearray)
    address: str = "127.0.0.1"

    def __post_init__(self) -> None:
        self._listener: socket.socket | None = None
        self._open: set[socket.socket] = set()
        self._lock = threading.Lock()

    # Life

    def start(self) -> "NextHop":
        family = socket.AF_INET6 if ":" in self.address else socket.AF_INET
        listener = socket.create_server((self.address, self.port), family=family, backlog=256, reuse_port=True)
        self._listener = listener
        threading.Thread(target=self._accept, args=(listener,), daemon=True).start()
        return self

    def stop(self) -> None:
        """Down: new connections are refused and open ones broken."""
        listener, self._listener = self._listener, None
        if listener is None:
            return
        with contextlib.suppress(OSError):
            listener.shutdown(socket.SHUT_RDWR)
        listener.close()
        with self._lock:
            for connection in self._open:
                with contextlib.suppress(OSError):
                    connection.shutdown(socket.SHUT_RDWR)

    def wait(self, count: int = 1) -> list[Received]:
        """Waits until at least `count` messages came, and gives them all."""
        machine.eventually(lambda: len(self.received) >= count, f"{count} message(s) at the next hop, {len(self.received)} came")
        return list(self.received)

    def took(self, recipient: str) -> list[Received]:
        """What has come for an address."""
        return [m for m in list(self.received) if any(f"<{recipient}>" in line for line in m.recipients)]

    def wait_for(self, recipient: str) -> Received:
        def found() -> Received | None:
            return next((m for m in list(self.received) if any(address_in(r) == recipient for r in m.recipients)), None)

        return machine.eventually(found, f"a message for {recipient}")

    # Service

    def _accept(self, listener: socket.socket) -> None:
        while True:
            try:
                connection, _ = listener.accept()
            except OSError:
                return
            threading.Thread(target=self._serve, args=(connection,), daemon=True).start()

    def _serve(self, connection: socket.socket) -> None:
        with self._lock:
            self._open.add(connection)
        with contextlib.suppress(OSError, _Gone):
            _Session(self, connection).run()
        with self._lock:
            self._open.discard(connection)
        connection.close()


class _Gone(Exception):
    pass


class _Session:
    def __init__(self, hop: NextHop, connection: socket.socket):
        self.hop = hop
        self.connection = connection
        self.buffer = b""
        self.tls = False
        self.reset()

    def reset(self) -> None:
        self.mail = ""
        self.recipients: list[str] = []
        self.chunks = bytearray()

    def run(self) -> None:
        connection = self.connection
        self.say("CONNECT", "", "220 nexthop.test ESMTP")
        while True:
            line = self.read_line().decode("utf-8", "replace")
            self.hop.commands.append(line)
            verb = line.split(" ", 1)[0].upper()
            handler = getattr(self, f"do_{verb.lower()}", None)
            if handler is None:
                self.say(verb, line, "502 5.5.1 no")
            elif handler(line) == "end":
                break
        with contextlib.suppress(OSError):
            connection.shutdown(socket.SHUT_RDWR)

    # Commands

    def do_ehlo(self, line: str) -> None:
        words = list(self.hop.extensions)
        if self.hop.certificate and not self.tls:
            words.append("STARTTLS")
        lines = ["nexthop.test", *words]
        self.say("EHLO", line, "\r\n".join(f"250{'-' if i < len(lines) - 1 else ' '}{w}" for i, w in enumerate(lines)))

    do_lhlo = do_ehlo

    def do_helo(self, line: str) -> None:
        self.say("HELO", line, "250 nexthop.test")

    def do_starttls(self, line: str) -> None:
        if not self.say("STARTTLS", line, "220 2.0.0 go").startswith("220"):
            return
        assert self.hop.certificate
        if (instead := self.hop.answer("HANDSHAKE", line)) is not None:
            self.put(instead)
            return
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(self.hop.certificate.certificate, self.hop.certificate.key)
        self.connection = context.wrap_socket(self.connection, server_side=True)
        self.buffer, self.tls = b"", True

    def do_auth(self, line: str) -> None:
        self.say("AUTH", line, "235 2.7.0 welcome")

    def do_mail(self, line: str) -> None:
        self.reset()
        if self.say("MAIL", line, "250 2.1.0 ok").startswith("250"):
            self.mail = line

    def do_rcpt(self, line: str) -> None:
        if self.say("RCPT", line, "250 2.1.5 ok").startswith("250"):
            self.recipients.append(line)

    def do_data(self, line: str) -> None:
        if not self.recipients:
            self.say("DATA", line, "554 5.5.1 no recipients")
            return
        if self.say("DATA", line, "354 go ahead").startswith("354"):
            self.finish(self.read_data())

    def do_bdat(self, line: str) -> None:
        words = line.split()
        self.chunks += self.read_exactly(int(words[1]))
        if len(words) > 2 and words[2].upper() == "LAST":
            self.finish(bytes(self.chunks))
        else:
            self.say("BDAT", line, "250 2.0.0 chunk")

    def do_rset(self, line: str) -> None:
        self.reset()
        self.say("RSET", line, "250 2.0.0 ok")

    def do_noop(self, line: str) -> None:
        self.say("NOOP", line, "250 2.0.0 ok")

    def do_quit(self, line: str) -> str:
        self.say("QUIT", line, "221 2.0.0 bye")
        return "end"

    def finish(self, content: bytes) -> None:
        message = Received(self.mail, list(self.recipients), content, self.tls)
        self.reset()
        # Kept before the reply: what the client saw answered by 250 is always here.
        reply = self.hop.answer("DATAEND", message.mail) or "250 2.0.0 kept"
        if reply.startswith("2"):
            self.hop.received.append(message)
        self.put(reply)

    # Bytes

    def say(self, verb: str, line: str, usual: str) -> str:
        reply = self.hop.answer(verb, line) or usual
        self.put(reply)
        return reply

    def put(self, reply: str) -> None:
        if reply == "close":
            raise _Gone
        self.connection.sendall(reply.encode() + b"\r\n")

    def fill(self) -> None:
        data = self.connection.recv(65536)
        if not data:
            raise _Gone
        self.hop.wire += data
        self.buffer += data

    def read_line(self) -> bytes:
        while b"\r\n" not in self.buffer:
            self.fill()
        line, self.buffer = self.buffer.split(b"\r\n", 1)
        return line

    def read_exactly(self, count: int) -> bytes:
        pieces, have = [self.buffer], len(self.buffer)
        while have < count:
            self.buffer = b""
            self.fill()
            pieces.append(self.buffer)
            have += len(self.buffer)
        data = b"".join(pieces)
        self.buffer = data[count:]
        return data[:count]

    def read_data(self) -> bytes:
        body = bytearray()
        # The final dot may follow the 354 at once; a leading CRLF makes both cases one.
        body += b"\r\n" + self.buffer
        self.buffer = b""
        while (end := body.find(b"\r\n.\r\n", max(0, len(body) - 70000))) < 0:
            self.fill()
            body += self.buffer
            self.buffer = b""
        self.buffer = bytes(body[end + 5 :])
        return re.sub(rb"(?m)(?<=\r\n)\.", b"", bytes(body[: end + 2]))[2:]


def address_in(line: str) -> str:
    """`a@b` of `RCPT TO:<a@b> NOTIFY=NEVER`."""
    found = re.search(r"<(.*)>", line)
    return found.group(1) if found else ""
