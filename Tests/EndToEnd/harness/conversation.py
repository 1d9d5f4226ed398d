# SPDX-License-Identifier: Apache-2.0
"""One SMTP conversation, close enough to the wire to misbehave on it."""

import base64
import re
import socket
import ssl
from dataclasses import dataclass, field

from harness import machine

ID = re.compile(r"\b([a-z2-7]{16})\b")


class Closed(Exception):
    """The other side closed the connection where a reply was expected."""


@dataclass
class Reply:
    code: int
    lines: list[str]

    @property
    def text(self) -> str:
        """The last line, without its code."""
        return self.lines[-1][4:]

    @property
    def enhanced(self) -> str:
        """`5.7.1` of `550 5.7.1 no`; empty if there is none."""
        found = re.match(r"([245]\.\d{1,3}\.\d{1,3})\b", self.text)
        return found.group(1) if found else ""

    @property
    def id(self) -> str:
        """The message's id, as `postern trace` takes it."""
        found = ID.search(self.text)
        assert found, f"no id in {self.lines}"
        return found.group(1)

    def __str__(self) -> str:
        return "\n".join(self.lines)


@dataclass
class Conversation:
    port: int
    host: str = "127.0.0.1"
    source: str = "127.0.0.1"
    lmtp: bool = False
    extensions: dict[str, str] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.socket: socket.socket = socket.create_connection((self.host, self.port), machine.PATIENCE, (self.source, 0))
        self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.received = b""

    def __enter__(self) -> "Conversation":
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    # Bytes

    def write(self, data: bytes) -> None:
        """Sends bytes exactly as they are."""
        self.socket.sendall(data)

    def write_bytewise(self, data: bytes) -> None:
        """One byte a packet."""
        for index in range(len(data)):
            self.socket.sendall(data[index : index + 1])

    def wrap_tls(self) -> None:
        context = ssl.create_default_context()
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE
        self.socket = context.wrap_socket(self.socket, server_hostname="localhost")

    def read_line(self) -> str:
        while b"\n" not in self.received:
            try:
                data = self.socket.recv(65536)
            except (ConnectionError, ssl.SSLError) as error:
                raise Closed(str(error)) from error
            if not data:
                raise Closed(f"closed after {self.received!r}")
            self.received += data
        line, self.received = self.received.split(b"\n", 1)
        assert line.endswith(b"\r"), f"a reply line without CR: {line!r}"
        return line[:-1].decode("utf-8")

    def reply(self) -> Reply:
        lines = [self.read_line()]
        while lines[-1][3:4] == "-":
            lines.append(self.read_line())
        code = lines[0][:3]
        assert code.isdigit() and all(line[:3] == code and line[3:4] in ("-", " ", "") for line in lines), lines
        return Reply(int(code), lines)

    def closed(self) -> bool:
        """Waits for the other side to close, and says whether it did without another reply."""
        try:
            self.read_line()
        except Closed:
            return True
        return False

    def close(self) -> None:
        self.socket.close()

    # Commands

    def command(self, line: str | bytes) -> Reply:
        self.write((line.encode() if isinstance(line, str) else line) + b"\r\n")
        return self.reply()

    def expect(self, line: str | bytes, code: int, enhanced: str = "") -> Reply:
        reply = self.command(line)
        assert reply.code == code and (not enhanced or reply.enhanced == enhanced), f"{line!r} was answered {reply}"
        return reply

    def ehlo(self, name: str = "client.example.net") -> Reply:
        reply = self.expect(f"{'LHLO' if self.lmtp else 'EHLO'} {name}", 250)
        words = [line[4:].split(" ", 1) for line in reply.lines[1:]]
        self.extensions = {w[0].upper(): w[1] if len(w) > 1 else "" for w in words}
        return reply

    def start_tls(self, name: str = "client.example.net") -> None:
        self.expect("STARTTLS", 220)
        assert not self.received, f"bytes after the 220 to STARTTLS: {self.received!r}"
        self.wrap_tls()
        self.ehlo(name)

    def login(self, name: str, password: str) -> Reply:
        token = base64.b64encode(f"\0{name}\0{password}".encode()).decode()
        return self.expect(f"AUTH PLAIN {token}", 235)

    def envelope(self, sender: str, recipients: str | list[str], options: str = "") -> None:
        self.expect(f"MAIL FROM:<{sender}>{options}", 250)
        for recipient in [recipients] if isinstance(recipients, str) else recipients:
            self.expect(f"RCPT TO:<{recipient}>", 250)

    def data(self, message: bytes) -> Reply:
        """Sends a message by DATA, dots stuffed, and gives the reply to its end."""
        self.expect("DATA", 354)
        self.write(stuffed(message))
        return self.reply()

    def bdat(self, message: bytes, chunk: int = 65536) -> Reply:
        """Sends a message by BDAT, and gives the reply to the last chunk."""
        pieces = [message[i : i + chunk] for i in range(0, len(message), chunk)] or [b""]
        for piece in pieces[:-1]:
            self.write(b"BDAT %d\r\n" % len(piece) + piece)
            assert self.reply().code == 250
        self.write(b"BDAT %d LAST\r\n" % len(pieces[-1]) + pieces[-1])
        return self.reply()

    def send_mail(self, sender: str, recipients: str | list[str], message: bytes) -> str:
        """One whole transaction; the message's id."""
        self.envelope(sender, recipients)
        reply = self.data(message)
        assert reply.code == 250, f"end of data was answered {reply}"
        return reply.id


def stuffed(message: bytes) -> bytes:
    """Dots doubled, final dot added. The message has CRLF line ends."""
    body = re.sub(rb"(?m)^\.", b"..", message)
    return body + (b"" if body.endswith(b"\r\n") or not body else b"\r\n") + b".\r\n"
