# SPDX-License-Identifier: Apache-2.0
"""
A link that protects: mail goes over ESP and over nothing else. The machine's kernel may have no ESP, so `inside.py` holds these tests and a guest
with a kernel of its own runs them. That kernel (Debian's user-mode Linux) has no WireGuard.
"""

import pathlib
import re

import pytest

from harness import usermode

INSIDE = pathlib.Path(__file__).with_name("inside.py")


@pytest.fixture(scope="module")
def outcome(folder: pathlib.Path) -> dict[str, list[str]]:
    return usermode.run_tests(folder, INSIDE)


@pytest.mark.parametrize("name", re.findall(r"^def (test_\w+)", INSIDE.read_text(), re.MULTILINE))
def test_in_the_guest(outcome: dict[str, list[str]], name: str) -> None:
    assert outcome.get(name), f"{name} was not run: {outcome}"
    assert not any(outcome[name]), "\n".join(outcome[name])
