# SPDX-License-Identifier: Apache-2.0
"""Mail providers that are peers: the web server of their commitment statements, and their operators with an OpenPGP key each."""

import base64
import hashlib
import json
import pathlib
import subprocess
from typing import Any

from harness import machine
from harness.gateway import Gateway
from harness.openpgp import GnuPG
from harness.peers.certificates import Certificate
from harness.peers.https import NOT_FOUND, HTTPSServer, Request, answer

PATH = "/.well-known/providers-commitment"
TYPE = b"postern-commitment-statement-v1\n"
DAY = 86_400


class StatementHost(HTTPSServer):
    """Serves the statement of each domain."""

    def __init__(self, certificate: Certificate, address: str = "127.3.0.1"):
        super().__init__(certificate, address)
        # By domain; a domain without one gets a page.
        self.served: dict[str, bytes] = {}
        self.asked: list[str] = []

    def respond(self, request: Request) -> list[bytes]:
        self.asked.append(request.host)
        found = self.served.get(request.host) if request.path == PATH else None
        return [NOT_FOUND if found is None else answer(found)]


class Operator:
    """A provider's operator: a primary key that only certifies, and a subkey that signs."""

    def __init__(self, folder: pathlib.Path, domain: str):
        self.domain = domain
        self.folder = folder
        folder.mkdir(parents=True)
        self.ring = GnuPG(folder / "ring")
        self.key = self.make_key(f"{domain} <postmaster@{domain}>")

    def make_key(self, user: str) -> str:
        self.ring.run("--quick-generate-key", user, "ed25519", "cert", "never")
        lines = self.ring.run("--with-colons", "--list-keys", user).decode().splitlines()
        key = next(line.split(":")[9] for line in lines if line.startswith("fpr"))
        self.ring.run("--quick-add-key", key, "ed25519", "sign", "never")
        return key

    def close(self) -> None:
        self.ring.close()

    def certificate(self, key: str | None = None) -> bytes:
        return self.ring.run("--export", "--export-options", "export-minimal", key or self.key)

    def sign(self, payload: bytes, key: str | None = None) -> bytes:
        """An envelope made by hand: for payloads that `postern statement sign` would not sign."""
        parts = {"payload": payload, "certificate": self.certificate(key),
                 "signature": self.ring.run("--detach-sign", "--local-user", key or self.key, stdin=TYPE + payload)}
        return json.dumps({name: base64.b64encode(part).decode() for name, part in parts.items()}).encode()

    def statement(self, pins: list[str], serial: int, *, key: str | None = None, **members: Any) -> bytes:
        """An envelope made by hand for the operator's domain, or with other members; `serial` is also its date."""
        stated = {"domain": self.domain, "level": 2, "mx": [f"mx.{self.domain}"], "pins": pins, "serial": serial, "issued": serial,
                  "expires": serial + 30 * DAY}
        return self.sign(json.dumps(stated | members).encode(), key)

    def publish(self, gateway: Gateway, host: StatementHost, *options: str, key: str | None = None) -> bytes:
        """What an operator does: make on the server, sign elsewhere, put it on the web server."""
        file = self.folder / "payload.json"
        file.write_text(gateway.cli("statement", "make", *options).stdout)
        done = self.postern(gateway, "statement", "sign", str(file), "--key", key or self.key)
        assert done.returncode == 0, done.stderr.decode()
        host.served[self.domain] = done.stdout
        return done.stdout

    def postern(self, gateway: Gateway, *arguments: str) -> subprocess.CompletedProcess[bytes]:
        """The command line where the key is: no settings, no gateway."""
        environment = gateway.env | {"GNUPGHOME": str(self.ring.home)}
        return subprocess.run([machine.BINARY, *arguments], capture_output=True, env=environment, cwd=self.folder)


def payload(served: bytes) -> dict[str, Any]:
    return json.loads(base64.b64decode(json.loads(served)["payload"]))


def changed(served: bytes, **members: Any) -> bytes:
    """The payload of a statement with other members; None takes one out."""
    stated = payload(served) | members
    return json.dumps({name: value for name, value in stated.items() if value is not None}).encode()


def pin(certificate: Certificate) -> str:
    """Of the certificate's key, as openssl sees it."""
    openssl = machine.program("openssl")
    key = subprocess.run([openssl, "x509", "-in", certificate.certificate, "-noout", "-pubkey"], capture_output=True, check=True)
    der = subprocess.run([openssl, "pkey", "-pubin", "-outform", "DER"], input=key.stdout, capture_output=True, check=True)
    return "spki:" + hashlib.sha256(der.stdout).hexdigest()


def verify_by_script(served: bytes, domain: str, key: str, folder: pathlib.Path, at: int | None = None,
                     options: tuple[str, ...] = ()) -> subprocess.CompletedProcess[bytes]:
    """The second implementation, with gpg alone; `options` are Python's."""
    file = folder / "to-verify"
    file.write_bytes(served)
    script = machine.REPOSITORY / "contrib" / "verify-statement"
    now = [] if at is None else [str(at)]
    return subprocess.run([machine.program("python3"), *options, script, file, domain, key, *now], capture_output=True)
