# SPDX-License-Identifier: Apache-2.0
"""What our users are told: how their copies are protected in the 250, and, if they ask, when each was handed on."""

from collections.abc import Iterator

import pytest

from harness import machine, message, openpgp
from harness.gateway import Gateway
from harness.openpgp import GnuPG
from harness.peers.nexthop import NextHop

YEAR = 366 * 86400
ALICE, BOB = "alice@postern.test", "bob@postern.test"


@pytest.fixture(scope="module")
def gnupg() -> Iterator[GnuPG]:
    with machine.folder("gpg") as path:
        ring = GnuPG(path / "home").import_kinds(["cv25519", "p256"])
        ring.make_key("Eve <expiring@keys.test>", "1y")
        ring.make_key(f"Bob <{BOB}>")
        yield ring
        ring.close()


@pytest.fixture(scope="module")
def gateway(make_gateway, nexthop: NextHop, gnupg: GnuPG) -> Gateway:
    made = make_gateway(relay_port=nexthop.port).start()
    made.add_user("alice")
    made.add_user("bob")
    made.import_key(gnupg.run("--armor", "--export"))
    made.add_alias("team@postern.test", "cv25519@keys.test", "nokey@elsewhere.test")
    return made


def receipt_for(gateway: Gateway, user: str, identifier: str) -> bytes:
    return gateway.maildir(user).find(f"Receipt for your message {identifier}")


def asking(text: str, sender: str = ALICE, wish: str = "yes") -> bytes:
    return message.simple(text, sender=sender, headers=[f"Postern-Receipt: {wish}"])


def test_the_250_counts_the_copies(gateway: Gateway) -> None:
    gateway.clock.set(2 * YEAR, 2 * YEAR)
    try:
        with gateway.sign_in() as talk:
            talk.envelope(ALICE, ["cv25519@keys.test", "p256@keys.test", "expiring@keys.test", "nokey@elsewhere.test"])
            reply = talk.data(message.simple("for four", sender=ALICE))
        assert reply.code == 250 and "2 encrypted, 1 pending, 1 clear; queued as " in reply.lines[0]
        assert "held" in [copy["state"] for copy in gateway.trace(reply.id)]
        gateway.cli("queue", "drop", reply.id)
        gateway.wait_until_empty()
    finally:
        gateway.clock.set(0, 0)


def test_strangers_are_told_nothing_of_it(gateway: Gateway) -> None:
    with gateway.connect() as talk:
        talk.ehlo()
        talk.envelope("s@example.net", ALICE)
        reply = talk.data(asking("a stranger's wish", sender="s@example.net"))
    assert reply.code == 250 and reply.lines[0].startswith("250 2.0.0 queued as ")
    assert message.field(gateway.maildir("alice").find("a stranger's wish"), "Postern-Receipt") == "yes"


def test_a_receipt_says_how_and_when(gateway: Gateway, nexthop: NextHop) -> None:
    identifier = gateway.submit(ALICE, "nokey@elsewhere.test", asking("with a receipt", wish="YES"))
    receipt = receipt_for(gateway, "alice", identifier)
    assert message.field(receipt, "Return-Path") == "<>" and message.field(receipt, "Auto-Submitted") == "auto-replied"
    assert b"<nokey@elsewhere.test>" in receipt and b"in clear: no key" in receipt and b"handed on to the next mail server on " in receipt
    assert b"Greetings" not in receipt and b"with a receipt" not in receipt
    assert b"Postern-Receipt" not in nexthop.wait_for("nokey@elsewhere.test").content


def test_behind_an_alias_only_the_alias_is_named(gateway: Gateway) -> None:
    identifier = gateway.submit(ALICE, "team@postern.test", asking("to the team"))
    gateway.wait_until_empty()
    receipts = [m for m in gateway.maildir("alice").messages() if identifier.encode() in m]
    assert len(receipts) == 2
    said = b"".join(receipts)
    assert b"<team@postern.test>" in said and b"encrypted by the gateway" in said and b"in clear: no key" in said
    assert b"keys.test" not in said and b"elsewhere.test" not in said


def test_a_sender_with_a_key_gets_it_encrypted(gateway: Gateway, gnupg: GnuPG) -> None:
    gateway.submit(BOB, "cv25519@keys.test", asking("bob's", sender=BOB), login="bob")
    (receipt,) = gateway.maildir("bob").wait(1)
    assert message.field(receipt, "Subject") == "[...]" and b"cv25519" not in receipt
    opened = gnupg.decrypt(openpgp.armored_part(receipt))
    assert b"<cv25519@keys.test>" in opened and b"encrypted by the gateway" in opened


@pytest.mark.parametrize("wish", ["no", "", "yes please"])
def test_nothing_is_sent_unasked(gateway: Gateway, nexthop: NextHop, wish: str) -> None:
    count, waiting = len(gateway.maildir("alice").files()), len(nexthop.received)
    gateway.submit(ALICE, "unasked@elsewhere.test", asking("unasked", wish=wish))
    assert b"Postern-Receipt" not in nexthop.wait(waiting + 1)[waiting].content
    gateway.wait_until_empty()
    assert len(gateway.maildir("alice").files()) == count
