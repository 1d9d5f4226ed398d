# SPDX-License-Identifier: Apache-2.0
"""
What an operator sees and is told: the one screen of `postern status`, the exit codes of `--check`, alarms by command and by encrypted
mail, that they go up and are over again, and that none of it names anybody.
"""

import json
import os
import pathlib
import subprocess
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from harness import canary, machine, message, openpgp, terminal
from harness.canary import Canaries
from harness.gateway import Gateway
from harness.openpgp import GnuPG
from harness.peers.nexthop import NextHop

WORDS = Canaries()
OPERATOR = "ops@operator.test"
HOUR, DAY = 3600, 86400


@pytest.fixture
def hop() -> Iterator[NextHop]:
    """Down until a test starts it."""
    peer = NextHop()
    yield peer
    peer.stop()


@pytest.fixture
def make(make_own_gateway: Callable[..., Gateway], hop: NextHop, folder: pathlib.Path) -> Callable[..., Gateway]:
    def made(operator: str = OPERATOR) -> Gateway:
        notify = folder / f"notify-{os.urandom(4).hex()}"
        notify.write_text(f'#!/bin/sh\n{{ printf "%s\\n" "$@"; env; echo ----; }} >> {notify}.told\n')
        notify.chmod(0o755)
        gateway = make_own_gateway(
            relay_port=hop.port, metrics_port=machine.free_port(), notify=notify, operator=operator).start()
        gateway.environment["TOLD"] = f"{notify}.told"
        gateway.add_user("alice")
        return gateway

    return made


def told(gateway: Gateway) -> str:
    """Everything that the alarm command was told."""
    path = pathlib.Path(gateway.environment["TOLD"])
    return path.read_text() if path.exists() else ""


def alarms(gateway: Gateway) -> dict[str, dict[str, Any]]:
    return {alarm["name"]: alarm for alarm in gateway.status()["alarms"]}


def wait_for(gateway: Gateway, name: str) -> dict[str, Any]:
    return machine.eventually(lambda: alarms(gateway).get(name), f"the alarm {name}")


def wait_until_over(gateway: Gateway, name: str) -> None:
    machine.eventually(lambda: name not in alarms(gateway), f"the end of the alarm {name}")


def waiting(gateway: Gateway) -> str:
    """A marked message that can't leave, because the next hop is down."""
    sender = "alice@postern.test"
    text = message.simple(WORDS.body, subject=WORDS.subject, sender=sender)
    identifier = gateway.submit(sender, f"{WORDS.recipient}@{WORDS.domain}", text)
    machine.eventually(lambda: gateway.trace(identifier)[0]["attempts"] >= 1, "a first try")
    gateway.wait_for_state(identifier, "ready")
    return identifier


def test_one_screen_says_it_all(make: Callable[..., Gateway]) -> None:
    gateway = make()
    waiting(gateway)
    for recipient in ("x@dry.test", "bob@dry.test"):
        gateway.submit("alice@postern.test", recipient, message.simple("dry", sender="alice@postern.test"))
    with gateway.sign_in() as talk:
        talk.expect("MAIL FROM:<alice@postern.test>", 250)
        talk.expect("RCPT TO:<x@strict.test>", 550)
    machine.eventually(lambda: len(gateway.status()["troubledHops"]) == 1, "a next hop in trouble")
    text = gateway.cli("status").stdout
    lines = text.splitlines()
    assert len(lines) <= 24 and max(map(len, lines)) <= 80, text
    assert "up " in lines[0] and "UTC" in lines[0]
    for words in ("level:", "vault open", "listening:", "waiting:", "3 copies", "ready", "1 clear", "1 refused",
                  "2 would be clear", "in trouble: 1 relay", "alarms:      none", "limits:", "certificate:"):
        assert words in text, (words, text)
    facts = gateway.status()
    assert facts["oldestSeconds"] is not None and facts["upSince"] > 0 and facts["ages"]["ready"] == [3, 0, 0, 0, 0]
    assert facts["today"]["copies clear (no key)"] == 1 and facts["today"]["copies refused"] == 1
    trouble = facts["troubledHops"][0]
    assert trouble["kind"] == "relay" and trouble["cause"] == "unreachable" and "name" not in trouble
    gateway.clock.advance(DAY)
    facts = gateway.status()
    assert "copies refused" not in facts["today"] and facts["counters"]["copies refused"] == 1


