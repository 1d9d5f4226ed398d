# SPDX-License-Identifier: Apache-2.0
"""The rows of the MTA-STS matrix (RFC 8461): policy, mail host, certificate and cache, and what must become of mail."""

from dataclasses import dataclass

from harness.peers.minting import Minted, authority, server
from harness.peers.policyhost import PolicyHost, policy

ZONE = "sts.test"
DEFERRED, CLEAR, ENCRYPTED, PROVEN = "deferred", "clear", "encrypted", "proven web-pki"
MODES = ("enforce", "testing", "none")
MATCHES = ("exact", "wildcard", "missing")
CERTIFICATES = ("good", "expired", "stranger", "selfsigned")
CACHES = ("fresh", "stale", "rolled")
ADDRESSES = {name: f"127.1.0.{number}" for number, name in enumerate([*CERTIFICATES, "plain"], start=1)}
ROOT = authority("Public root of these tests")
NAMES = [f"*.{ZONE}"]
SHOWN: dict[str, Minted] = {
    "good": server(NAMES, ROOT), "expired": server(NAMES, ROOT, days=(-20, -10)), "stranger": server(["mail.elsewhere.test"], ROOT),
    "selfsigned": server(NAMES, None)}
AGE = 3600


@dataclass
class Row:
    mode: str
    match: str
    certificate: str
    cache: str

    @property
    def label(self) -> str:
        return f"{self.mode}-{self.match}-{self.certificate}-{self.cache}"

    @property
    def domain(self) -> str:
        return f"{self.label}.{ZONE}"

    @property
    def host(self) -> str:
        return f"{self.label}-mx.{ZONE}"

    def records(self, id: str) -> list[str]:
        return [
            f"{self.label} IN MX 10 {self.host}.", f"{self.label}-mx IN A {ADDRESSES[self.certificate]}",
            f'_mta-sts.{self.label} 0 IN TXT "v=STSv1; id={id};"', f"mta-sts.{self.label} IN A {PolicyHost.address}"]

    @property
    def policy(self) -> bytes:
        pattern = {"exact": self.host, "wildcard": f"*.{ZONE}", "missing": f"other.{ZONE}"}[self.match]
        return policy(self.mode, pattern, max_age=AGE)

    @property
    def first_policy(self) -> bytes:
        """What is cached when the row's own policy comes: another one where that is rolled over."""
        return policy("enforce", f"before.{ZONE}", max_age=AGE * 100) if self.cache == "rolled" else self.policy

    @property
    def under_policy(self) -> tuple[str, str]:
        """What must become of mail under the row's own policy, and why it waits."""
        if self.mode != "enforce":
            return ENCRYPTED, ""
        if self.match == "missing":
            return DEFERRED, "policy"
        return (PROVEN, "") if self.certificate == "good" else (DEFERRED, "unproven")

    @property
    def first(self) -> tuple[str, str]:
        return (DEFERRED, "policy") if self.cache == "rolled" else self.under_policy

    @property
    def second(self) -> tuple[str, str]:
        # A policy ends by its age, and its successor could not be had.
        return (ENCRYPTED, "") if self.cache == "stale" else self.under_policy


ROWS = [Row(mode, match, certificate, cache) for mode in MODES for match in MATCHES for certificate in CERTIFICATES for cache in CACHES]
