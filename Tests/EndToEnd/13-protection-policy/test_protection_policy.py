# SPDX-License-Identifier: Apache-2.0
"""Who is encrypted to, who is not, who waits, and who is refused. Failure never means clear text."""

from collections.abc import Iterator

import pytest

from harness import machine, message, openpgp
from harness.gateway import Gateway
from harness.openpgp import GnuPG
from harness.peers.nexthop import NextHop

YEAR = 366 * 86400
ALICE = "alice@postern.test"


@pytest.fixture(scope="module")
def gnupg() -> Iterator[GnuPG]:
    with machine.folder("gpg") as path:
        ring = GnuPG(path / "home").import_kinds(["cv25519"])
        for address in ("dora@off.test", "dora@dry.test", "dora@required.test", "plainheader@keys.test"):
            ring.make_key(f"Dora <{address}>")
        for name in ("expiring", "expiring2", "expiring3"):
            ring.make_key(f"Eve <{name}@keys.test>", "1y")
        for name in ("revoking", "alice"):
            ring.make_key(f"R <{name}@{'postern' if name == 'alice' else 'keys'}.test>")
        yield ring
        ring.close()


@pytest.fixture(scope="module")
def gateway(make_gateway, nexthop: NextHop, gnupg: GnuPG) -> Gateway:
    made = make_gateway(relay_port=nexthop.port).start()
    made.add_user("alice")
    made.import_key(gnupg.run("--armor", "--export"))
    return made


def from_alice(text: str, **more: str) -> bytes:
    return message.simple(text, sender=ALICE, **more)


def copy_for(gateway: Gateway, nexthop: NextHop, recipient: str, content: bytes | None = None) -> bytes:
    count = len(nexthop.received)
    gateway.submit(ALICE, recipient, content or from_alice("a secret"))
    return next(m.content for m in nexthop.wait(count + 1)[count:] if m.recipients[0].startswith(f"RCPT TO:<{recipient}>"))


def test_a_known_key_is_used(gateway: Gateway, nexthop: NextHop, gnupg: GnuPG) -> None:
    came = copy_for(gateway, nexthop, "cv25519@keys.test")
    opened = gnupg.decrypt(openpgp.armored_part(came))
    assert openpgp.inner_body(opened) == b"a secret\r\n"
    assert message.field(opened, "Subject") == "Greetings"
    assert message.field(opened, "Postern-Protection") == "gateway"
    assert not message.fields(opened, "Received") and not message.fields(opened, "DKIM-Signature")
    assert message.field(came, "Subject") == "[...]" and b"a secret" not in came


def test_no_key_means_clear_where_the_policy_is_opportunistic(gateway: Gateway, nexthop: NextHop) -> None:
    assert b"a secret" in copy_for(gateway, nexthop, "nokey@elsewhere.test")


def test_off_means_clear(gateway: Gateway, nexthop: NextHop) -> None:
    assert b"a secret" in copy_for(gateway, nexthop, "dora@off.test")


def test_dry_run_means_clear_and_counted(gateway: Gateway, nexthop: NextHop) -> None:
    before = would_encrypt(gateway)
    assert b"a secret" in copy_for(gateway, nexthop, "dora@dry.test")
    assert would_encrypt(gateway) == before + 1


def would_encrypt(gateway: Gateway) -> int:
    return sum(n for word, n in gateway.status()["counters"].items() if "would" in word and "encrypt" in word)


def test_required_with_a_key_is_encrypted(gateway: Gateway, nexthop: NextHop) -> None:
    assert openpgp.is_encrypted(copy_for(gateway, nexthop, "dora@required.test"))


def test_required_without_a_key_is_refused_to_our_user(gateway: Gateway) -> None:
    with gateway.sign_in() as talk:
        talk.expect(f"MAIL FROM:<{ALICE}>", 250)
        talk.expect("RCPT TO:<nokey@required.test>", 550, "5.7.1")


def test_required_without_a_key_is_refused_to_a_stranger(gateway: Gateway) -> None:
    with gateway.connect() as talk:
        talk.ehlo()
        talk.expect("MAIL FROM:<s@example.net>", 250)
        talk.expect("RCPT TO:<nokey@required.test>", 550)


def test_the_rule_for_an_address_wins_over_the_rule_for_its_domain(gateway: Gateway, nexthop: NextHop) -> None:
    assert b"a secret" in copy_for(gateway, nexthop, "lenient@required.test")


def test_header_protection_can_be_switched_off_for_one_recipient(gateway: Gateway, nexthop: NextHop) -> None:
    came = copy_for(gateway, nexthop, "plainheader@keys.test")
    assert openpgp.is_encrypted(came) and message.field(came, "Subject") == "Greetings"


