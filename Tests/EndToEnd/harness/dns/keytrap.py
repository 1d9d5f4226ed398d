# SPDX-License-Identifier: Apache-2.0
"""A zone that makes validators work (CVE-2023-50387): many keys with one tag, and many signatures that each of them might have made."""

import base64
import os

import dns.dnssec
import dns.rdata

from harness.dns.zone import Signer, Zone


def trap(signer: Signer, zone: Zone, owner: str, type: str, count: int) -> None:
    """Adds `count` keys with the tag of the zone's real key, and keeps as many signatures for a record set to be planted."""
    own = (signer.folder / f"{signer.key(zone)}.key").read_text().split("DNSKEY", 1)[1].split(";")[0]
    tag = dns.dnssec.key_id(dns.rdata.from_text("IN", "DNSKEY", own))
    zone.records += [f"@ IN DNSKEY 257 3 13 {_colliding(tag)}" for _ in range(count)]
    labels = len(f"{owner}.{zone.name}".split("."))
    zone.planted_signatures = [
        f"{owner}.{zone.absolute}\t300\tIN\tRRSIG\t{type} 13 {labels} 300 20991231000000 20200101000000 {tag} {zone.absolute} "
        + base64.b64encode(os.urandom(64)).decode() for _ in range(count)]


def _colliding(tag: int) -> str:
    """64 octets that pass for a key with this tag: the tag is a sum, so that two octets set it."""
    while True:
        octets = bytearray(os.urandom(64))
        octets[0:2] = b"\0\0"
        for _ in range(4):
            have = dns.dnssec.key_id(dns.rdata.from_text("IN", "DNSKEY", f"257 3 13 {base64.b64encode(octets).decode()}"))
            if have == tag:
                return base64.b64encode(octets).decode()
            octets[0:2] = ((int.from_bytes(octets[0:2], "big") + tag - have) % 65536).to_bytes(2, "big")
