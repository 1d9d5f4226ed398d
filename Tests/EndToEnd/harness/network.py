# SPDX-License-Identifier: Apache-2.0
"""A network of one's own: loopback alone, where ports 25, 587 and 143 are free whatever the machine runs."""

import contextlib
import ctypes
import os
import subprocess
from collections.abc import Iterator

from harness import machine

_CLONE_NEWNET = 0x40000000
_libc = ctypes.CDLL(None, use_errno=True)


@contextlib.contextmanager
def private() -> Iterator[None]:
    """This thread, and what it starts from here on, sees nothing but its own loopback interface."""
    before = os.open("/proc/thread-self/ns/net", os.O_RDONLY | os.O_CLOEXEC)
    try:
        _call(_libc.unshare(_CLONE_NEWNET))
        subprocess.run([machine.program("ip"), "link", "set", "lo", "up"], check=True)
        yield
    finally:
        _call(_libc.setns(before, _CLONE_NEWNET))
        os.close(before)


def _call(result: int) -> None:
    if result != 0:
        code = ctypes.get_errno()
        raise OSError(code, os.strerror(code))
