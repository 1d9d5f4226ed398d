# SPDX-License-Identifier: Apache-2.0
"""MX hosts: one Postfix with many addresses, each with a certificate chain of its own, that takes mail for anybody."""

import pathlib
from dataclasses import dataclass

from harness import machine, message
from harness.mailbox import Maildir
from harness.peers.certificates import Certificate
from harness.peers.postfix import Postfix

PORT = 2525

MAIN = """
virtual_mailbox_domains = static:all
smtpd_client_connection_count_limit = 0
smtpd_peername_lookup = no
smtpd_tls_session_cache_database =
"""
# A gateway keeps a connection to each host for a while, so there are many at once.
SERVICE = """\
{address}:{port} inet n - n - 300 smtpd
    -o smtpd_tls_security_level={level}
    -o smtpd_tls_cert_file={certificate}
    -o smtpd_tls_key_file={key}
"""


@dataclass
class Arrival:
    """A message that came, and what the channel was."""

    recipient: str
    sender: str
    tls: bool
    content: bytes


class MailHosts:
    """`hosts`: a certificate for each address; with None that address does not offer STARTTLS."""

    def __init__(self, folder: pathlib.Path, hosts: dict[str, Certificate | None]):
        any_certificate = next(c for c in hosts.values() if c)
        services = "".join(
            SERVICE.format(address=address, port=PORT, level="may" if own else "none", certificate=(own or any_certificate).certificate,
                           key=(own or any_certificate).key)
            for address, own in hosts.items())
        self.addresses = list(hosts)
        self.postfix = Postfix(folder, [], any_certificate, services=services, main=MAIN)
        self.read: dict[pathlib.Path, Arrival] = {}

    def start(self) -> "MailHosts":
        self.postfix.start()
        for address in self.addresses:
            machine.eventually(lambda: machine.accepts(PORT, address), f"Postfix at {address}: {self.postfix.log()}")
        return self

    def stop(self) -> None:
        self.postfix.stop()

    @property
    def maildir(self) -> Maildir:
        return self.postfix.maildir()

    def arrivals(self) -> list[Arrival]:
        """Everything that came."""
        for file in self.maildir.files():
            if file not in self.read:
                self.read[file] = _arrival(file.read_bytes())
        return list(self.read.values())

    def arrived(self, recipient: str, sender: str) -> list[Arrival]:
        return [a for a in self.arrivals() if a.recipient == recipient and a.sender == sender]


def _arrival(content: bytes) -> Arrival:
    content = content.replace(b"\r\n", b"\n").replace(b"\n", b"\r\n")
    received = message.fields(content, "Received")
    return Arrival(
        recipient=message.field(content, "Delivered-To"), sender=message.field(content, "Return-Path").strip("<>"),
        # The first Received field is the one that this Postfix wrote.
        tls="using TLS" in received[0], content=content)
