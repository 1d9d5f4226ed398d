# SPDX-License-Identifier: Apache-2.0
"""Certificates of any kind, made in the test: authorities below authorities, other names, other dates, other keys."""

import datetime
import hashlib
import pathlib
from dataclasses import dataclass

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from harness.peers.certificates import Certificate

DAY = datetime.timedelta(days=1)


@dataclass
class Minted:
    """One certificate with its key, and who signed it."""

    certificate: x509.Certificate
    key: ec.EllipticCurvePrivateKey
    issuer: "Minted | None" = None

    @property
    def der(self) -> bytes:
        return self.certificate.public_bytes(serialization.Encoding.DER)

    @property
    def spki(self) -> bytes:
        return self.certificate.public_key().public_bytes(
            serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo)

    @property
    def pem(self) -> bytes:
        return self.certificate.public_bytes(serialization.Encoding.PEM)

    def pin(self, kind: str = "spki") -> str:
        """As `pins` in the settings has it."""
        return f"{kind}:{hashlib.sha256(self.spki if kind == 'spki' else self.der).hexdigest()}"

    def tlsa(self, usage: int, selector: int, matching: int) -> str:
        """The data of a TLSA record that means this certificate."""
        data = self.spki if selector == 1 else self.der
        digest = {0: data, 1: hashlib.sha256(data).digest(), 2: hashlib.sha512(data).digest()}[matching]
        return f"{usage} {selector} {matching} {digest.hex()}"

    def chain(self) -> list["Minted"]:
        """From this certificate up to and with the one that nobody else signed."""
        return [self, *(self.issuer.chain() if self.issuer else [])]


def authority(name: str, issuer: Minted | None = None) -> Minted:
    """A root, or an authority below another one."""
    return _mint(name, [], issuer, is_authority=True, days=(-30, 365))


def server(names: list[str], issuer: Minted | None, days: tuple[int, int] = (-1, 30)) -> Minted:
    """A server's certificate; without an issuer it signs itself. `days`: valid from and until, counted from now."""
    return _mint(names[0], names, issuer, is_authority=False, days=days)


def save(folder: pathlib.Path, name: str, *certificates: Minted) -> Certificate:
    """PEM files: the key of the first certificate, and all of them in this order."""
    folder.mkdir(parents=True, exist_ok=True)
    key, made = folder / f"{name}.key", folder / f"{name}.pem"
    made.write_bytes(b"".join(c.pem for c in certificates))
    key.touch(mode=0o600)
    key.write_bytes(certificates[0].key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()))
    return Certificate(made, key)


def _mint(common: str, names: list[str], issuer: Minted | None, is_authority: bool, days: tuple[int, int]) -> Minted:
    key = ec.generate_private_key(ec.SECP256R1())
    now = datetime.datetime.utcnow()
    # A common name holds 64 characters at most.
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, common[:64])])
    builder = (
        x509.CertificateBuilder().subject_name(subject).public_key(key.public_key()).serial_number(x509.random_serial_number())
        .issuer_name(issuer.certificate.subject if issuer else subject)
        .not_valid_before(now + days[0] * DAY).not_valid_after(now + days[1] * DAY)
        .add_extension(x509.BasicConstraints(ca=is_authority, path_length=None), critical=True)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False))
    if issuer:
        builder = builder.add_extension(
            x509.AuthorityKeyIdentifier.from_issuer_public_key(issuer.key.public_key()), critical=False)
    if names:
        builder = builder.add_extension(x509.SubjectAlternativeName([x509.DNSName(n) for n in names]), critical=False)
    if not is_authority:
        builder = builder.add_extension(x509.ExtendedKeyUsage([ExtendedKeyUsageOID.SERVER_AUTH]), critical=False)
    return Minted(builder.sign(issuer.key if issuer else key, hashes.SHA256()), key, issuer)
