# SPDX-License-Identifier: Apache-2.0
"""
End-of-data as nobody may write it: every pair of line ends around a dot (CVE-2023-51764, -51765, -51766, -52354; CVE-2024-27305), and
the dot with something beside it.
"""

from dataclasses import dataclass

ENDS = {"CRLF": b"\r\n", "LF": b"\n", "CR": b"\r", "CRCRLF": b"\r\r\n", "LFLF": b"\n\n", "LFCR": b"\n\r",
        "CRLFLF": b"\r\n\n", "CRLFCR": b"\r\n\r"}
BESIDE = {"NUL": b"\0", "SP": b" ", "TAB": b"\t", "VT": b"\x0b", "FF": b"\x0c",
          "NEL": b"\xc2\x85", "LS": b"\xe2\x80\xa8", "raw NEL": b"\x85"}


@dataclass(frozen=True)
class Variant:
    name: str
    bytes: bytes
    # A CR without LF or an LF without CR in it: that ends the session. Else it is an ordinary line of the body.
    is_bare: bool


def _variant(name: str, data: bytes) -> Variant:
    stripped = data.replace(b"\r\n", b"")
    return Variant(name, data, b"\r" in stripped or b"\n" in stripped)


def all_variants() -> list[Variant]:
    pairs = [_variant(f"{a} dot {b}", ENDS[a] + b"." + ENDS[b]) for a in ENDS for b in ENDS if (a, b) != ("CRLF", "CRLF")]
    # "CRLF . CRLF LF" is an end of data with a stray LF behind it, which is the command line's affair and tested there.
    pairs = [v for v in pairs if not v.name.startswith("CRLF dot CRLF")]
    beside = [_variant(f"CRLF {n} dot CRLF", b"\r\n" + c + b".\r\n") for n, c in BESIDE.items()]
    beside += [_variant(f"CRLF dot {n} CRLF", b"\r\n." + c + b"\r\n") for n, c in BESIDE.items()]
    return pairs + beside