def test_each_recipient_gets_a_copy_of_its_own(gateway: Gateway, nexthop: NextHop) -> None:
    count = len(nexthop.received)
    gateway.submit(ALICE, ["cv25519@keys.test", "dora@required.test", "nokey@elsewhere.test"], from_alice("for three"))
    came = {m.recipient: m.content for m in nexthop.wait(count + 3)[count:]}
    assert [openpgp.is_encrypted(came[r]) for r in ("cv25519@keys.test", "dora@required.test", "nokey@elsewhere.test")] == [True, True, False]


def test_the_envelope_sender_is_kept(gateway: Gateway, nexthop: NextHop) -> None:
    count = len(nexthop.received)
    gateway.send("", "cv25519@keys.test", message.simple("null sender"))
    gateway.send("s@example.net", "cv25519@keys.test", message.simple("stranger"))
    assert {m.sender for m in nexthop.wait(count + 2)[count:]} == {"", "s@example.net"}


# Already protected


def test_what_is_encrypted_already_passes_as_it_is(gateway: Gateway, nexthop: NextHop, gnupg: GnuPG) -> None:
    armor = gnupg.run("--armor", "--trust-model", "always", "--encrypt", "-r", "cv25519@keys.test", stdin=b"inner\r\n")
    text = armor.decode().replace("\n", "\r\n")
    body = ("--b\r\nContent-Type: application/pgp-encrypted\r\n\r\nVersion: 1\r\n\r\n--b\r\nContent-Type: application/octet-stream\r\n\r\n"
            f"{text}\r\n--b--")
    sent = from_alice("").replace(b"Subject: Greetings\r\n", b"Subject: Greetings\r\nMIME-Version: 1.0\r\nContent-Type: multipart/encrypted;"
                                  b' protocol="application/pgp-encrypted"; boundary="b"\r\n')[:-2] + body.encode() + b"\r\n"
    came = copy_for(gateway, nexthop, "cv25519@keys.test", sent)
    assert message.split(came)[1] == message.split(sent)[1]
    assert message.field(came, "Subject") == "Greetings"


def test_inline_armor_that_is_the_whole_text_passes_as_it_is(gateway: Gateway, nexthop: NextHop, gnupg: GnuPG) -> None:
    armor = gnupg.run("--armor", "--trust-model", "always", "--encrypt", "-r", "cv25519@keys.test", stdin=b"inner\r\n")
    sent = from_alice(armor.decode().strip().replace("\n", "\r\n"))
    assert message.split(copy_for(gateway, nexthop, "cv25519@keys.test", sent))[1] == message.split(sent)[1]


@pytest.mark.parametrize("text", [
    "> -----BEGIN PGP MESSAGE-----\r\n> hQEMA\r\n> -----END PGP MESSAGE-----\r\nwhat did you mean?",
    "-----BEGIN PGP MESSAGE-----\r\n\r\nnot really\r\n-----END PGP MESSAGE-----",
    "-----BEGIN PGP MESSAGE-----", "see below\r\n-----BEGIN PGP MESSAGE-----\r\n\r\nhQEMA\r\n=abcd\r\n-----END PGP MESSAGE-----\r\n"])
def test_what_only_looks_encrypted_is_encrypted(gateway: Gateway, nexthop: NextHop, gnupg: GnuPG, text: str) -> None:
    came = copy_for(gateway, nexthop, "cv25519@keys.test", from_alice(text))
    assert openpgp.inner_body(gnupg.decrypt(openpgp.armored_part(came))) == text.encode() + b"\r\n"


def test_signed_mail_is_wrapped_whole(gateway: Gateway, nexthop: NextHop, gnupg: GnuPG) -> None:
    part = b"Content-Type: text/plain\r\n\r\nsigned words\r\n"
    signature = gnupg.run("--armor", "--detach-sign", "--local-user", "cv25519@keys.test", stdin=part).replace(b"\n", b"\r\n")
    body = b"--s\r\n" + part + b"\r\n--s\r\nContent-Type: application/pgp-signature\r\n\r\n" + signature + b"\r\n--s--\r\n"
    kind = b'Content-Type: multipart/signed; micalg=pgp-sha512; protocol="application/pgp-signature"; boundary="s"'
    sent = from_alice("").replace(b"Subject: Greetings\r\n", b"Subject: Greetings\r\nMIME-Version: 1.0\r\n" + kind + b"\r\n")[:-2] + body
    opened = gnupg.decrypt(openpgp.armored_part(copy_for(gateway, nexthop, "cv25519@keys.test", sent)))
    assert openpgp.inner_body(opened) == message.split(sent)[1]
    assert "hp=" not in message.field(opened, "Content-Type")


def test_mail_to_ourselves_is_encrypted_too(gateway: Gateway, gnupg: GnuPG) -> None:
    gateway.maildir("alice").clear()
    gateway.send("s@example.net", ALICE, message.simple("for alice's mailbox"))
    came = gateway.maildir("alice").wait()[0]
    assert openpgp.inner_body(gnupg.decrypt(openpgp.armored_part(came))) == b"for alice's mailbox\r\n"


