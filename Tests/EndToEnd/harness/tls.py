# SPDX-License-Identifier: Apache-2.0
"""TLS seen by `openssl s_client`, and the digests of certificates."""

import hashlib
import pathlib
import ssl
import subprocess

from harness import machine


def s_client(port: int, *options: object, host: str = "127.0.0.1", say: bytes = b"QUIT\r\n") -> subprocess.CompletedProcess[str]:
    """A session with STARTTLS; what it printed, whatever came of it. `say` is sent once TLS is up."""
    done = subprocess.run(
        [machine.program("openssl"), "s_client", "-connect", f"{host}:{port}", "-starttls", "smtp", "-crlf", *map(str, options)],
        input=say, capture_output=True, timeout=machine.PATIENCE)
    return subprocess.CompletedProcess(
        done.args, done.returncode, done.stdout.decode(errors="replace"), done.stderr.decode(errors="replace"))


def shown(port: int, name: str | None = None) -> str:
    """SHA-256 of the certificate that a client is shown which asks for `name`."""
    wanted = ["-servername", name] if name else ["-noservername"]
    said = s_client(port, *wanted).stdout
    assert "-----BEGIN CERTIFICATE-----" in said, said
    block = said[said.index("-----BEGIN CERTIFICATE-----"):said.index("-----END CERTIFICATE-----")] + "-----END CERTIFICATE-----\n"
    return hashlib.sha256(ssl.PEM_cert_to_DER_cert(block)).hexdigest()


def certificate_digest(pem: pathlib.Path) -> str:
    text = pem.read_text()
    end = text.index("-----END CERTIFICATE-----")
    return hashlib.sha256(ssl.PEM_cert_to_DER_cert(text[:end] + "-----END CERTIFICATE-----\n")).hexdigest()


def key_digest(pem: pathlib.Path) -> str:
    """SHA-256 of SubjectPublicKeyInfo, by openssl."""
    key = openssl("x509", "-in", pem, "-noout", "-pubkey")
    return hashlib.sha256(openssl("pkey", "-pubin", "-outform", "DER", input=key)).hexdigest()


def request_digest(pem: pathlib.Path) -> str:
    """The same for the key of a certificate request."""
    key = openssl("req", "-in", pem, "-noout", "-pubkey")
    return hashlib.sha256(openssl("pkey", "-pubin", "-outform", "DER", input=key)).hexdigest()


def openssl(*arguments: object, input: bytes = b"") -> bytes:
    done = subprocess.run([machine.program("openssl"), *map(str, arguments)], input=input, capture_output=True)
    assert done.returncode == 0, done.stderr.decode()
    return done.stdout
