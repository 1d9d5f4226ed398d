# SPDX-License-Identifier: Apache-2.0
"""
Nobody answers on the socket: `sendmail` ends with 75, or leaves the message sealed in the spool, where only the unlocked gateway can
read it, and whose files belong to whoever owns them, whatever they say.
"""

import os
import pathlib
import pwd
import shutil

import pytest

from harness import canary, machine, message
from harness.canary import Canaries
from harness.gateway import Gateway
from harness.peers.nexthop import NextHop
from harness.programs import NOBODYS_ID, run, sendmail

WORDS = Canaries()
MARKED = (f"From: Web <web@postern.test>\nTo: {WORDS.recipient}@{WORDS.domain}\nBcc: second{WORDS.recipient}@{WORDS.domain}\n"
          f"Subject: {WORDS.subject}\n\n{WORDS.body}\n")


@pytest.fixture
def hop(nexthop: NextHop) -> NextHop:
    nexthop.received.clear()
    return nexthop


@pytest.fixture
def gateway(make_own_gateway, nexthop: NextHop) -> Gateway:
    """Its vault and its spool are made; it is down."""
    return make_own_gateway(relay_port=nexthop.port).initialise()


def spool(gateway: Gateway) -> pathlib.Path:
    return gateway.folder / "spool"


def waiting(gateway: Gateway) -> list[pathlib.Path]:
    return sorted(p for p in spool(gateway).iterdir() if p.name not in ("postern-spool.json", "set-aside"))


def aside(gateway: Gateway) -> list[pathlib.Path]:
    return sorted((spool(gateway) / "set-aside").iterdir())


def leave(gateway: Gateway, user: str | int = "www-data", text: str = MARKED, code: int = 0, *more: str) -> None:
    sendmail(gateway, user, "-t", "-i", *more, stdin=text, code=code)


def alarm(gateway: Gateway) -> str:
    return machine.eventually(lambda: next((a["sentence"] for a in gateway.status()["alarms"] if a["name"] == "spool-set-aside"), None), "an alarm about the spool")


def test_without_a_spool_it_ends_with_75(make_own_gateway) -> None:
    down = make_own_gateway("no-spool.toml").initialise()
    leave(down, code=75)
    leave(down, code=75)
    assert not (down.folder / "spool").exists()
    spoken = run("www-data", [machine.BINARY, "sendmail", "--config", down.config, "-bs"])
    assert spoken.returncode == 75 and spoken.stdout.startswith(b"421 ")


def test_a_message_waits_sealed_and_leaves_after_the_start(gateway: Gateway, hop: NextHop) -> None:
    assert oct(spool(gateway).stat().st_mode & 0o7777) == "0o1733"
    leave(gateway)
    leave(gateway, "nobody", "To: x@far.test\nSubject: from nobody\n\nhi\n")
    assert len(waiting(gateway)) == 2
    assert canary.scan_folder(spool(gateway), WORDS.all() + ["far.test", "from nobody"]) == []
    assert canary.scan_folder(gateway.data, WORDS.all()) == []
    gateway.start()
    machine.eventually(lambda: len(hop.received) >= 2 and not waiting(gateway), "an empty spool and both messages")
    by_sender = {came.sender: came for came in hop.received}
    assert set(by_sender) == {"web@postern.test", "nobody@postern.test"}
    marked = by_sender["web@postern.test"]
    assert len(marked.recipients) == 2 and message.field(marked.content, "Subject") == WORDS.subject and b"Bcc" not in marked.content
    assert marked.body == f"{WORDS.body}\r\n".encode()
    assert message.field(by_sender["nobody@postern.test"].content, "From") == "nobody@postern.test"
    assert aside(gateway) == [] and gateway.status()["alarms"] == []
    gateway.wait_until_empty()
    assert canary.scan_folder(gateway.data, WORDS.all()) == []


def test_a_file_that_appears_while_the_gateway_runs_is_taken_in(gateway: Gateway, hop: NextHop) -> None:
    leave(gateway)
    kept = shutil.copy2(waiting(gateway)[0], gateway.folder / "kept")
    waiting(gateway)[0].unlink()
    gateway.start()
    place = spool(gateway) / "33.0"
    shutil.copy2(kept, place.with_suffix(".0.part"))
    os.chown(place.with_suffix(".0.part"), 33, 33)
    place.with_suffix(".0.part").rename(place)
    hop.wait(1)
    machine.eventually(lambda: not waiting(gateway), "an empty spool")


def test_a_large_message_goes_through_in_pieces(gateway: Gateway, hop: NextHop) -> None:
    body = "0123456789abcdef" * 4 + "\n"
    leave(gateway, "www-data", "To: x@far.test\n\n" + body * 60_000)
    assert waiting(gateway)[0].stat().st_size > 60_000 * 66
    gateway.start()
    assert hop.wait(1)[0].body == (body[:-1] + "\r\n").encode() * 60_000