def test_next_hops_are_named_on_a_terminal_only(make: Callable[..., Gateway], hop: NextHop) -> None:
    gateway = make()
    waiting(gateway)
    machine.eventually(lambda: gateway.status()["troubledHops"], "a next hop in trouble")
    refused = gateway.cli("status", "--hops", check=False)
    assert refused.returncode == 64 and "--hops-always" in refused.stderr and not refused.stdout
    for text in (gateway.cli("status", "--hops-always").stdout, terminal.run(gateway, "status", "--hops").text):
        assert f"127.0.0.1 {hop.port}" in text and "unreachable" in text
    assert str(hop.port) not in json.dumps(gateway.status()["troubledHops"])
    hop.start()
    gateway.cli("queue", "retry", "--all", "--yes")
    gateway.wait_until_empty()
    machine.eventually(lambda: not gateway.status()["troubledHops"], "no next hop in trouble")


def test_check_ends_as_a_monitoring_plugin(make: Callable[..., Gateway]) -> None:
    gateway = make()

    def check() -> tuple[int, str]:
        done = gateway.cli("status", "--check", check=False)
        assert done.stdout.count("\n") == 1 and done.stdout.startswith("POSTERN ") and not done.stderr, (done.stdout, done.stderr)
        return done.returncode, done.stdout

    code, line = check()
    assert code == 0 and line.startswith("POSTERN OK - up ") and " | waiting=0 held=0 oldest=0s " in line
    waiting(gateway)
    gateway.clock.advance(5 * HOUR)
    wait_for(gateway, "queue-age")
    code, line = check()
    assert code == 1 and line.startswith("POSTERN WARNING - ") and "queue-age" in line
    gateway.clock.advance(40 * DAY)
    wait_for(gateway, "certificate-expired")
    code, line = check()
    assert code == 2 and line.startswith("POSTERN CRITICAL - ") and "certificate-expired" in line
    assert canary.scan_bytes(line.encode(), WORDS.all(), "the line of --check") == []
    assert gateway.stop() == 0
    assert check()[0] == 2
    gateway.config.rename(gateway.config.with_suffix(".away"))
    assert check()[0] == 3
    gateway.config.with_suffix(".away").rename(gateway.config)


def test_alarms_go_up_and_are_over(make: Callable[..., Gateway], hop: NextHop) -> None:
    gateway = make()
    waiting(gateway)
    assert "next-hop" not in alarms(gateway)
    gateway.clock.advance(16 * 60)
    assert "16 min" in wait_for(gateway, "next-hop")["sentence"] or "15 min" in alarms(gateway)["next-hop"]["sentence"]
    gateway.clock.advance(4 * HOUR)
    wait_for(gateway, "queue-age")
    hop.start()
    gateway.cli("queue", "retry", "--all", "--yes")
    gateway.wait_until_empty()
    for name in ("next-hop", "queue-age"):
        wait_until_over(gateway, name)
    machine.eventually(lambda: "next-hop\nraised\n" in told(gateway), "the command to be told")
    clock = gateway.clock
    clock.set(clock.wall + 600, clock.boot)
    alarm = wait_for(gateway, "clock-jump")
    assert "ahead" in alarm["sentence"] and alarm["remedy"] and alarm["severity"] == "warning"
    clock.set(clock.wall - 600, clock.boot)
    wait_until_over(gateway, "clock-jump")
    clock.advance(17 * DAY)
    assert "days" in wait_for(gateway, "certificate-expires")["sentence"]
    clock.advance(14 * DAY)
    assert wait_for(gateway, "certificate-expired")["severity"] == "critical"
    wait_until_over(gateway, "certificate-expires")


