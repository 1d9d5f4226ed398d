# SPDX-License-Identifier: Apache-2.0
"""Without a list of recipients the next hop is asked, with the null sender, before a stranger's mail is taken."""

import threading
from collections.abc import Iterator

import pytest

from harness import canary, machine, message
from harness.gateway import Gateway
from harness.peers.nexthop import NextHop


class Directory:
    """A next hop that knows some people."""

    def __init__(self, known: set[str]):
        self.known = known
        self.asked: list[str] = []
        self.hop = NextHop(answer=self.answer)

    def answer(self, verb: str, line: str) -> str | None:
        if verb != "RCPT":
            return None
        name = line.split("<")[1].split("@")[0]
        self.asked.append(name)
        if name == "slow":
            return "450 4.2.1 greylisted"
        return None if name in self.known or "*" in self.known else "550 5.1.1 unknown"


@pytest.fixture
def directory() -> Iterator[Directory]:
    made = Directory({"carol", "dave"})
    made.hop.start()
    yield made
    made.hop.stop()


@pytest.fixture
def gateway(make_own_gateway, directory: Directory) -> Gateway:
    return make_own_gateway(relay_port=directory.hop.port).start()


def rcpt(gateway: Gateway, name: str) -> int:
    with gateway.connect() as talk:
        talk.ehlo()
        talk.expect("MAIL FROM:<s@example.net>", 250)
        return talk.command(f"RCPT TO:<{name}@peer.test>").code


def test_yes_and_no(gateway: Gateway, directory: Directory) -> None:
    assert rcpt(gateway, "carol") == 250
    assert rcpt(gateway, "mallory") == 550
    asked = [c for c in directory.hop.commands if c.upper().startswith("MAIL")]
    assert asked and all("<>" in c for c in asked)
    assert not directory.hop.received


def test_yes_is_remembered_for_two_hours_and_no_for_five_minutes(gateway: Gateway, directory: Directory) -> None:
    for _ in range(2):
        rcpt(gateway, "carol")
        rcpt(gateway, "mallory")
    assert directory.asked.count("carol") == 1 and directory.asked.count("mallory") == 1
    gateway.clock.advance(6 * 60)
    rcpt(gateway, "carol")
    rcpt(gateway, "mallory")
    assert directory.asked.count("carol") == 1 and directory.asked.count("mallory") == 2
    gateway.clock.advance(2 * 3600)
    rcpt(gateway, "carol")
    assert directory.asked.count("carol") == 2


def test_a_yes_outlives_a_restart_and_lies_sealed(gateway: Gateway, directory: Directory) -> None:

    assert rcpt(gateway, "carol") == 250
    gateway.restart()
    directory.hop.stop()
    assert rcpt(gateway, "carol") == 250
    assert not canary.scan_folder(gateway.data, ["carol@peer.test"])


def test_next_hop_down_and_nothing_remembered_is_later(gateway: Gateway, directory: Directory) -> None:
    directory.hop.stop()
    assert rcpt(gateway, "dave") == 451
    directory.hop.start()
    machine.eventually(lambda: rcpt(gateway, "dave") == 250, "a yes once the next hop is back")


def test_a_next_hop_that_says_later_is_later(gateway: Gateway) -> None:
    assert rcpt(gateway, "slow") == 451


def test_a_next_hop_that_says_yes_to_everything_is_found_out(make_own_gateway) -> None:
    catch_all = Directory({"*"})
    catch_all.hop.start()
    gateway = make_own_gateway(relay_port=catch_all.hop.port).start()
    assert rcpt(gateway, "carol") == 250
    alarms = machine.eventually(lambda: gateway.status()["alarms"], "an alarm in postern status")
    assert any(alarm["name"] == "catch-all" and "every" in alarm["sentence"] for alarm in alarms), alarms
    assert len([name for name in catch_all.asked if name != "carol"]) >= 1, "it was never tried with a name that nobody has"
    catch_all.hop.stop()


def test_mail_for_a_verified_recipient_goes_on(gateway: Gateway, directory: Directory) -> None:
    gateway.send("s@example.net", "carol@peer.test", message.simple("for carol"))
    assert directory.hop.wait()[0].recipient == "carol@peer.test"


def test_many_who_ask_at_once_do_not_wait_for_each_other_forever(gateway: Gateway, directory: Directory) -> None:

    answers: list[int] = []
    threads = [threading.Thread(target=lambda n=n: answers.append(rcpt(gateway, f"nobody{n}"))) for n in range(20)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(machine.PATIENCE)
    assert len(answers) == 20 and set(answers) <= {550, 451}
