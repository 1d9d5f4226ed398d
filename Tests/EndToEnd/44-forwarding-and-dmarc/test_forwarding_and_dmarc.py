# SPDX-License-Identifier: Apache-2.0
"""An encrypted forward of mail whose author's domain lets nobody alter it: a new message around the original, or none; never clear text."""

from collections.abc import Iterator

import pytest

from harness import machine, message, openpgp
from harness.gateway import Gateway
from harness.openpgp import GnuPG
from harness.peers.names import NameServer
from harness.peers.nexthop import NextHop

TARGET = "cv25519@keys.test"
ALIAS = "press@postern.test"
POLICY = '_dmarc.{} IN TXT "v=DMARC1; p={}"'


@pytest.fixture(scope="module")
def names() -> Iterator[NameServer]:
    records = [POLICY.format("strict", "reject; sp=none"), POLICY.format("careful", "quarantine"), POLICY.format("mild", "none"),
               '_dmarc.parent IN TXT "v=DMARC1; p=none;" " sp=reject"', '_dmarc.twice IN TXT "v=DMARC1; p=reject"',
               '_dmarc.twice IN TXT "v=DMARC1; p=quarantine"', 'quiet IN A 192.0.2.1']
    with machine.folder("dns") as folder:
        server = NameServer(folder / "zones", {"test": records, "broken.test": ['_dmarc IN TXT "v=DMARC1; p=reject"']},
                            bogus={"broken.test": ("p=reject", "p=none")})
        yield server.start()
        server.stop()


@pytest.fixture(scope="module")
def gnupg() -> Iterator[GnuPG]:
    with machine.folder("gpg") as path:
        ring = GnuPG(path / "home").import_kinds(["cv25519"])
        ring.make_key("Alice <alice@postern.test>")
        yield ring
        ring.close()


@pytest.fixture(scope="module")
def gateway(make_gateway, nexthop: NextHop, names: NameServer, gnupg: GnuPG) -> Gateway:
    made = make_gateway(relay_port=nexthop.port, dns_port=names.port, anchors=names.anchors).start()
    made.add_user("alice")
    made.import_key(gnupg.run("--armor", "--export"))
    made.add_alias(ALIAS, TARGET)
    made.add_alias("clear@postern.test", "nokey@elsewhere.test")
    return made


def from_author(author: str, text: str = "caf\u00e9 \u2014 in confidence", **more) -> bytes:
    return message.simple(text, subject="a telling subject", sender=author, to=ALIAS, **more)


def forwarded(gateway: Gateway, nexthop: NextHop, content: bytes, recipient: str = ALIAS, sender: str = "bounces@mailer.example.net"):
    count = len(nexthop.received)
    gateway.send(sender, recipient, content)
    return nexthop.wait(count + 1)[count]


@pytest.mark.parametrize("domain", ["strict.test", "careful.test", "sub.parent.test", "a.b.careful.test"])
def test_quarantine_and_reject_make_it_a_message_of_our_own(gateway: Gateway, nexthop: NextHop, gnupg: GnuPG, domain: str) -> None:
    author = f"renee@{domain}"
    sent = from_author(f"=?utf-8?q?Ren=C3=A9e?= D. <{author}>", headers=["DKIM-Signature: v=1; d=example; b=abcd"])
    came = forwarded(gateway, nexthop, sent)
    assert message.field(came.content, "From") == f'=?utf-8?q?Ren=C3=A9e?= "D." via "postern.test"\t<{ALIAS}>'
    assert message.field(came.content, "Reply-To") == f"<{author}>" and message.field(came.content, "To") == f"<{ALIAS}>"
    assert message.field(came.content, "Subject") == "[...]"
    assert message.field(came.content, "Message-ID") != message.field(sent, "Message-ID")
    assert len(message.fields(came.content, "Date")) == 1 and not message.fields(came.content, "DKIM-Signature")
    assert came.sender.startswith("SRS0=") and came.sender.endswith("=mailer.example.net=bounces@postern.test")
    opened = gnupg.decrypt(openpgp.armored_part(came.content))
    assert sent in opened and b"Content-Type: message/rfc822" in opened
    assert message.field(opened, "Subject") == "a telling subject" and message.field(opened, "Postern-Protection") == "gateway"
    for secret in (b"telling", b"confidence", b"20261122.1@example.net"):
        assert secret not in came.content


