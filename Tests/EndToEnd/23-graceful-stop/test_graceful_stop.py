# SPDX-License-Identifier: Apache-2.0
"""SIGTERM: sessions finish their message or get `421`, new ones are refused, nothing that got its 250 is lost, and it ends with 0."""

import time
from collections.abc import Iterator

import pytest

from harness import machine, message
from harness.conversation import Closed, stuffed
from harness.gateway import Gateway
from harness.peers.nexthop import NextHop


@pytest.fixture
def hop() -> Iterator[NextHop]:
    peer = NextHop()
    yield peer
    peer.stop()


@pytest.fixture
def gateway(make_own_gateway, hop: NextHop) -> Gateway:
    return make_own_gateway(relay_port=hop.port).start()


def test_an_idle_session_gets_421(gateway: Gateway) -> None:
    talk = gateway.connect()
    talk.ehlo()
    gateway.terminate()
    assert talk.reply().code == 421 and talk.closed()
    assert gateway.wait_for_end() == 0


def test_a_message_that_is_on_its_way_in_is_taken_whole_or_not_at_all(gateway: Gateway, hop: NextHop) -> None:
    talk = gateway.connect()
    talk.ehlo()
    talk.envelope("s@example.net", "x@peer.test")
    talk.expect("DATA", 354)
    content = stuffed(message.simple("in the middle"))
    talk.write(content[:40])
    gateway.terminate()
    code = 0
    try:
        talk.write(content[40:])
        code = talk.reply().code
    except (Closed, OSError):
        pass
    assert code in (250, 421, 0)
    assert gateway.wait_for_end() == 0
    gateway.start()
    hop.start()
    gateway.cli("queue", "retry", "--all", "--yes", check=False)
    if code == 250:
        hop.wait(1)
    else:
        gateway.wait_until_empty()
        assert not hop.received


def test_nobody_is_let_in_while_it_stops_and_waiting_mail_is_kept(gateway: Gateway, hop: NextHop) -> None:
    identifiers = [gateway.send("s@example.net", "x@peer.test", message.simple(f"kept {n}")) for n in range(20)]
    assert gateway.stop() == 0
    assert not machine.accepts(gateway.ports["mx"])
    gateway.start()
    assert {c["id"] for c in gateway.queue()} == set(identifiers)
    hop.start()
    gateway.cli("queue", "retry", "--all", "--yes")
    assert len(hop.wait(20)) == 20


def test_a_slow_next_hop_does_not_keep_it_from_stopping(make_own_gateway) -> None:
    hanging = NextHop(extensions=("8BITMIME",), answer=lambda verb, line: time.sleep(600) if verb == "DATA" else None).start()  # type: ignore
    gateway = make_own_gateway(relay_port=hanging.port).start()
    identifier = gateway.send("s@example.net", "x@peer.test", message.simple("slow"))
    machine.eventually(lambda: any(c.startswith("DATA") for c in hanging.commands), "a delivery to begin")
    assert gateway.stop() == 0
    gateway.start()
    assert any(c["id"] == identifier for c in gateway.queue())
    hanging.stop()


def test_a_second_gateway_on_the_same_data_is_refused(gateway: Gateway) -> None:
    done = gateway.cli("up", check=False)
    assert done.returncode != 0 and (done.stdout + done.stderr).strip()
    assert gateway.alive and gateway.status()["processID"] == gateway.pid
