# SPDX-License-Identifier: Apache-2.0
"""What tests may move does not exist in a release."""

import pathlib
import subprocess

import pytest

from harness import machine

SWITCHES = [b"POSTERN_TEST_CLOCK", b"POSTERN_TEST_SYNCHRONOUS", b"POSTERN_TEST_"]


def holds(binary: pathlib.Path, word: bytes) -> bool:
    return word in binary.read_bytes()


def test_the_debug_build_has_a_test_clock() -> None:
    """The control: the search finds it where it is."""
    assert holds(machine.BINARY, b"POSTERN_TEST_CLOCK")


@pytest.mark.parametrize("switch", SWITCHES, ids=lambda s: s.decode())
def test_the_release_build_has_none(switch: bytes) -> None:
    assert machine.RELEASE_BINARY.exists(), "the release build is missing; `make test` makes it"
    assert not holds(machine.RELEASE_BINARY, switch)


def test_the_release_build_runs() -> None:
    done = subprocess.run([machine.RELEASE_BINARY, "version"], capture_output=True, text=True)
    assert done.returncode == 0 and done.stdout.startswith("postern ")
