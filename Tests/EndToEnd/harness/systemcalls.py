# SPDX-License-Identifier: Apache-2.0
"""Reads a system-call trace: which files were written and synced before which reply left."""

import pathlib
import re
from collections.abc import Iterator
from dataclasses import dataclass

from harness import machine

CALLS = "openat,write,pwrite64,writev,pwritev,fsync,fdatasync,sendto,sendmsg,recvfrom,read,readv,ftruncate"
WRITES = {"write", "pwrite64", "writev", "pwritev"}
SYNCS = {"fsync", "fdatasync"}
SENDS = {"write", "writev", "sendto", "sendmsg"}
DATABASE = re.compile(r"\.sqlite|\.db|-wal|-journal")


@dataclass(frozen=True)
class Call:
    """One call that came back, in the order in which calls came back."""

    name: str
    target: str
    text: str
    result: int

    @property
    def is_database_write(self) -> bool:
        return self.name in WRITES and self.result > 0 and bool(DATABASE.search(self.target)) and "-shm" not in self.target

    @property
    def is_database_sync(self) -> bool:
        return self.name in SYNCS and self.result == 0 and bool(DATABASE.search(self.target))

    @property
    def accepted(self) -> str | None:
        """The id, when this call sends the 250 that follows an end of data."""
        found = re.search(r"250[ -]2\.\d\.\d [^\"]*?\b([a-z2-7]{16})\b", self.text) if self.name in SENDS else None
        return found.group(1) if found else None


def tracer(output: pathlib.Path) -> list[str]:
    """The command line to put before a program."""
    return [machine.program("strace"), "-f", "--seccomp-bpf", "-y", "-s", "400", "-e", f"trace={CALLS}", "-o", str(output)]


LINE = re.compile(r"^(?P<pid>\d+) +(?P<rest>.*)$")
START = re.compile(r"^(?P<name>\w+)\((?:\d+|AT_FDCWD)<(?P<target>[^>]*)>(?P<text>.*)$")


def calls(trace: pathlib.Path) -> Iterator[Call]:
    """Calls in the order of their ends; one that another thread interrupted is put together again."""
    unfinished: dict[str, str] = {}
    for raw in trace.read_text(errors="replace").splitlines():
        line = LINE.match(raw)
        if not line:
            continue
        pid, rest = line["pid"], line["rest"]
        if rest.endswith("<unfinished ...>"):
            unfinished[pid] = rest.removesuffix("<unfinished ...>")
            continue
        resumed = re.match(r"^<\.\.\. \w+ resumed>(.*)$", rest)
        if resumed:
            rest = unfinished.pop(pid, "") + resumed.group(1)
        start = START.match(rest)
        result = re.search(r"= (-?\d+)(?:<[^>]*>)?(?: \w+ \(.*\))?$", rest)
        if start and result:
            yield Call(start["name"], start["target"], start["text"], int(result.group(1)))


@dataclass(frozen=True)
class Promise:
    """A 250, and whether what was written for it had reached the disk."""

    id: str
    wrote: bool
    synced: bool


def promises_side_by_side(trace: pathlib.Path) -> list[Promise]:
    """
    For sessions at the same time, where others may write after this one's sync: between the end of its body and its 250 there was a
    write to the database and, after that, a sync that came back.
    """
    log = list(calls(trace))
    found = []
    for index, call in enumerate(log):
        if not call.accepted:
            continue
        began = end_of_data(log, index, call.target)
        between = log[began:index]
        writes = [i for i, c in enumerate(between) if c.is_database_write]
        synced = bool(writes) and any(c.is_database_sync for c in between[writes[0] + 1 :])
        found.append(Promise(call.accepted, bool(writes), synced))
    return found


def promises_one_by_one(trace: pathlib.Path) -> list[Promise]:
    """For sessions one after the other: besides, no database write at all stands between the last sync and the 250."""
    all_synced: dict[str, bool] = {}
    unsynced = False
    for call in calls(trace):
        if call.is_database_write:
            unsynced = True
        elif call.is_database_sync:
            unsynced = False
        elif call.accepted:
            all_synced[call.accepted] = not unsynced
    return [Promise(p.id, p.wrote, p.synced and all_synced[p.id]) for p in promises_side_by_side(trace)]


def end_of_data(log: list[Call], reply: int, socket: str) -> int:
    """Where the socket of a reply was last read from with something in it."""
    for index in range(reply - 1, -1, -1):
        call = log[index]
        if call.target == socket and call.name in {"read", "recvfrom", "readv"} and call.result > 0:
            return index
    raise AssertionError(f"no read from {socket} before its 250")