def test_a_damaged_record_raises_an_alarm(make: Callable[..., Gateway]) -> None:
    gateway = make()
    waiting(gateway)
    assert gateway.stop() == 0
    damage = "UPDATE messages SET sealed = zeroblob(length(sealed))"
    subprocess.run([machine.program("python3"), "-c", f"import sqlite3; d = sqlite3.connect({str(gateway.data / 'queue.sqlite')!r}); "
                    f"d.execute({damage!r}); d.commit()"], check=True)
    gateway.start()
    gateway.cli("queue", "retry", "--all", "--yes", check=False)
    gateway.clock.advance(DAY)
    alarm = wait_for(gateway, "set-aside")
    assert "1 copy" in alarm["sentence"] and "queue list --state set-aside" in alarm["remedy"]


def test_a_full_disk_raises_an_alarm_before_and_when_it_is_full(make_own_gateway: Callable[..., Gateway], hop: NextHop) -> None:
    gateway: Gateway = make_own_gateway(
        relay_port=hop.port, metrics_port=machine.free_port(), notify="/bin/true", operator="alice@postern.test")
    gateway.data.mkdir(mode=0o700)
    subprocess.run(["mount", "-t", "tmpfs", "-o", "size=200m,mode=0700", "tmpfs", gateway.data], check=True)
    try:
        gateway.cli("vault", "init")
        gateway.start()
        assert "MiB left" in wait_for(gateway, "disk-low")["sentence"]
        assert "store-full" not in alarms(gateway)
        subprocess.run(["mount", "-o", "remount,size=40m", gateway.data], check=True)
        assert wait_for(gateway, "store-full")["severity"] == "critical"
        assert gateway.cli("status", "--check", check=False).returncode == 2
        subprocess.run(["mount", "-o", "remount,size=500m", gateway.data], check=True)
        gateway.clock.advance(120)
        for name in ("store-full", "disk-low"):
            wait_until_over(gateway, name)
        gateway.end()
    finally:
        subprocess.run(["umount", "-l", gateway.data], check=True)


def test_the_command_is_told_once_without_a_shell(make: Callable[..., Gateway]) -> None:
    gateway = make()
    clock = gateway.clock
    clock.set(600, 0)
    machine.eventually(lambda: "----" in told(gateway), "the command to run")
    words = told(gateway).split("----\n")[0].splitlines()
    assert words[:3] == ["--first", "clock-jump", "raised"] and words[3].startswith("The clock of this machine")
    assert {"POSTERN_ALARM=clock-jump", "POSTERN_ALARM_STATE=raised", "POSTERN_ALARM_SEVERITY=warning"} <= set(words)
    assert not any(w.startswith(("HOME=", "XDG_", "POSTERN_TEST")) for w in words)
    clock.set(0, 0)
    wait_until_over(gateway, "clock-jump")
    clock.set(600, 0)
    wait_for(gateway, "clock-jump")
    assert told(gateway).count("----") == 1
    clock.set(11 * 60, 11 * 60)
    machine.eventually(lambda: told(gateway).count("----") == 2, "the end to be told")
    assert "clock-jump\ncleared\n" in told(gateway)


def test_a_command_that_fails_is_an_alarm_of_its_own_and_stops_nothing(make: Callable[..., Gateway]) -> None:
    gateway = make()
    pathlib.Path(gateway.environment["TOLD"].removesuffix(".told")).unlink()
    gateway.clock.set(600, 0)
    assert "could not be started" in wait_for(gateway, "alarm-command")["sentence"]
    gateway.send("s@example.net", "alice@postern.test", message.simple("mail goes on"))
    gateway.maildir("alice").find("mail goes on")


