# SPDX-License-Identifier: Apache-2.0
"""What an operator does to waiting mail, and asks about it."""

from collections.abc import Iterator

import pytest

from harness import machine, message
from harness.gateway import Gateway
from harness.peers.nexthop import NextHop

ALICE = "alice@postern.test"


@pytest.fixture
def hop() -> Iterator[NextHop]:
    """Down until a test starts it."""
    peer = NextHop()
    yield peer
    peer.stop()


@pytest.fixture
def gateway(make_own_gateway, hop: NextHop) -> Gateway:
    made = make_own_gateway(relay_port=hop.port).start()
    made.add_user("alice")
    return made


def waiting(gateway: Gateway, recipient: str = "x@far.test", text: str = "waiting") -> str:
    identifier = gateway.submit(ALICE, recipient, message.simple(text, sender=ALICE))
    machine.eventually(lambda: gateway.trace(identifier)[0]["attempts"] >= 1, "a first try")
    gateway.wait_for_state(identifier, "ready")
    return identifier


def test_trace_follows_a_message_by_the_id_in_its_250(gateway: Gateway, hop: NextHop) -> None:
    identifier = waiting(gateway)
    copy = gateway.trace(identifier)[0]
    assert copy["state"] == "ready" and copy["attempts"] >= 1 and copy["nextTry"] and copy["lastReply"]
    assert "clear" in copy["protection"]
    assert identifier in gateway.cli("trace", identifier).stdout
    hop.start()
    gateway.cli("queue", "retry", identifier)
    gateway.wait_until_empty()
    assert gateway.trace(identifier)[0]["state"] == "delivered"
    unknown = gateway.cli("trace", "a" * 16, check=False)
    assert unknown.returncode == 1 and unknown.stderr.strip()


def test_list_and_show_tell_no_addresses_unless_asked(gateway: Gateway) -> None:
    identifier = waiting(gateway)
    for command in (["queue", "list"], ["queue", "show", identifier], ["trace", identifier], ["status"], ["log"]):
        assert "far.test" not in gateway.cli(*command).stdout.replace("gateway.postern.test", "")
    for command in (["queue", "list", "--addresses-always"], ["queue", "show", identifier, "--addresses-always"]):
        said = gateway.cli(*command).stdout
        assert "x@far.test" in said and ALICE in said


def test_a_held_message_stays_until_it_is_released(gateway: Gateway, hop: NextHop) -> None:
    identifier = waiting(gateway)
    gateway.cli("queue", "hold", identifier)
    assert gateway.trace(identifier)[0]["state"] == "held"
    assert [c["id"] for c in gateway.queue("--state", "held")] == [identifier]
    hop.start()
    gateway.clock.advance(86400)
    gateway.send("s@example.net", ALICE, message.simple("something else moves"))
    gateway.maildir("alice").find("something else moves")
    assert not hop.received
    gateway.cli("queue", "release", identifier)
    assert hop.wait()[0].recipient == "x@far.test"


def test_a_hold_outlives_a_restart(gateway: Gateway) -> None:
    identifier = waiting(gateway)
    gateway.cli("queue", "hold", identifier)
    gateway.restart()
    assert gateway.trace(identifier)[0]["state"] == "held"


def test_a_dropped_message_is_gone_and_nobody_is_told(gateway: Gateway, hop: NextHop) -> None:
    identifier = waiting(gateway)
    gateway.cli("queue", "drop", identifier)
    assert not gateway.queue()
    hop.start()
    gateway.restart()
    assert not hop.received and not gateway.maildir("alice").files()


def test_retry_all_tries_all(gateway: Gateway, hop: NextHop) -> None:
    for number in range(5):
        waiting(gateway, f"x{number}@far.test")
    hop.start()
    gateway.cli("queue", "retry", "--all", "--yes")
    assert len(hop.wait(5)) == 5


def test_drop_all_asks_first(gateway: Gateway) -> None:
    waiting(gateway)
    assert gateway.cli("queue", "drop", "--all", check=False).returncode != 0 and gateway.queue()
    gateway.cli("queue", "drop", "--all", "--yes")
    assert not gateway.queue()


def test_one_copy_of_many_can_be_meant(gateway: Gateway) -> None:
    identifier = gateway.submit(ALICE, ["x@far.test", "y@far.test"], message.simple("two copies", sender=ALICE))
    machine.eventually(lambda: all(c["attempts"] >= 1 for c in gateway.trace(identifier)), "first tries")
    numbers = [c["number"] for c in gateway.trace(identifier)]
    assert len(numbers) == 2
    gateway.cli("queue", "hold", f"{identifier}/{numbers[0]}")
    states = {c["number"]: c["state"] for c in gateway.trace(identifier)}
    assert states[numbers[0]] == "held" and states[numbers[1]] != "held"


@pytest.mark.parametrize("verb", ["show", "retry", "hold", "release", "drop"])
def test_an_unknown_id_is_told_so(gateway: Gateway, verb: str) -> None:
    for identifier in ("aaaaaaaaaaaaaaaa", "nonsense", "../etc/passwd"):
        done = gateway.cli("queue", verb, identifier, check=False)
        assert done.returncode != 0 and done.stderr.strip()


def test_the_commands_work_while_no_gateway_runs(gateway: Gateway) -> None:
    identifier = waiting(gateway)
    assert gateway.stop() == 0
    assert [c["id"] for c in gateway.queue()] == [identifier]
    gateway.cli("queue", "hold", identifier)
    assert gateway.trace(identifier)[0]["state"] == "held"
    assert gateway.cli("status", check=False).returncode == 69


def test_explain_says_what_would_happen(gateway: Gateway) -> None:
    steps = {s["question"]: s["answer"] for s in gateway.facts("explain", "x@far.test")["steps"]}
    assert steps and all(answer for answer in steps.values())
    assert "alice" in gateway.cli("explain", ALICE).stdout


def test_status_counts(gateway: Gateway) -> None:
    waiting(gateway)
    status = gateway.status()
    assert status["store"] == "ok" and status["level"] == 1 and sum(status["queue"].values()) == 1
    assert {one["role"] for one in status["listeners"]} == {"mx", "submission", "submissions"}
    assert status["processID"] == gateway.pid and not status["locked"]
