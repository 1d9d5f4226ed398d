# SPDX-License-Identifier: Apache-2.0
"""The trace's reader itself: what it takes for a promise that was kept, and for one that was not."""

import pathlib
import sqlite3
import subprocess
import sys

import pytest

from harness.systemcalls import promises_one_by_one, promises_side_by_side, tracer

SERVER = """
import os, socket, sqlite3, sys
database = sqlite3.connect(sys.argv[1], isolation_level=None)
database.execute("PRAGMA journal_mode=WAL"); database.execute(f"PRAGMA synchronous={sys.argv[2]}")
database.execute("CREATE TABLE t (x)")
ours, theirs = socket.socketpair()
for number in range(5):
    theirs.send(b"body\\r\\n.\\r\\n"); ours.recv(100)
    if sys.argv[3] == "before": ours.send(b"250 2.0.0 queued as aaaaaaaaaaaaaaa%d\\r\\n" % (number + 2))
    database.execute("BEGIN"); database.execute("INSERT INTO t VALUES (?)", ("x" * 5000,)); database.execute("COMMIT")
    if sys.argv[3] == "after": ours.send(b"250 2.0.0 queued as aaaaaaaaaaaaaaa%d\\r\\n" % (number + 2))
"""


@pytest.mark.parametrize("synchronous, order, kept", [("FULL", "after", True), ("NORMAL", "after", False), ("FULL", "before", False)])
@pytest.mark.parametrize("reader", [promises_one_by_one, promises_side_by_side])
def test_it_tells_kept_promises_from_broken_ones(folder: pathlib.Path, synchronous: str, order: str, kept: bool, reader) -> None:
    trace, database = folder / "trace", folder / f"{synchronous}-{order}-{reader.__name__}.sqlite"
    subprocess.run([*tracer(trace), sys.executable, "-c", SERVER, database, synchronous, order], check=True)
    promises = reader(trace)
    assert len(promises) == 5
    # The first commit of all creates the log's header, which every mode syncs.
    assert all(p.wrote and p.synced for p in promises[1:]) == kept, promises
    assert sqlite3.connect(database).execute("SELECT count(*) FROM t").fetchone() == (5,)
