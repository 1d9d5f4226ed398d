# SPDX-License-Identifier: Apache-2.0
"""
What people do at a server with Postern beside it as a filter in both directions, whichever server it is. Users write from 127.0.0.1 by port
587, strangers come from elsewhere by port 25; zoe@far.test and alice have keys, yan@far.test and bob have none.
"""

from harness import message, openpgp
from harness.conversation import Conversation
from harness.mailbox import Maildir
from harness.openpgp import GnuPG
from harness.peers.nexthop import NextHop
from harness.replica import Replica

ALICE, BOB = "alice@home.test", "bob@home.test"


def maildir(server: Replica, user: str) -> Maildir:
    return Maildir(server.path(f"/home/{user}/Maildir"))


def connect(port: int, source: str = "127.0.0.1") -> Conversation:
    talk = Conversation(port, source=source)
    assert talk.reply().code == 220
    talk.ehlo()
    return talk


def stranger() -> Conversation:
    return connect(25, source="127.0.0.9")


def write(text: str, sender: str = "s@example.net", *headers: str) -> bytes:
    return message.simple(text, sender=sender, headers=["X-Originating-IP: 192.0.2.77", *headers])


def leaves_protected(outside: NextHop, gnupg: GnuPG) -> None:
    """A user writes to the outside."""
    with connect(587) as talk:
        talk.envelope(ALICE, ["zoe@far.test", "yan@far.test"])
        assert talk.data(write("to the outside", ALICE)).code == 250
    sealed, plain = (outside.wait_for(f"{name}@far.test").content for name in ("zoe", "yan"))
    assert openpgp.is_encrypted(sealed) and not openpgp.is_encrypted(plain)
    assert openpgp.inner_body(gnupg.decrypt(openpgp.armored_part(sealed))) == b"to the outside\r\n"
    for copy in (sealed, plain):
        assert b"192.0.2.77" not in copy and len(message.fields(copy, "Postern-Filter")) == 1


def goes_through_once(server: Replica) -> None:
    """A user writes to another."""
    with connect(587) as talk:
        talk.envelope(BOB, [ALICE, BOB])
        assert talk.data(write("among us", BOB, "X-Number: 2")).code == 250
    sealed, plain = (maildir(server, name).find("X-Number: 2") for name in ("alice", "bob"))
    assert openpgp.is_encrypted(sealed) and not openpgp.is_encrypted(plain)
    assert len(message.fields(sealed, "Postern-Filter")) == len(message.fields(plain, "Postern-Filter")) == 1


def comes_protected(talk: Conversation, server: Replica, gnupg: GnuPG) -> None:
    """A stranger who has just said EHLO writes to both users."""
    talk.envelope("s@example.net", [ALICE, BOB])
    assert talk.data(write("from outside", "s@example.net", "X-Number: 3")).code == 250
    sealed, plain = (maildir(server, name).find("X-Number: 3") for name in ("alice", "bob"))
    assert openpgp.is_encrypted(sealed) and not openpgp.is_encrypted(plain)
    assert openpgp.inner_body(gnupg.decrypt(openpgp.armored_part(sealed))) == b"from outside\r\n"
    # A stranger's header is left as it is.
    assert message.field(plain, "X-Originating-IP") == "192.0.2.77"
    assert len(message.fields(plain, "Postern-Filter")) == 1


def hand_in_while_down() -> None:
    """While Postern is down a stranger has to come again, and a user's mail is taken."""
    with stranger() as talk:
        talk.expect("MAIL FROM:<s@example.net>", 250)
        assert talk.command(f"RCPT TO:<{ALICE}>").code == 451
    with connect(587) as talk:
        talk.envelope(ALICE, "zoe@far.test")
        assert talk.data(write("waits", ALICE)).code == 250
