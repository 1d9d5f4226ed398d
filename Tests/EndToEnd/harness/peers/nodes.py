# SPDX-License-Identifier: Apache-2.0
"""Gateways that are the mail hosts of providers, each at an address of its own in one private network, found by real DNS."""

import pathlib
from typing import Any

from harness import machine, message
from harness.gateway import Gateway
from harness.peers.certificates import Authority, Certificate
from harness.peers.names import NameServer

SETTINGS = """\
level = 1
hostname = "${hostname}"
data = "${data}"
accept = ["${domain}"]
networks = ["127.9.9.9/32"]

[vault]
passphrase_file = "${passphrase}"

[tls]
certificate = "${certificate}"
key = "${key}"

[[listener]]
role = "mx"
address = "${address}"
port = ${smtp_port}

[[listener]]
role = "mx"
address = "127.0.0.1"
port = ${mx_port}

[delivery]
port = ${smtp_port}
ipv6 = ${ipv6}
retry_first = "${retry_first}"

[[route]]
domain = "${domain}"
maildir = true

[[route]]
domain = "*"
mx = true

[resolver]
stubs = ["test=127.0.0.1@${dns_port}", "broken.test=127.0.0.1@${dns_port}"]
trust_anchor_file = "${anchors}"

[channel]
ca_file = "${ca}"
allow_private = ["127.0.0.0/8"]
"""
# Its mail is the gateway's own.
PROGRAM = "127.9.9.9"
# Mail hosts on loopback are allowed on any port but 25.
PORT = 2525
WEB = "127.3.0.1"


def name_server(folder: pathlib.Path, hosts: dict[str, str], port: int | None = None) -> NameServer:
    """`hosts`: the address of the mail host of each domain of `test`; all statements are served at one address."""
    records = []
    for domain, address in hosts.items():
        name = domain.removesuffix(".test")
        records += [f"{name} IN A {WEB}", f"{name} IN MX 10 mx.{name}", f"mx.{name} IN {'AAAA' if ':' in address else 'A'} {address}"]
    return NameServer(folder, {"test": records, "broken.test": ["@ IN A 127.3.0.1"]},
                      bogus={"broken.test": ("127.3.0.1", "127.3.0.2")}, port=port)


class Node:
    """The gateway of one provider; its mailbox is `box`."""

    def __init__(self, folder: pathlib.Path, domain: str, address: str, names: NameServer, authority: Authority, more: str = "",
                 port: int = PORT, settings: pathlib.Path | str = SETTINGS, **values: Any):
        self.domain = domain
        self.authority = authority
        self.folder = folder
        folder.mkdir(parents=True)
        self.certificates = 0
        self.certificate = Certificate(folder / "tls.pem", folder / "tls.key")
        self.renew()
        text = settings.read_text() if isinstance(settings, pathlib.Path) else settings
        own = {"hostname": f"mx.{domain}", "domain": domain, "address": address, "smtp_port": port, "ipv6": "false", "retry_first": "2s",
               "certificate": self.certificate.certificate, "key": self.certificate.key, "dns_port": names.port, "anchors": names.anchors,
               "ca": authority.root.certificate}
        self.gateway = Gateway(folder, text + more, own | values)

    def issue(self) -> Certificate:
        """A certificate with a new key, not in use yet."""
        self.certificates += 1
        return self.authority.issue(f"{self.domain}-{self.folder.name}-{self.certificates}", f"mx.{self.domain}")

    def renew(self, certificate: Certificate | None = None) -> None:
        """Puts a certificate where the settings name it."""
        new = certificate or self.issue()
        for old, fresh in [(self.certificate.certificate, new.certificate), (self.certificate.key, new.key)]:
            old.write_bytes(fresh.read_bytes())
        self.certificate.key.chmod(0o600)

    def start(self) -> "Node":
        self.gateway.start()
        self.gateway.add_user("box", f"box@{self.domain}")
        return self

    def send(self, to: "Node | str", text: str) -> str:
        """One message to the other's mailbox; its id."""
        domain = to if isinstance(to, str) else to.domain
        content = message.simple(text, subject="between providers", sender=f"box@{self.domain}", to=f"box@{domain}")
        return self.gateway.send(f"box@{self.domain}", f"box@{domain}", content, source=PROGRAM)

    def has(self, text: str) -> bool:
        return any(text.encode() in m for m in self.gateway.maildir("box").messages())

    def wait_for(self, text: str) -> bytes:
        return self.gateway.maildir("box").find(text)

    def wait_for_a_failed_try(self, identifier: str) -> dict:
        """Waits until the message was tried and put off; its copy."""
        def tried() -> dict | None:
            return next((c for c in self.gateway.queue() if c["id"] == identifier and c["state"] == "ready" and c["attempts"]), None)

        return machine.eventually(tried, f"a failed try of {identifier}")

    def pass_time(self, seconds: int) -> None:
        self.gateway.clock.advance(seconds)

    @property
    def alarms(self) -> set[str]:
        return {alarm["name"] for alarm in self.gateway.status()["alarms"]}
