# SPDX-License-Identifier: Apache-2.0
"""Programs of this machine that hand mail to `postern sendmail`, each as a user of its own."""

import pathlib
import pwd
import subprocess
from typing import Any

from harness import machine
from harness.gateway import Gateway

# A user id that nobody has.
NOBODYS_ID = 61_234


def as_user(user: str | int) -> list[str]:
    """The words before a command that run it as another user, a name or a bare number."""
    if isinstance(user, int):
        identity = [f"--reuid={user}", f"--regid={user}", "--clear-groups"]
    else:
        record = pwd.getpwnam(user)
        identity = [f"--reuid={record.pw_uid}", f"--regid={record.pw_gid}", "--init-groups"]
    return [machine.program("setpriv"), *identity, "--"]


def run(user: str | int, command: list[Any], stdin: str | bytes = b"", **more: Any) -> subprocess.CompletedProcess[bytes]:
    data = stdin.encode() if isinstance(stdin, str) else stdin
    return subprocess.run(
        as_user(user) + [str(word) for word in command], input=data, capture_output=True, cwd="/", timeout=machine.PATIENCE * 2,
        **more)


def sendmail(gateway: Gateway, user: str | int, *arguments: str, stdin: str | bytes,
             code: int = 0) -> subprocess.CompletedProcess[bytes]:
    """`postern sendmail --config FILE ARGUMENTS`; it must end with `code`, without a word on success and with one line else."""
    done = run(user, [machine.BINARY, "sendmail", "--config", gateway.config, *arguments], stdin)
    assert done.returncode == code, f"sendmail {arguments} ended with {done.returncode}: {done.stderr.decode()}"
    said = done.stderr.decode().splitlines()
    assert len(said) == (0 if code == 0 else 1), said
    return done


def link(folder: pathlib.Path, name: str = "sendmail") -> pathlib.Path:
    """A symbolic link of that name to the gateway's program."""
    path = folder / name
    path.symlink_to(machine.BINARY)
    return path
