# SPDX-License-Identifier: Apache-2.0
"""A private certificate authority, made anew for each run, so that nothing expires."""

import pathlib
import subprocess
from dataclasses import dataclass

from harness import machine


@dataclass
class Certificate:
    certificate: pathlib.Path
    key: pathlib.Path


class Authority:
    def __init__(self, folder: pathlib.Path):
        self.folder = folder
        folder.mkdir(parents=True, exist_ok=True)
        self.root = self._self_signed("root", "/CN=Test root", "CA:TRUE")

    def issue(self, name: str, *names: str) -> Certificate:
        """A server certificate for `names` (DNS names, or IP addresses)."""
        key, request, made = (self.folder / f"{name}.{kind}" for kind in ("key", "csr", "pem"))
        alternatives = ",".join(("IP:" if n.replace(".", "").isdigit() else "DNS:") + n for n in names)
        extensions = self.folder / f"{name}.ext"
        extensions.write_text(f"subjectAltName={alternatives}\nextendedKeyUsage=serverAuth\n")
        openssl("req", "-new", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-keyout", key, "-out", request,
                "-subj", f"/CN={names[0]}")
        openssl("x509", "-req", "-in", request, "-CA", self.root.certificate, "-CAkey", self.root.key, "-CAcreateserial",
                "-days", "30", "-extfile", extensions, "-out", made)
        return Certificate(made, key)

    def encrypt_key(self, certificate: Certificate, passphrase: str) -> pathlib.Path:
        """The same private key as encrypted PEM."""
        encrypted = certificate.key.with_suffix(".encrypted.key")
        openssl("pkcs8", "-topk8", "-v2", "aes-256-cbc", "-in", certificate.key, "-out", encrypted, "-passout", f"pass:{passphrase}")
        return encrypted

    def _self_signed(self, name: str, subject: str, constraints: str) -> Certificate:
        key, made = self.folder / f"{name}.key", self.folder / f"{name}.pem"
        openssl("req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-keyout", key, "-out", made,
                "-subj", subject, "-days", "30", "-addext", f"basicConstraints=critical,{constraints}")
        return Certificate(made, key)


def openssl(*arguments: object) -> None:
    done = subprocess.run([machine.program("openssl"), *map(str, arguments)], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
