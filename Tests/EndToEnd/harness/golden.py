# SPDX-License-Identifier: Apache-2.0
"""
What a command says about many rows, beside a file that says what it should. Rows about which it says the same stand together. With
`POSTERN_REWRITE=1` the file is written anew.
"""

import os
import pathlib
import re
import textwrap

# A TLSA record as `explain` shows it, its data left out.
RECORD = r"\d+ \d+ \d+ HEX(?:… \(N octets\))?"


class Golden:
    def __init__(self, path: pathlib.Path):
        self.path = path
        self.rows: dict[str, list[str]] = {}

    def add(self, row: str, said: str, names: dict[str, str] | None = None) -> None:
        """
        `names`: what differs from row to row, and the word that stands for it. Where lines end, keys, digests, dates, sizes and the order
        of records don't count.
        """
        said = re.sub(r"\n {10,}", " ", said)
        for name, word in sorted((names or {}).items(), key=lambda pair: -len(pair[0])):
            said = said.replace(name, word)
        said = re.sub(r"\b[0-9a-f]{24,}\b", "HEX", said)
        said = re.sub(r"\b20\d\d-\d\d-\d\d(T[0-9:]+Z?)?", "DATE", said)
        said = re.sub(r"\(\d+ octets\)", "(N octets)", said)
        said = re.sub(rf"{RECORD}(?: or {RECORD})+", lambda found: " or ".join(sorted(found.group().split(" or "))), said)
        self.rows.setdefault(said.strip("\n"), []).append(row)

    @property
    def text(self) -> str:
        parts = []
        for said, rows in sorted(self.rows.items(), key=lambda pair: pair[1]):
            heading = textwrap.fill("; ".join(sorted(rows)), 140, initial_indent="# ", subsequent_indent="# ", break_on_hyphens=False)
            parts.append(heading + "\n" + said + "\n")
        return "\n".join(parts)

    def check(self) -> None:
        if os.environ.get("POSTERN_REWRITE"):
            self.path.write_text(self.text)
        assert self.path.exists(), f"{self.path} is missing; POSTERN_REWRITE=1 writes it"
        assert self.text == self.path.read_text(), f"{self.path.name} says otherwise; POSTERN_REWRITE=1 writes it anew"
