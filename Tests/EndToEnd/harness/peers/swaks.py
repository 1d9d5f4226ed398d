# SPDX-License-Identifier: Apache-2.0
"""swaks, the administrator's usual way to try a mail server."""

import subprocess

from harness import machine


def swaks(*arguments: str) -> subprocess.CompletedProcess[str]:
    """Runs swaks; its exit code and the dialogue that it prints."""
    return subprocess.run(
        [machine.program("swaks"), *arguments], capture_output=True, text=True, timeout=machine.PATIENCE, stdin=subprocess.DEVNULL)


def delivers(*arguments: str) -> str:
    """Runs swaks, which must succeed; the dialogue."""
    done = swaks(*arguments)
    assert done.returncode == 0, f"swaks {' '.join(arguments)}:\n{done.stdout}\n{done.stderr}"
    return done.stdout
