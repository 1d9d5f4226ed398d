# SPDX-License-Identifier: Apache-2.0
"""Wrong passwords are slowed by source and by login, whether the login exists or not, and lock nobody out elsewhere."""

import base64
import select
import threading

import pytest

from harness import machine
from harness.conversation import Conversation
from harness.gateway import PASSWORD, Gateway

MALLORY = "127.0.0.66"
HONEST = "127.0.0.7"


@pytest.fixture(scope="module")
def gateway(make_gateway) -> Gateway:
    made = make_gateway().start()
    made.add_user("alice")
    made.add_user("bob")
    return made


@pytest.fixture(autouse=True)
def forgotten(gateway: Gateway) -> None:
    gateway.clock.advance(3 * 3600)


def plain(name: str, password: str) -> str:
    return "AUTH PLAIN " + base64.b64encode(f"\0{name}\0{password}".encode()).decode()


def secured(gateway: Gateway, source: str) -> Conversation:
    talk = gateway.connect("submissions", source)
    talk.ehlo()
    return talk


def guess(gateway: Gateway, name: str, source: str = MALLORY, password: str = "wrong") -> int:
    """One attempt, for which time passes as it needs; its reply's code."""
    with secured(gateway, source) as talk:
        talk.write(plain(name, password).encode() + b"\r\n")
        while not select.select([talk.socket], [], [], 0.2)[0]:
            gateway.clock.advance(5)
        return talk.reply().code


def slowed(gateway: Gateway) -> int:
    return gateway.status()["counters"].get("sign-ins slowed", 0)


@pytest.mark.parametrize("name", ["alice", "nobody", "alice@postern.test"])
def test_a_source_that_guesses_is_slowed_whoever_it_guesses_at(gateway: Gateway, name: str) -> None:
    before = slowed(gateway)
    assert [guess(gateway, name) for _ in range(12)] == [535] * 12
    counted = slowed(gateway) - before
    assert counted >= 6

    # The next one waits, and another source does not.
    with secured(gateway, MALLORY) as waiting:
        waiting.write(plain(name, "wrong").encode() + b"\r\n")
        machine.eventually(lambda: slowed(gateway) > before + counted, "the attempt to be in line")
        assert not select.select([waiting.socket], [], [], 0)[0]
        with secured(gateway, HONEST) as talk:
            talk.expect(plain("bob", PASSWORD), 235)
        gateway.clock.advance(70)
        assert waiting.reply().code == 535


def test_known_and_unknown_logins_are_answered_and_slowed_alike(gateway: Gateway) -> None:
    seen = []
    for number, name in enumerate(["alice", "nobody"]):
        before = slowed(gateway)
        codes = [guess(gateway, name, f"127.0.1.{number}") for _ in range(8)]
        seen.append((codes, slowed(gateway) - before))
    assert seen[0] == seen[1]


def test_who_has_signed_in_from_a_place_is_not_held_up_there_by_guesses_elsewhere(gateway: Gateway) -> None:
    with secured(gateway, HONEST) as talk:
        talk.expect(plain("alice", PASSWORD), 235)
    for number in range(1, 25):
        guess(gateway, "alice", f"127.0.2.{number}")
    before = slowed(gateway)
    with secured(gateway, HONEST) as talk:
        talk.expect(plain("alice", PASSWORD), 235)
    assert slowed(gateway) == before
    # From a new place the owner waits a little, and gets in.
    assert guess(gateway, "alice", "127.0.3.1", PASSWORD) == 235


def test_a_right_password_after_some_slips_clears_them(gateway: Gateway) -> None:
    for _ in range(3):
        guess(gateway, "bob", "127.0.4.1")
    assert guess(gateway, "bob", "127.0.4.1", PASSWORD) == 235
    before = slowed(gateway)
    assert guess(gateway, "bob", "127.0.4.1") == 535
    assert slowed(gateway) == before


def test_many_connections_gain_nothing(gateway: Gateway) -> None:
    codes: list[int] = []

    def once() -> None:
        with secured(gateway, "127.0.5.1") as talk:
            codes.append(talk.command(plain("alice", "wrong")).code)

    threads = [threading.Thread(target=once) for _ in range(20)]
    for thread in threads:
        thread.start()

    def over() -> bool:
        gateway.clock.advance(5)
        return not any(thread.is_alive() for thread in threads)

    # Those that would wait too long in line are sent away, unheard.
    machine.eventually(over, "all answers")
    assert len(codes) == 20 and set(codes) == {535, 454}
    assert gateway.status()["counters"]["sign-ins turned away"] > 0


def test_status_names_nobody(gateway: Gateway) -> None:
    counters = gateway.status()["counters"]
    assert counters["authentication failures"] > 0 and counters["sign-ins slowed"] > 0
    shown = gateway.cli("status").stdout + gateway.cli("status", "--json").stdout + gateway.log()
    for word in ("alice", "nobody", MALLORY):
        assert word not in shown