def test_the_quota_of_a_user(gateway: Gateway, hop: NextHop) -> None:
    for _ in range(4):
        leave(gateway)
    leave(gateway, code=75)
    leave(gateway, "nobody", "To: x@far.test\n\nhi\n")
    assert len(waiting(gateway)) == 5
    leave(gateway, "daemon", "To: x@far.test\n\n" + "x" * 70 * 1024 * 1024, code=75)
    # Who writes past the quota by hand gains nothing.
    for number in range(100, 103):
        file = spool(gateway) / f"33.{number}"
        shutil.copy(waiting(gateway)[0], file)
        os.chown(file, 33, 33)
        os.utime(file, (2_000_000_000, 2_000_000_000))
    gateway.start()
    machine.eventually(lambda: not waiting(gateway), "an empty spool")
    assert len(aside(gateway)) == 3
    assert {came.sender for came in hop.wait(5)} == {"web@postern.test", "nobody@postern.test"}


def test_the_owner_of_a_file_decides_the_sender(gateway: Gateway, hop: NextHop) -> None:
    """Whoever copies a sealed file of another user, or has it look like a file of theirs, sends nothing in their name."""
    leave(gateway)
    original = waiting(gateway)[0]
    copy = spool(gateway) / "33.7"
    shutil.copy(original, copy)
    nobody = pwd.getpwnam("nobody")
    os.chown(copy, nobody.pw_uid, nobody.pw_gid)
    gateway.start()
    machine.eventually(lambda: not waiting(gateway), "an empty spool")
    assert len(hop.wait(1)) == 1 and len(aside(gateway)) == 1
    assert "set-aside" in alarm(gateway)
    assert [hit for hit in canary.scan_bytes(alarm(gateway).encode() + gateway.log().encode(), WORDS.all(), "alarm and log")] == []


def test_only_regular_files_of_one_name_count(gateway: Gateway, hop: NextHop) -> None:
    leave(gateway)
    leave(gateway)
    linked, whole = waiting(gateway)
    os.link(linked, gateway.folder / "second-name")
    (spool(gateway) / "33.50").symlink_to(whole)
    os.mkfifo(spool(gateway) / "33.51")
    (spool(gateway) / "junk").write_text("To: x@far.test\n\nnot sealed\n")
    os.chown(spool(gateway) / "junk", 33, 33)
    (spool(gateway) / "33.52.part").write_bytes(b"unfinished")
    gateway.start()
    machine.eventually(lambda: [p.name for p in waiting(gateway)] == ["33.52.part"], "only the unfinished file")
    hop.wait(1)
    gateway.wait_until_empty()
    assert len(hop.received) == 1 and len(aside(gateway)) == 4
    assert "4 of the messages" in alarm(gateway)


def test_damage_is_seen(gateway: Gateway, hop: NextHop) -> None:
    for cut in (10, 200, 70_000):
        leave(gateway, "www-data", "To: x@far.test\n\n" + "text\n" * 20_000)
        file = waiting(gateway)[-1]
        whole = file.read_bytes()
        file.write_bytes(whole[:-cut] if cut != 200 else whole[:200] + bytes([whole[200] ^ 1]) + whole[201:])
    gateway.start()
    machine.eventually(lambda: len(aside(gateway)) == 3, "three files set aside")
    assert not hop.received


def test_a_refused_message_is_set_aside_and_can_be_tried_again(gateway: Gateway, hop: NextHop) -> None:
    leave(gateway, "www-data", "From: ceo@postern.test\n" + "To: x@far.test\n\nas another\n")
    leave(gateway, "www-data", "To: later@postern.test\n\nfor whom nobody knows yet\n")
    gateway.start()
    machine.eventually(lambda: len(aside(gateway)) == 2, "two files set aside")
    assert not hop.received
    gateway.add_user("later")
    for file in aside(gateway):
        file.rename(spool(gateway) / f"33.{file.name}")
    assert len(gateway.maildir("later").wait(1)) == 1
    machine.eventually(lambda: len(aside(gateway)) == 1, "one file set aside")


def test_a_user_that_nobody_knows_can_send_nothing(gateway: Gateway, hop: NextHop) -> None:
    leave(gateway, NOBODYS_ID, "To: x@far.test\n\nhi\n")
    gateway.start()
    machine.eventually(lambda: len(aside(gateway)) == 1, "a file set aside")
    assert not hop.received


def test_a_key_that_somebody_else_put_there_is_not_used(gateway: Gateway) -> None:
    notice = spool(gateway) / "postern-spool.json"
    content = notice.read_bytes()
    assert notice.stat().st_mode & 0o777 == 0o644
    notice.unlink()
    notice.write_bytes(content)
    os.chown(notice, pwd.getpwnam("nobody").pw_uid, -1)
    leave(gateway, code=75)
    notice.unlink()
    notice.symlink_to(gateway.folder / "elsewhere")
    leave(gateway, code=75)


def test_a_vault_from_before_gets_its_key_when_it_is_unlocked(gateway: Gateway, hop: NextHop) -> None:
    (gateway.data / "spool-key").unlink()
    gateway.start()
    gateway.stop()
    assert (gateway.data / "spool-key").stat().st_mode & 0o777 == 0o600
    leave(gateway)
    gateway.start()
    hop.wait(1)


def test_nobody_can_look_around_in_the_spool(gateway: Gateway) -> None:
    leave(gateway)
    assert run("nobody", ["ls", spool(gateway)]).returncode != 0
    assert run("nobody", ["rm", "-f", waiting(gateway)[0]]).returncode != 0
    assert run("nobody", ["cat", waiting(gateway)[0]]).returncode != 0