def test_alarm_mail_is_encrypted_to_the_operator_and_comes_once_an_hour(make: Callable[..., Gateway], hop: NextHop) -> None:
    hop.start()
    gateway = make()
    with machine.folder("gpg") as path:
        gnupg = GnuPG(path / "home")
        gateway.import_key(gnupg.make_key(f"Operator <{OPERATOR}>"))
        gateway.clock.set(600, 0)
        mail = hop.wait_for(OPERATOR)
        assert mail.sender == "" and openpgp.is_encrypted(mail.content)
        plain = gnupg.decrypt(openpgp.armored_part(mail.content)).decode()
        gnupg.close()
    assert "clock-jump" in plain and "What to do: " in plain and "NTP" in plain
    assert b"clock-jump" not in mail.content and b"1 alarm" not in mail.content
    gateway.clock.set(0, 0)
    wait_until_over(gateway, "clock-jump")
    gateway.clock.set(600, 0)
    wait_for(gateway, "clock-jump")
    gateway.clock.set(600 + 1800, 1800)
    wait_for(gateway, "clock-jump")
    assert len(hop.received) == 1
    gateway.clock.set(3700, 3700)
    assert len(hop.wait(2)) == 2


def test_alarm_mail_is_not_sent_without_the_key_that_the_policy_asks_for(make: Callable[..., Gateway], hop: NextHop) -> None:
    hop.start()
    gateway = make("ops@strict.test")
    gateway.clock.set(600, 0)
    alarm = wait_for(gateway, "alarm-mail")
    assert "asks for a key" in alarm["sentence"]
    assert not hop.received and "alarm-mail" not in told(gateway)
    with machine.folder("gpg") as path:
        gnupg = GnuPG(path / "home")
        gateway.import_key(gnupg.make_key("Operator <ops@strict.test>"))
        gnupg.close()
    gateway.clock.set(600 + 600, 600)
    assert openpgp.is_encrypted(hop.wait_for("ops@strict.test").content)
    wait_until_over(gateway, "alarm-mail")


def test_alarm_mail_that_cannot_leave_makes_no_more_of_itself(make: Callable[..., Gateway]) -> None:
    gateway = make()
    gateway.clock.set(600, 0)
    machine.eventually(lambda: gateway.queue(), "the alarm mail in the queue")
    for hours in range(2, 9, 2):
        gateway.clock.set(600 + hours * HOUR, hours * HOUR)
        wait_for(gateway, "next-hop")
    machine.eventually(lambda: "still waits" in alarms(gateway).get("alarm-mail", {}).get("sentence", ""), "alarm-mail")
    assert len(gateway.queue()) == 1
    # Its end is told to nobody: it has the null sender.
    gateway.clock.set(600 + 6 * DAY, 6 * DAY)
    gateway.cli("queue", "retry", "--all", "--yes", check=False)
    machine.eventually(lambda: gateway.status()["counters"].get("copies discarded") == 1, "the discard")


def test_no_way_of_seeing_names_anybody(make: Callable[..., Gateway], hop: NextHop) -> None:
    gateway = make()
    identifier = waiting(gateway)
    gateway.clock.advance(5 * HOUR)
    for name in ("next-hop", "queue-age"):
        wait_for(gateway, name)
    machine.eventually(lambda: "queue-age" in told(gateway) and "next-hop" in told(gateway), "the command to be told")
    machine.eventually(lambda: len(gateway.queue()) == 2, "the alarm mail in the queue")
    text = gateway.cli("status").stdout
    # Ids are what `queue list` is for; they name nobody.
    lists = [gateway.cli("queue", "list", *how).stdout.replace(identifier, "") for how in ([], ["--json"])]
    hop.start()
    gateway.cli("queue", "retry", "--all", "--yes")
    mail = hop.wait_for(OPERATOR)
    words = WORDS.all() + [identifier]
    for place, text in {
        "status": text, "status --json": gateway.cli("status", "--json").stdout,
        "status --check": gateway.cli("status", "--check", check=False).stdout,
        "status --hops-always": gateway.cli("status", "--hops-always").stdout,
        "metrics": gateway.cli("metrics").stdout, "queue list": lists[0], "queue list --json": lists[1],
        "the alarm command": told(gateway), "the alarm mail": mail.content.decode(), "log": gateway.log().replace(identifier, ""),
    }.items():
        assert canary.scan_bytes(text.encode(), words, place) == []
    assert WORDS.body in canary.scan_bytes(hop.wait_for(f"{WORDS.recipient}@{WORDS.domain}").content, [WORDS.body], "wire")[0].canary
