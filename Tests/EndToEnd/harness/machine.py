# SPDX-License-Identifier: Apache-2.0
"""The machine the tests run on: programs, ports, folders, and waiting for something to happen."""

import contextlib
import os
import pathlib
import random
import shutil
import socket
import tempfile
import time
from collections.abc import Callable, Iterator
from typing import TypeVar

Result = TypeVar("Result")

REPOSITORY = pathlib.Path(__file__).resolve().parents[3]
FIXTURES = REPOSITORY / "Tests" / "Fixtures"
BINARY = pathlib.Path(os.environ.get("POSTERN_BINARY", REPOSITORY / ".build/debug/postern"))
RELEASE_BINARY = pathlib.Path(os.environ.get("POSTERN_RELEASE_BINARY", REPOSITORY / ".build/release/postern"))

# Test machines are slow and shared: this bounds a wait that has gone wrong. No test asserts how long something took.
PATIENCE = float(os.environ.get("POSTERN_TEST_PATIENCE", "90"))

_PATH = os.environ.get("PATH", "") + ":/usr/sbin:/usr/lib/postfix/sbin:/usr/lib/dovecot"


def program(name: str) -> str:
    """The full path of a program that the tests need. A missing one fails the test; nothing is ever skipped."""
    found = shutil.which(name, path=_PATH)
    assert found, f"{name} is missing; scripts/setup test installs it"
    return found


def free_port() -> int:
    """A port that nobody listens on, below those that outgoing connections take: it stays free while its server restarts."""
    while True:
        port = random.randrange(10_000, 32_000)
        with socket.socket() as probe:
            try:
                probe.bind(("127.0.0.1", port))
            except OSError:
                continue
            return port


@contextlib.contextmanager
def folder(name: str) -> Iterator[pathlib.Path]:
    """A fresh folder that other users may enter (Postfix and Dovecot drop to their own), on disk, with a short path."""
    base = pathlib.Path(os.environ.get("POSTERN_TEST_DIR", "/var/tmp"))
    path = pathlib.Path(tempfile.mkdtemp(prefix=f"pe-{name}-", dir=base))
    path.chmod(0o755)
    try:
        yield path
    finally:
        if "POSTERN_TEST_KEEP" not in os.environ:
            shutil.rmtree(path, ignore_errors=True)


def eventually(question: Callable[[], Result | None], what: str, patience: float = PATIENCE) -> Result:
    """Asks until the answer is true, and gives it back."""
    deadline = time.monotonic() + patience
    while True:
        answer = question()
        if answer:
            return answer
        assert time.monotonic() < deadline, f"waited {patience:.0f} s in vain for {what}"
        time.sleep(0.05)


def accepts(port: int, host: str = "127.0.0.1") -> bool:
    with contextlib.suppress(OSError), socket.create_connection((host, port), timeout=1):
        return True
    return False
