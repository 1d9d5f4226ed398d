# SPDX-License-Identifier: Apache-2.0
"""A command on a terminal of its own, 80 columns wide, as a person runs it."""

import os
import pty
import select
import subprocess
import time
from dataclasses import dataclass

from harness import machine
from harness.gateway import Gateway


@dataclass
class Spoken:
    returncode: int
    text: str


def run(gateway: Gateway, *arguments: str, typed: str = "", prompt: str = "") -> Spoken:
    """Runs `postern ARGUMENTS --config FILE`; types `typed` once `prompt` is there."""
    ours, theirs = pty.openpty()
    process = subprocess.Popen(
        [str(machine.BINARY), *arguments, "--config", str(gateway.config)],
        stdin=theirs, stdout=theirs, stderr=theirs, env=gateway.env | {"TERM": "dumb", "COLUMNS": "80"}, cwd=gateway.folder,
        start_new_session=True)
    os.close(theirs)
    said = b""
    deadline = time.monotonic() + machine.PATIENCE * 2
    try:
        while True:
            assert time.monotonic() < deadline, f"postern {arguments} does not end: {said!r}"
            if not select.select([ours], [], [], 0.1)[0]:
                continue
            try:
                data = os.read(ours, 65536)
            except OSError:
                # Linux says EIO once the other end is closed.
                break
            if not data:
                break
            said += data
            if typed and prompt.encode() in said:
                os.write(ours, typed.encode())
                typed = ""
        return Spoken(process.wait(machine.PATIENCE), said.decode(errors="replace").replace("\r\n", "\n"))
    finally:
        os.close(ours)
        if process.poll() is None:
            process.kill()
            process.wait()
