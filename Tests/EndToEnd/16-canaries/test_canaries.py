# SPDX-License-Identifier: Apache-2.0
"""
Marked mail goes in: its words may stand nowhere in the data directory, in the log, on a command line, or in a file that the process
holds; and for recipients with keys the next hop may not see them either. The scanner's own controls are in 00-peers.
"""

import base64
from collections.abc import Iterator

import pytest

from harness import canary, machine, message
from harness.canary import Canaries
from harness.conversation import stuffed
from harness.gateway import Gateway
from harness.openpgp import GnuPG
from harness.peers.nexthop import NextHop

WORDS = Canaries()
SENDER = f"{WORDS.sender}@far77.test"
CLEAR = f"{WORDS.recipient}@{WORDS.domain}"
KEYED = "keyed@keyed77.test"


def marked() -> bytes:
    parts = [WORDS.body, base64.b64encode(f"and {WORDS.body}".encode()).decode(), "".join(f"={b:02X}" for b in WORDS.body.encode())]
    return message.simple("\r\n".join(parts), subject=WORDS.subject, sender=SENDER, to=CLEAR)


def send(gateway: Gateway, recipient: str) -> str:
    with gateway.connect("mx", source=WORDS.client) as talk:
        talk.ehlo(WORDS.helo)
        return talk.send_mail(SENDER, recipient, marked())


def scan(gateway: Gateway) -> list[canary.Hit]:
    """Everywhere but the two destinations: Maildirs, and the settings, which lie outside the data anyway."""
    words = WORDS.all()
    hits = canary.scan_folder(gateway.data, words, leave_out=[gateway.data / "mail", gateway.data / "postern.toml"])
    if gateway.alive:
        hits += canary.scan_process(gateway.pid, words)
        hits += canary.scan_bytes(gateway.log().encode(), words, "postern log")
        hits += canary.scan_bytes(gateway.cli("queue", "list").stdout.encode(), words, "postern queue list")
        hits += canary.scan_bytes(gateway.cli("status").stdout.encode(), words, "postern status")
    return hits + canary.scan_bytes(gateway.spoken().encode(), words, "standard output and error")


@pytest.fixture(scope="module")
def hop() -> Iterator[NextHop]:
    peer = NextHop()
    yield peer
    peer.stop()


@pytest.fixture(scope="module")
def gateway(make_gateway, hop: NextHop) -> Iterator[Gateway]:
    """Marked mail waits in it, because the next hop went down after it had said yes to the recipients."""
    made = make_gateway(relay_port=hop.port).start()
    made.add_user("alice")
    with machine.folder("gpg") as path:
        gnupg = GnuPG(path / "home")
        made.import_key(gnupg.make_key(f"Keyed <{KEYED}>"))
        gnupg.close()
    hop.start()
    for recipient in (CLEAR, KEYED):
        with made.connect() as talk:
            talk.ehlo()
            talk.expect("MAIL FROM:<x@example.net>", 250)
            talk.expect(f"RCPT TO:<{recipient}>", 250)
    hop.stop()
    yield made


def test_while_mail_waits(gateway: Gateway) -> None:
    for recipient in (CLEAR, KEYED):
        identifier = send(gateway, recipient)
        machine.eventually(lambda i=identifier: gateway.trace(i)[0]["attempts"] >= 1, "a first try")
    assert len(gateway.queue()) == 2
    assert scan(gateway) == []


def test_a_large_body_on_its_way_in_lies_sealed_in_an_unnamed_file(gateway: Gateway) -> None:
    with gateway.connect("mx", source=WORDS.client) as talk:
        talk.ehlo(WORDS.helo)
        talk.envelope(SENDER, CLEAR)
        talk.expect("DATA", 354)
        line = f"{WORDS.body} {WORDS.subject} ".encode() * 10 + b"\r\n"
        talk.write(stuffed(marked())[:-3] + line * (4_000_000 // len(line)))
        machine.eventually(lambda: canary.unlinked_files(gateway.pid), "an unlinked file in the process")
        assert scan(gateway) == []
        talk.write(b".\r\n")
        assert talk.reply().code == 250
    assert scan(gateway) == []


def test_refused_mail_leaves_nothing_either(gateway: Gateway) -> None:
    with gateway.connect("mx", source=WORDS.client) as talk:
        talk.ehlo(WORDS.helo)
        talk.expect(f"MAIL FROM:<{SENDER}>", 250)
        talk.expect(f"RCPT TO:<{WORDS.recipient}@nowhere77.test>", 550)
        talk.command(f"{WORDS.body} {WORDS.subject}")
    assert scan(gateway) == []


def test_after_kill_dash_nine(gateway: Gateway) -> None:
    send(gateway, CLEAR)
    gateway.kill()
    assert scan(gateway) == []
    gateway.start()
    assert scan(gateway) == []


def test_after_delivery(gateway: Gateway, hop: NextHop) -> None:
    expected = len(gateway.queue())
    assert expected == 4
    hop.wire.clear()
    hop.start()
    gateway.cli("queue", "retry", "--all", "--yes")
    hop.wait(expected)
    gateway.wait_until_empty()
    assert scan(gateway) == []


def test_the_next_hop_sees_nothing_of_mail_for_a_recipient_with_a_key(gateway: Gateway, hop: NextHop) -> None:
    hop.wire.clear()
    send(gateway, KEYED)
    gateway.wait_until_empty()
    wire = bytes(hop.wire)
    assert b"BEGIN PGP MESSAGE" in wire
    assert canary.scan_bytes(wire, WORDS.hidden_from_next_hop(), "the wire to the next hop") == []


def test_without_a_key_the_next_hop_sees_the_message_but_not_the_client(gateway: Gateway, hop: NextHop) -> None:
    hop.wire.clear()
    send(gateway, CLEAR)
    gateway.wait_until_empty()
    wire = bytes(hop.wire)
    assert canary.scan_bytes(wire, [WORDS.body], "wire"), "the control: the scanner sees the body where it may be seen"
    assert canary.scan_bytes(wire, [WORDS.client, WORDS.helo], "the wire to the next hop") == []


def test_a_maildir_is_readable_and_the_scanner_sees_it(gateway: Gateway) -> None:
    """The control: the same scanner, one directory further."""
    send(gateway, "alice@postern.test")
    gateway.maildir("alice").wait()
    found = {hit.canary for hit in canary.scan_folder(gateway.data / "mail", WORDS.all())}
    assert {WORDS.body, WORDS.subject, WORDS.sender} <= found and WORDS.client not in found and WORDS.helo not in found
    assert scan(gateway) == []


def test_users_and_aliases_are_sealed_but_for_the_folders_name(gateway: Gateway) -> None:
    gateway.add_user("folder77name", f"{WORDS.body}@postern.test")
    gateway.add_alias(f"{WORDS.subject}@postern.test", f"{WORDS.body}@postern.test")
    assert scan(gateway) == []
    assert canary.scan_folder(gateway.data, ["folder77name"], leave_out=[gateway.data / "mail"]) == []


def test_a_crash_leaves_no_core_and_the_process_is_not_dumpable(gateway: Gateway) -> None:
    limits = open(f"/proc/{gateway.pid}/limits").read()
    core = next(line for line in limits.splitlines() if line.startswith("Max core file size"))
    assert core.split()[4:6] == ["0", "0"], core
