# SPDX-License-Identifier: Apache-2.0
"""One zone of the tree: its records, how it is signed, and what is wrong with it."""

import enum
import pathlib
import subprocess
from dataclasses import dataclass, field

from harness import machine


class Signing(enum.Enum):
    SECURE = "signed, and the parent has its DS"
    INSECURE = "not signed, and the parent proves that"
    ISLAND = "signed, and the parent has no DS"
    STRIPPED = "not signed, though the parent has a DS"
    EXPIRED = "signed, and every signature has expired"
    LAME = "delegated, without a DS, to a server that does not know it"


class Damage(enum.Enum):
    """What is done to a record set after signing."""

    BREAK = "its signature is not right"
    STRIP = "its signature is gone"
    FORGE = "its data is another, under the old signature"
    REMOVE = "it is gone, though it was there when the zone was signed"
    PLANT = "it was not there when the zone was signed"


@dataclass
class Tampering:
    owner: str
    type: str
    damage: Damage
    # For FORGE and PLANT: the records' data.
    data: tuple[str, ...] = ()


SIGNED = (Signing.SECURE, Signing.ISLAND, Signing.EXPIRED)


@dataclass
class Zone:
    """`records` are lines of a zone file; a name without a final dot is below the zone. `server` is where its delegation leads."""

    name: str
    records: list[str] = field(default_factory=list)
    signing: Signing = Signing.SECURE
    tampered: list[Tampering] = field(default_factory=list)
    server: str | None = None
    serial: int = 1
    # Whole lines that are put before the true signatures of a record set.
    planted_signatures: list[str] = field(default_factory=list)

    @property
    def absolute(self) -> str:
        return "." if self.name == "." else self.name + "."

    @property
    def depth(self) -> int:
        return 0 if self.name == "." else self.name.count(".") + 1

    @property
    def nameserver(self) -> str:
        return "ns.root-servers.test." if self.name == "." else f"ns.{self.name}."

    def holds(self, name: str) -> bool:
        return self.name == "." or name == self.name or name.endswith("." + self.name)

    def text(self, address: str, delegations: list[str]) -> str:
        glue = [] if self.name == "." else [f"{self.nameserver} IN A {self.server or address}"]
        return "\n".join([
            f"$ORIGIN {self.absolute}", "$TTL 300",
            f"@ IN SOA {self.nameserver} hostmaster.test. {self.serial} 3600 600 86400 60",
            f"@ IN NS {self.nameserver}", *glue, *delegations, *self.records, ""])


class Signer:
    """Signs zones with real keys, one for each name, in one folder."""

    def __init__(self, folder: pathlib.Path):
        self.folder = folder
        self.keys: dict[str, str] = {}

    def file(self, zone: Zone) -> pathlib.Path:
        return self.folder / ("root" if zone.name == "." else zone.name)

    def write(self, zone: Zone, text: str) -> pathlib.Path:
        """The file to serve."""
        plain = self.file(zone).with_name(self.file(zone).name + ".plain")
        plain.write_text(text)
        served = self.file(zone)
        if zone.signing in SIGNED:
            dates = ["-i", "20200101", "-e", "20200201"] if zone.signing is Signing.EXPIRED else []
            signed = self.folder / f"{served.name}.signed"
            self._run("ldns-signzone", *dates, "-o", zone.absolute, "-f", signed.name, plain.name, self.key(zone))
            text = signed.read_text()
        served.write_text("\n".join([*zone.planted_signatures, tamper(text, zone) if zone.tampered else text]))
        return served

    def key(self, zone: Zone) -> str:
        if zone.name not in self.keys:
            self.keys[zone.name] = self._run("ldns-keygen", "-k", "-a", "ECDSAP256SHA256", zone.absolute).strip()
        return self.keys[zone.name]

    def digest(self, zone: Zone) -> str:
        """The zone's DS record, as the parent or an anchor file has it."""
        return (self.folder / f"{self.key(zone)}.ds").read_text().strip()

    def _run(self, program: str, *arguments: str) -> str:
        done = subprocess.run([machine.program(program), *arguments], cwd=self.folder, capture_output=True, text=True)
        assert done.returncode == 0, f"{program}: {done.stderr}"
        return done.stdout


def tamper(text: str, zone: Zone) -> str:
    """A signed zone file with its record sets changed behind the signer's back."""
    lines = text.splitlines()
    for change in zone.tampered:
        owner = change.owner if change.owner.endswith(".") else f"{change.owner}.{zone.absolute}"
        if change.owner == "@":
            owner = zone.absolute
        lines = _tamper(lines, owner.lower(), change)
    return "\n".join(lines) + "\n"


def _tamper(lines: list[str], owner: str, change: Tampering) -> list[str]:
    made, found = [], False
    for line in lines:
        words = line.split("\t")
        is_record = len(words) >= 5 and words[0].lower() == owner and words[3] == change.type
        is_signature = len(words) >= 5 and words[0].lower() == owner and words[3] == "RRSIG" and words[4].split()[0] == change.type
        found = found or is_record
        if is_record and change.damage in (Damage.FORGE, Damage.REMOVE):
            continue
        if is_signature and change.damage in (Damage.STRIP, Damage.REMOVE):
            continue
        made.append(_broken(line) if is_signature and change.damage is Damage.BREAK else line)
    assert found != (change.damage is Damage.PLANT), f"{owner} {change.type}: nothing to {change.damage.name.lower()}"
    return made + [f"{owner}\t300\tIN\t{change.type}\t{data}" for data in change.data]


def _broken(line: str) -> str:
    """A signature with its first octets changed."""
    head, signature = line.rstrip().rsplit(" ", 1)
    return f"{head} {'BBBB' if signature.startswith('AAAA') else 'AAAA'}{signature[4:]}"
