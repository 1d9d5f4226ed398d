# SPDX-License-Identifier: Apache-2.0
"""A strict reader of the Prometheus text format 0.0.4: anything that its description does not allow, or its conventions advise against, fails."""

import re
from dataclasses import dataclass, field

NAME = re.compile(r"[a-z][a-z0-9_]*")
LABEL = re.compile(r'([a-zA-Z_][a-zA-Z0-9_]*)="((?:[^"\\\n]|\\\\|\\"|\\n)*)"')
SAMPLE = re.compile(r'([a-zA-Z_:][a-zA-Z0-9_:]*)(?:\{(.*)\})? (-?\d+(?:\.\d+)?(?:[eE][+-]?\d+)?)')
KINDS = ("counter", "gauge")
# Base units only; a unit stands at the end of a name, before `_total`.
FOREIGN_UNITS = ("_ms", "_milliseconds", "_minutes", "_hours", "_days", "_kilobytes", "_mib", "_percent")


@dataclass
class Family:
    name: str
    help: str
    kind: str = ""
    samples: dict[tuple[tuple[str, str], ...], float] = field(default_factory=dict)

    def value(self, **labels: str) -> float:
        return self.samples[tuple(sorted(labels.items()))]


def parse(text: str) -> dict[str, Family]:
    assert text.endswith("\n") and "\r" not in text, "lines end in LF, the last one too"
    families: dict[str, Family] = {}
    current: Family | None = None
    for line in text[:-1].split("\n"):
        if line.startswith("# HELP "):
            name, _, words = line[7:].partition(" ")
            assert NAME.fullmatch(name) and words and name not in families, line
            current = families[name] = Family(name, words)
        elif line.startswith("# TYPE "):
            name, kind = line[7:].split(" ")
            assert current and current.name == name and not current.kind and not current.samples and kind in KINDS, line
            assert (kind == "counter") == name.endswith("_total"), f"only counters end in _total: {line}"
            assert not name.removesuffix("_total").endswith(FOREIGN_UNITS), line
            current.kind = kind
        else:
            found = SAMPLE.fullmatch(line)
            assert found and current and current.kind and found[1] == current.name, f"no sample of the family before it: {line!r}"
            labels = _labels(found[2] or "", line)
            assert labels not in current.samples, f"twice: {line}"
            current.samples[labels] = float(found[3])
            assert current.kind == "gauge" or current.samples[labels] >= 0, line
    assert families and all(f.samples for f in families.values()), "a family without samples"
    return families


def _labels(text: str, line: str) -> tuple[tuple[str, str], ...]:
    labels, rest = {}, text
    while rest:
        found = LABEL.match(rest)
        assert found and found[1] not in labels and not found[1].startswith("__"), line
        labels[found[1]] = found[2]
        rest = rest[found.end():]
        assert not rest or (rest.startswith(",") and len(rest) > 1), line
        rest = rest[1:]
    return tuple(sorted(labels.items()))
