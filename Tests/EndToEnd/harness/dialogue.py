# SPDX-License-Identifier: Apache-2.0
r"""
Dialogues: SMTP sessions written down as RFC 5321 prints them.

    # a comment
    connect mx                    open a connection: mx, submission or submissions, with `from 127.0.0.2` to choose the own address
    S: 220                        the reply's last line begins with this
    C: EHLO client.example.net    sent with CRLF
    S: 250
    S+ PIPELINING                 one line of that reply begins with this, after its code
    S- AUTH                       no line of that reply does
    C\ DATA\nx\r\0                sent as it is, escapes undone, nothing added
    TLS                           take the connection into TLS
    S: closed                     the other side closes without another reply
"""

import codecs
import pathlib

from harness.conversation import Closed, Conversation, Reply
from harness.gateway import Gateway


class Dialogue:
    def __init__(self, gateway: Gateway, text: str, name: str = "dialogue"):
        self.gateway = gateway
        self.name = name
        self.lines = text.splitlines()
        self.talk: Conversation | None = None
        self.last = Reply(0, [""])

    def play(self) -> None:
        try:
            for number, line in enumerate(self.lines, 1):
                if line.strip() and not line.startswith("#"):
                    self._step(line, f"{self.name}:{number}: {line}")
        finally:
            if self.talk:
                self.talk.close()

    def _step(self, line: str, place: str) -> None:
        if line.startswith("connect "):
            self._connect(line.split())
            return
        talk = self.talk
        assert talk, f"{place}: nothing is connected"
        mark, rest = line[:2], line[3:]
        match mark:
            case "C:":
                talk.write(rest.encode() + b"\r\n")
            case "C\\":
                talk.write(codecs.decode(rest, "unicode_escape").encode("latin-1"))
            case "S:":
                self._reply(talk, rest.strip(), place)
            case "S+":
                assert any(said[4:].startswith(rest) for said in self.last.lines), f"{place}: it said\n{self.last}"
            case "S-":
                assert not any(said[4:].startswith(rest) for said in self.last.lines), f"{place}: it said\n{self.last}"
            case "TL":
                talk.wrap_tls()
            case _:
                raise ValueError(place)

    def _connect(self, words: list[str]) -> None:
        if self.talk:
            self.talk.close()
        source = words[3] if len(words) > 3 else "127.0.0.1"
        self.talk = Conversation(self.gateway.ports[words[1]], source=source)
        if words[1] == "submissions":
            self.talk.wrap_tls()

    def _reply(self, talk: Conversation, wanted: str, place: str) -> None:
        if wanted == "closed":
            assert talk.closed(), f"{place}: it said something instead of closing"
            return
        try:
            self.last = talk.reply()
        except Closed as error:
            raise AssertionError(f"{place}: it closed the connection") from error
        assert self.last.lines[-1].replace("-", " ", 1).startswith(wanted), f"{place}: it said\n{self.last}"


def play(gateway: Gateway, file: pathlib.Path) -> None:
    Dialogue(gateway, file.read_text(), file.name).play()
