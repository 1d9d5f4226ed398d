# SPDX-License-Identifier: Apache-2.0
"""A locked gateway holds no key and no open file, puts mail off, and loses nothing: what got its 250 arrives after the unlock."""

import os
import pathlib
import re
import urllib.request
from collections.abc import Iterator

import pytest

from harness import machine, message, prometheus
from harness.conversation import Closed, Conversation, stuffed
from harness.gateway import PASSPHRASE, Gateway
from harness.load import Load, arrived
from harness.peers.nexthop import NextHop
from harness.programs import sendmail


@pytest.fixture
def hop() -> Iterator[NextHop]:
    peer = NextHop().start()
    yield peer
    peer.stop()


@pytest.fixture
def gateway(make_own_gateway, hop: NextHop) -> Gateway:
    return make_own_gateway(relay_port=hop.port).start()


def unlock(gateway: Gateway, passphrase: str = PASSPHRASE, check: bool = True):
    return gateway.cli("unlock", stdin=passphrase + "\n", check=check)


def assert_shut(gateway: Gateway) -> None:
    for role in ("mx", "submission"):
        with Conversation(gateway.ports[role]) as talk:
            assert talk.reply().code == 421 and talk.closed()
    with Conversation(gateway.ports["submissions"]) as talk:
        assert talk.closed()


def test_locked_it_answers_421_and_opens_with_the_passphrase(gateway: Gateway, hop: NextHop) -> None:
    assert "locked" in gateway.cli("lock").stdout
    assert_shut(gateway)
    assert gateway.status()["locked"] and gateway.facts("vault", "status")["locked"]
    assert "already" in gateway.cli("lock").stdout
    refused = gateway.cli("queue", "list", check=False)
    assert refused.returncode == 1 and "postern unlock" in refused.stderr
    wrong = unlock(gateway, "not the passphrase", check=False)
    assert wrong.returncode == 1 and "does not open" in wrong.stderr
    assert_shut(gateway)
    assert "open" in unlock(gateway).stdout
    assert not gateway.status()["locked"]
    gateway.send("s@example.net", "x@peer.test", message.simple("after"))
    hop.wait(1)


def test_it_holds_no_file_of_the_queue_while_locked(gateway: Gateway) -> None:
    def held() -> list[str]:
        links = (os.readlink(p) for p in pathlib.Path(f"/proc/{gateway.pid}/fd").iterdir())
        return [link for link in links if "sqlite" in link]

    assert held()
    gateway.cli("lock")
    assert not held()


def locked_by_metrics(port: int) -> float:
    with urllib.request.urlopen(f"http://127.0.0.1:{port}/metrics", timeout=machine.PATIENCE) as answer:
        return prometheus.parse(answer.read().decode())["postern_locked"].value()


def test_programs_and_monitoring_while_it_is_locked(make_own_gateway, hop: NextHop) -> None:
    port = machine.free_port()
    gateway = make_own_gateway("spool.toml", relay_port=hop.port, metrics_port=port).start()
    sendmail(gateway, "nobody", "-t", stdin="To: x@peer.test\nSubject: first\n\nhi\n")
    hop.wait(1)
    gateway.cli("lock")
    # A program leaves its mail in the sealed spool, where it waits for the key.
    sendmail(gateway, "nobody", "-t", stdin="To: x@peer.test\nSubject: second\n\nhi\n")
    assert [p for p in (gateway.folder / "spool").iterdir() if p.name not in ("postern-spool.json", "set-aside")]
    assert locked_by_metrics(port) == 1
    checked = gateway.cli("status", "--check", check=False)
    assert checked.returncode == 2 and "locked" in checked.stdout
    assert len(hop.received) == 1
    unlock(gateway)
    hop.wait(2)
    assert locked_by_metrics(port) == 0


def locked_kilobytes(pid: int) -> int:
    found = re.search(r"VmLck:\s+(\d+) kB", pathlib.Path(f"/proc/{pid}/status").read_text())
    assert found
    return int(found[1])


def test_the_memory_of_the_keys_is_given_up(gateway: Gateway, hop: NextHop) -> None:
    """Every key lies in locked memory of its own, which is overwritten when it goes: none is left."""
    gateway.send("s@example.net", "x@peer.test", message.simple("an epoch"))
    hop.wait(1)
    assert locked_kilobytes(gateway.pid) > 0
    gateway.cli("lock")
    assert locked_kilobytes(gateway.pid) == 0
    unlock(gateway)
    assert locked_kilobytes(gateway.pid) > 0


def test_waiting_mail_stays_and_leaves_after_the_unlock(make_own_gateway) -> None:
    hop = NextHop()
    gateway = make_own_gateway(relay_port=hop.port).start()
    identifiers = {gateway.send("s@example.net", "x@peer.test", message.simple(f"n {n}")) for n in range(5)}
    gateway.cli("lock")
    hop.start()
    gateway.cli("unlock", "--as-configured")
    assert {c["id"] for c in gateway.queue()} <= identifiers
    gateway.cli("queue", "retry", "--all", "--yes", check=False)
    assert len(hop.wait(5)) == 5
    hop.stop()


def test_a_message_that_is_on_its_way_in_is_taken_whole_or_not_at_all(gateway: Gateway, hop: NextHop) -> None:
    import threading
    with gateway.connect() as idle, gateway.connect() as talk:
        idle.ehlo()
        talk.ehlo()
        talk.envelope("s@example.net", "x@peer.test")
        talk.expect("DATA", 354)
        content = stuffed(message.simple("in the middle"))
        talk.write(content[:40])
        locking = threading.Thread(target=lambda: gateway.cli("lock"))
        locking.start()
        assert idle.reply().code == 421 and idle.closed()
        talk.write(content[40:])
        try:
            code = talk.reply().code
        except (Closed, OSError):
            code = 0
        locking.join()
    assert code in (250, 421, 451, 0)
    unlock(gateway)
    if code == 250:
        hop.wait(1)
    gateway.wait_until_empty()
    assert len(hop.received) == (1 if code == 250 else 0)


def test_it_starts_locked_when_told_to_and_only_one_does(make_own_gateway, hop: NextHop) -> None:
    gateway = make_own_gateway(relay_port=hop.port).initialise()
    gateway.launch(["up", "--locked", "--config", str(gateway.config)])
    assert gateway.status()["locked"]
    assert_shut(gateway)
    second = gateway.cli("up", "--locked", check=False)
    assert second.returncode == 1 and "running" in second.stderr
    unlock(gateway)
    gateway.send("s@example.net", "x@peer.test", message.simple("opened"))
    hop.wait(1)


def test_a_reload_while_locked_holds_after_the_unlock(gateway: Gateway) -> None:
    gateway.cli("lock")
    gateway.config.write_text(gateway.config.read_text().replace("gateway.postern.test", "localhost"))
    gateway.cli("reload")
    assert_shut(gateway)
    unlock(gateway)
    with Conversation(gateway.ports["mx"]) as talk:
        assert talk.reply().text.startswith("localhost")


def test_under_traffic_every_250_arrives(gateway: Gateway, hop: NextHop) -> None:
    with Load(gateway, "lock") as load:
        for number in range(4):
            load.more(20)
            gateway.cli("lock")
            machine.eventually(lambda n=number: load.codes[421] > n, "somebody who was put off")
            unlock(gateway)
        load.more(20)
        gateway.restart()
        load.more(20)
    assert set(load.codes) <= {421, 451}, load.codes
    gateway.cli("queue", "retry", "--all", "--yes", check=False)
    gateway.wait_until_empty()
    lost = load.promised - arrived(hop)
    assert not lost