def test_reply_to_is_kept(gateway: Gateway, nexthop: NextHop) -> None:
    came = forwarded(gateway, nexthop, from_author("desk@strict.test", headers=["Reply-To: Desk <desk@elsewhere.test>"]))
    assert message.field(came.content, "Reply-To") == "Desk <desk@elsewhere.test>"
    assert message.field(came.content, "From").startswith('"desk@strict.test" via ')


@pytest.mark.parametrize("domain", ["mild.test", "quiet.test", "nothing.test", "twice.test", "sub.strict.test", "parent.test"])
def test_else_the_author_stays(gateway: Gateway, nexthop: NextHop, gnupg: GnuPG, domain: str) -> None:
    came = forwarded(gateway, nexthop, from_author(f"Ren <ren@{domain}>"))
    assert message.field(came.content, "From") == f"Ren <ren@{domain}>" and message.field(came.content, "Subject") == "[...]"
    opened = gnupg.decrypt(openpgp.armored_part(came.content))
    assert openpgp.inner_body(opened) == "caf\u00e9 \u2014 in confidence\r\n".encode()


def test_one_strict_author_of_two_is_enough(gateway: Gateway, nexthop: NextHop) -> None:
    came = forwarded(gateway, nexthop, from_author("a@mild.test, b@strict.test"))
    assert f"<{ALIAS}>" in message.field(came.content, "From")
    assert "<a@mild.test>" in message.field(came.content, "Reply-To") and "<b@strict.test>" in message.field(came.content, "Reply-To")


def test_a_policy_that_cannot_be_found_out_is_451_and_nothing_is_taken(gateway: Gateway, nexthop: NextHop) -> None:
    count = len(nexthop.received)
    with gateway.connect() as talk:
        talk.ehlo()
        talk.envelope("bounces@mailer.example.net", [ALIAS, "alice@postern.test"])
        reply = talk.data(from_author("x@broken.test", "not taken"))
        assert (reply.code, reply.enhanced) == (451, "4.4.3")
    gateway.wait_until_empty()
    assert len(nexthop.received) == count and not any(b"not taken" in m for m in gateway.maildir("alice").messages())


def test_nobody_is_asked_where_nothing_is_altered(gateway: Gateway, nexthop: NextHop) -> None:
    sent = from_author("x@broken.test", "whole")
    assert forwarded(gateway, nexthop, sent, "clear@postern.test").content.endswith(sent)
    armor = b"-----BEGIN PGP MESSAGE-----"
    body = forwarded(gateway, nexthop, from_author("x@mild.test")).content
    again = armor + body.split(armor, 1)[1].split(b"-----END PGP MESSAGE-----")[0] + b"-----END PGP MESSAGE-----"
    passed = from_author("x@broken.test", again.decode())
    assert forwarded(gateway, nexthop, passed).content.endswith(passed)
    # Our own users' mail is ours to alter, and a mailbox here is no forward.
    count = len(nexthop.received)
    gateway.submit("alice@postern.test", ALIAS, from_author("alice@postern.test"))
    assert message.field(nexthop.wait(count + 1)[count].content, "From") == "alice@postern.test"
    gateway.send("x@broken.test", "alice@postern.test", from_author("x@broken.test", "at home"))
    gateway.wait_until_empty()
    assert all(openpgp.is_encrypted(m) for m in gateway.maildir("alice").wait(1))


def test_a_new_message_that_comes_back_ends_too(gateway: Gateway, nexthop: NextHop) -> None:
    came = forwarded(gateway, nexthop, from_author("renee@strict.test"))
    with gateway.connect() as talk:
        talk.ehlo()
        talk.envelope(came.sender, ALIAS)
        reply = talk.data(came.content)
        assert (reply.code, reply.enhanced) == (554, "5.4.6")
