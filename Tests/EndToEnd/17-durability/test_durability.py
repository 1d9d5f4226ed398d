# SPDX-License-Identifier: Apache-2.0
"""
`250` follows a successful sync. A system-call trace of 20 sessions shows for each of them a completed fsync or fdatasync after that
message's last write; with synchronous=NORMAL the same check fails, so it can fail.
"""

import pathlib
import threading

import pytest

from harness import message
from harness.gateway import Gateway
from harness.systemcalls import Promise, promises_one_by_one, promises_side_by_side, tracer

SESSIONS = 20


def traced(make, **environment: str) -> tuple[Gateway, pathlib.Path]:
    """A gateway that runs under strace from its first instruction."""
    gateway: Gateway = make()
    gateway.initialise()
    gateway.add_user("alice")
    trace = gateway.folder / "trace"
    gateway.wrapper = tracer(trace)
    gateway.environment = environment
    gateway.start()
    return gateway, trace


def one_by_one(gateway: Gateway) -> list[str]:
    ids = []
    for number in range(SESSIONS):
        ids.append(gateway.send("s@example.net", "alice@postern.test", message.simple(f"number {number}")))
        gateway.wait_until_empty()
    return ids


def side_by_side(gateway: Gateway) -> list[str]:
    ids: list[str] = []
    start = threading.Barrier(SESSIONS)

    def session(number: int) -> None:
        with gateway.connect() as talk:
            talk.ehlo()
            start.wait()
            ids.append(talk.send_mail("s@example.net", "alice@postern.test", message.simple(f"number {number}")))

    threads = [threading.Thread(target=session, args=(number,)) for number in range(SESSIONS)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return ids


def check(ids: list[str], promises: list[Promise]) -> None:
    assert sorted(p.id for p in promises) == sorted(ids) and len(ids) == SESSIONS
    for promise in promises:
        assert promise.wrote, f"{promise.id} was promised before anything was written"
        assert promise.synced, f"{promise.id} was promised before it was on disk"


def test_each_250_follows_a_sync_when_sessions_follow_each_other(make_own_gateway) -> None:
    gateway, trace = traced(make_own_gateway)
    ids = one_by_one(gateway)
    gateway.end()
    check(ids, promises_one_by_one(trace))


def test_each_250_follows_a_sync_when_sessions_share_commits(make_own_gateway) -> None:
    gateway, trace = traced(make_own_gateway)
    ids = side_by_side(gateway)
    gateway.end()
    check(ids, promises_side_by_side(trace))


def test_the_check_fails_with_synchronous_normal(make_own_gateway) -> None:
    """The control. `POSTERN_TEST_SYNCHRONOUS` exists in test builds only."""
    gateway, trace = traced(make_own_gateway, POSTERN_TEST_SYNCHRONOUS="NORMAL")
    ids = one_by_one(gateway)
    gateway.end()
    with pytest.raises(AssertionError, match="before it was on disk"):
        check(ids, promises_one_by_one(trace))