UNUSABLE = {"expired": "expire", "revoked": "revoke", "signonly": "encrypt", "storageonly": "encrypt", "future": "", "subkeyexpired": "expire",
            "subkeyrevoked": "revoke"}


@pytest.mark.parametrize("name, word", UNUSABLE.items())
def test_an_unusable_certificate_is_told_why(gateway: Gateway, name: str, word: str) -> None:
    done = gateway.cli("keys", "import", str(openpgp.public_key(name)), check=False)
    said = (done.stdout + done.stderr).lower()
    assert word in said and len(said) > 40, said


@pytest.mark.parametrize("garbage", [b"", b"hello", b"-----BEGIN PGP PUBLIC KEY BLOCK-----\n\nxxxx\n-----END PGP PUBLIC KEY BLOCK-----\n",
                                     b"\x99\xff\xff\xff\xff\xff", b"\xc6\xff\xff\xff\xff\xff\x04"])
def test_garbage_is_no_certificate(gateway: Gateway, garbage: bytes) -> None:
    done = gateway.cli("keys", "import", "-", stdin=garbage, check=False)
    assert done.returncode in (1, 66) and done.stderr.strip()


# Keys that were good once


def test_a_revoked_key_makes_our_users_mail_wait(gateway: Gateway, nexthop: NextHop, gnupg: GnuPG) -> None:
    old = gnupg.export("revoking@keys.test")
    gateway.import_key_whatever(gnupg.revoke("revoking@keys.test"))
    identifier = gateway.submit(ALICE, "revoking@keys.test", from_alice("revoked"))
    gateway.wait_for_state(identifier, "held")
    # An older copy does not bring the key back.
    gateway.import_key_whatever(old)
    gateway.wait_for_state(gateway.submit(ALICE, "revoking@keys.test", from_alice("still revoked")), "held")
    assert not any(m.recipient == "revoking@keys.test" for m in nexthop.received)


@pytest.fixture
def a_year_later(gateway: Gateway) -> None:
    """Two years on, when the keys of one year have expired. Clocks do not go back, so these tests come last."""
    if gateway.clock.wall == 0:
        gateway.clock.advance(2 * YEAR)


def test_an_expired_key_makes_our_users_mail_wait_with_a_notice(gateway: Gateway, nexthop: NextHop, a_year_later: None) -> None:
    gateway.maildir("alice").clear()
    identifier = gateway.submit(ALICE, "expiring@keys.test", from_alice("never in clear"))
    gateway.wait_for_state(identifier, "held")
    assert any(c["protection"] == "held" for c in gateway.trace(identifier))
    # What waited before the clock moved comes back too.
    notice = gateway.maildir("alice").find("rfc822; expiring@keys.test")
    assert b"Action: delayed" in notice and b"expire" in notice.lower()
    gateway.cli("queue", "release", identifier, check=False)
    assert b"never in clear" not in bytes(nexthop.wire)
    gateway.cli("queue", "drop", identifier)


def test_an_expired_key_makes_a_stranger_come_back(gateway: Gateway, a_year_later: None) -> None:
    with gateway.connect() as talk:
        talk.ehlo()
        talk.expect("MAIL FROM:<s@example.net>", 250)
        talk.expect("RCPT TO:<expiring@keys.test>", 450, "4.7.0")


def test_a_renewed_key_lets_the_mail_go(gateway: Gateway, nexthop: NextHop, gnupg: GnuPG, a_year_later: None) -> None:
    identifier = gateway.submit(ALICE, "expiring2@keys.test", from_alice("after the renewal"))
    gateway.wait_for_state(identifier, "held")
    fingerprint = next(line.split(":")[9] for line in gnupg.run("--with-colons", "--list-keys", "expiring2@keys.test").decode().splitlines()
                       if line.startswith("fpr"))
    gnupg.run("--quick-set-expire", fingerprint, "9y")
    gnupg.run("--quick-set-expire", fingerprint, "9y", "*")
    gateway.import_key(gnupg.export("expiring2@keys.test"))
    gateway.cli("queue", "release", identifier, check=False)
    came = nexthop.wait_for("expiring2@keys.test")
    assert openpgp.inner_body(gnupg.decrypt(openpgp.armored_part(came.content))) == b"after the renewal\r\n"


def test_holds_end_and_the_mail_goes_back(gateway: Gateway, nexthop: NextHop, a_year_later: None) -> None:
    gateway.maildir("alice").clear()
    identifier = gateway.submit(ALICE, "expiring3@keys.test", from_alice("waits in vain"))
    gateway.wait_for_state(identifier, "held")
    gateway.clock.advance(11 * 86400)
    report = gateway.maildir("alice").find("Action: failed")
    assert b"waits in vain" not in report and b"waits in vain" not in bytes(nexthop.wire)
