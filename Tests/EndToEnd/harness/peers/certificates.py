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

    def issue(self, name: str, *names: str, algorithm: tuple[str, ...] = ("ec", "-pkeyopt", "ec_paramgen_curve:P-256"),
              key: pathlib.Path | None = None, days: int = 30) -> Certificate:
        """A server certificate for `names` (DNS names, or IP addresses), with a fresh key or for `key`."""
        request = self.folder / f"{name}.csr"
        fresh = self.folder / f"{name}.key"
        source = ["-key", key] if key else ["-newkey", *algorithm, "-nodes", "-keyout", fresh]
        openssl("req", "-new", *source, "-out", request, "-subj", f"/CN={names[0]}")
        return Certificate(self.sign(name, request, *names, days=days), key or fresh)

    def sign(self, name: str, request: pathlib.Path, *names: str, days: int = 30) -> pathlib.Path:
        """The certificate for a request."""
        made = self.folder / f"{name}.pem"
        alternatives = ",".join(("IP:" if n.replace(".", "").isdigit() else "DNS:") + n for n in names)
        extensions = self.folder / f"{name}.ext"
        extensions.write_text(f"subjectAltName={alternatives}\nextendedKeyUsage=serverAuth\n")
        openssl("x509", "-req", "-in", request, "-CA", self.root.certificate, "-CAkey", self.root.key, "-CAcreateserial",
                "-days", days, "-extfile", extensions, "-out", made)
        return made

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
