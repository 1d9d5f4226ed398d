# SPDX-License-Identifier: Apache-2.0
"""Pages of docs/, and the files of commands that `postern init` writes, read as a person reads them: which commands, in which order."""

import re
from dataclasses import dataclass, field

from harness import machine


@dataclass
class Section:
    """From a heading to the next."""

    title: str
    text: str = ""
    commands: list[str] = field(default_factory=list)


class Page:
    """What is indented by four spaces is to be typed: a command a line, and a here-document with the command that it feeds."""

    def __init__(self, name: str):
        self.sections: list[Section] = []
        for block in re.split(r"^#+ ", (machine.REPOSITORY / "docs" / name).read_text(), flags=re.MULTILINE)[1:]:
            title, _, text = block.partition("\n")
            typed = [line[4:] for line in text.splitlines() if line.startswith("    ")]
            self.sections.append(Section(title, text, commands("\n".join(typed))))

    def section(self, words: str) -> Section:
        """The one whose heading holds `words`."""
        found = [section for section in self.sections if words in section.title]
        assert len(found) == 1, f"{words!r}: {[section.title for section in self.sections]}"
        return found[0]


def commands(text: str) -> list[str]:
    """The commands of a text in which a comment stands on lines of its own."""
    found: list[str] = []
    end: str | None = None
    for line in text.splitlines():
        if end is not None:
            found[-1] += "\n" + line
            end = None if line == end else end
        elif line.strip() and not line.startswith("#"):
            found.append(line)
            here = re.search(r"<<'(\w+)'", line)
            end = here[1] if here else None
    assert end is None, f"a here-document without its {end}"
    return found
