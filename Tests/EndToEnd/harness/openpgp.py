# SPDX-License-Identifier: Apache-2.0
"""Other people's OpenPGP: GnuPG, Sequoia's sq and RNP read what the gateway wrote."""

import pathlib
import subprocess
from collections.abc import Iterable

from harness import machine, message

KEYS = machine.FIXTURES / "keys"

# Every kind of key that mail can be encrypted to, each for NAME@keys.test.
KINDS = ("rsa2048", "rsa2080", "rsa3072", "rsa4096", "cv25519", "p256", "p384", "p521", "brainpool", "secp256k1", "elgamal",
         "noprefs", "sqcv25519", "sqrsa3072")
# What Debian's sq (built with Nettle) and rnp do not read; gpg reads all.
NOT_BY_SQ = {"brainpool", "secp256k1", "elgamal"}
NOT_BY_RNP: set[str] = set()
# What the gateway gives to its worker because swift-crypto lacks it.
BY_WORKER = ("brainpool", "secp256k1", "elgamal", "rsa2080")


def address(kind: str) -> str:
    return f"{kind}@keys.test"


def public_key(kind: str) -> pathlib.Path:
    return KEYS / f"{kind}.pub.asc"


def secret_key(kind: str) -> pathlib.Path:
    return KEYS / f"{kind}.sec.asc"


class GnuPG:
    """A private key ring. Its path must stay short, because the agent's socket lies in it."""

    def __init__(self, home: pathlib.Path):
        self.home = home
        home.mkdir(mode=0o700)

    def run(self, *arguments: object, stdin: bytes = b"", now: str | None = None) -> bytes:
        clock = ["--faked-system-time", now] if now else []
        done = subprocess.run(
            [machine.program("gpg"), "--homedir", self.home, "--batch", "--quiet", "--no-tty", "--pinentry-mode", "loopback",
             "--passphrase", "", *clock, *map(str, arguments)],
            input=stdin, capture_output=True)
        assert done.returncode == 0, f"gpg {arguments}: {done.stderr.decode(errors='replace')}"
        return done.stdout

    def close(self) -> None:
        subprocess.run([machine.program("gpgconf"), "--homedir", self.home, "--kill", "all"], check=False)

    def import_kinds(self, kinds: Iterable[str] = KINDS) -> "GnuPG":
        self.run("--import", *(secret_key(kind) for kind in kinds))
        return self

    def make_key(self, user: str, expires: str = "never", now: str | None = None) -> bytes:
        """A new key for `Name <address>`; the public part."""
        self.run("--quick-gen-key", user, "future-default", "default", expires, now=now)
        return self.export(user)

    def export(self, user: str) -> bytes:
        return self.run("--armor", "--export", user)

    def revoke(self, user: str) -> bytes:
        """Revokes the key; the public part with its revocation."""
        lines = self.run("--with-colons", "--list-keys", user).decode().splitlines()
        fingerprint = next(line.split(":")[9] for line in lines if line.startswith("fpr"))
        prepared = (self.home / "openpgp-revocs.d" / f"{fingerprint}.rev").read_text()
        self.run("--import", stdin=prepared.replace(":-----", "-----").encode())
        return self.export(user)

    def decrypt(self, encrypted: bytes) -> bytes:
        """What it holds. Any warning about integrity is a failure, because gpg then ends with an error."""
        return self.run("--decrypt", stdin=encrypted)

    def decrypt_files(self, files: list[pathlib.Path]) -> None:
        """Decrypts `x.asc` into `x`, many in one process."""
        for start in range(0, len(files), 100):
            self.run("--yes", "--decrypt-files", *files[start : start + 100])


def decrypt_with_sq(kind: str, file: pathlib.Path) -> bytes:
    return output(machine.program("sq"), "--force", "decrypt", "--recipient-key", secret_key(kind), file)


class RNP:
    def __init__(self, home: pathlib.Path):
        self.home = home
        home.mkdir(mode=0o700)

    def import_kinds(self, kinds: Iterable[str] = KINDS) -> "RNP":
        for kind in kinds:
            output(machine.program("rnpkeys"), "--homedir", self.home, "--import-keys", secret_key(kind))
        return self

    def decrypt(self, file: pathlib.Path) -> bytes:
        return output(machine.program("rnp"), "--homedir", self.home, "--password", "", "--decrypt", file, "--output", "-")


def output(*command: object) -> bytes:
    done = subprocess.run(list(map(str, command)), capture_output=True)
    assert done.returncode == 0, f"{command}: {done.stderr.decode(errors='replace')}"
    return done.stdout


def armored_part(mail: bytes) -> bytes:
    """The OpenPGP message in a PGP/MIME message (RFC 3156 section 4), with its shape checked on the way."""
    kind = message.field(mail, "Content-Type")
    lowered = kind.lower()
    assert lowered.startswith("multipart/encrypted") and "application/pgp-encrypted" in lowered, kind
    assert mail.count(b"-----BEGIN PGP MESSAGE-----") == 1, "not exactly one OpenPGP message"
    assert b"\r\nVersion: 1\r\n" in mail, "no control part"
    begin = mail.index(b"-----BEGIN PGP MESSAGE-----")
    end = mail.index(b"-----END PGP MESSAGE-----") + len(b"-----END PGP MESSAGE-----\r\n")
    armor = mail[begin:end]
    for line in armor.split(b"\r\n\r\n", 1)[0].split(b"\r\n")[1:]:
        assert not line.startswith((b"Version:", b"Comment:")), f"armor says {line!r}"
    return armor


def is_encrypted(mail: bytes) -> bool:
    return any(v.lower().startswith("multipart/encrypted") for v in message.fields(mail, "Content-Type"))


def inner_body(decrypted: bytes) -> bytes:
    """The body of the part that was encrypted: what follows its header."""
    return message.split(decrypted)[1]
