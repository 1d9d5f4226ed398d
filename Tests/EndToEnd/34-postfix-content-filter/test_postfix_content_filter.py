# SPDX-License-Identifier: Apache-2.0
"""Postfix hands its users' mail to Postern after its queue (`content_filter`), by SMTP and by LMTP, and gets it back protected."""

import pathlib
import shutil
from collections.abc import Iterator

import pytest

from harness import machine, message, openpgp
from harness.conversation import Conversation
from harness.gateway import Gateway
from harness.openpgp import GnuPG
from harness.peers.postfix import Postfix

# As docs/install-postfix-filter.md has them, but for ports of our own and no chroot.
SERVICES = """\
127.0.0.1:{smtp} inet n - n - - smtpd
    -o mynetworks=127.0.0.0/8
    -o smtpd_relay_restrictions=permit_mynetworks,reject
    -o content_filter=postern:[127.0.0.1]:{filter}
127.0.0.1:{lmtp} inet n - n - - smtpd
    -o mynetworks=127.0.0.0/8
    -o smtpd_relay_restrictions=permit_mynetworks,reject
    -o content_filter=lmtp:unix:{socket}
127.0.0.1:{loop} inet n - n - - smtpd
    -o mynetworks=127.0.0.0/8
    -o smtpd_relay_restrictions=permit_mynetworks,reject
    -o content_filter=postern:[127.0.0.1]:{loop_filter}
127.0.0.1:{back} inet n - n - 10 smtpd
    -o content_filter=
    -o mynetworks=127.0.0.0/8
    -o smtpd_relay_restrictions=permit_mynetworks,reject
    -o receive_override_options=no_unknown_recipient_checks,no_header_body_checks,no_address_mappings
postern unix - - n - 10 smtp
    -o disable_dns_lookups=yes
    -o smtp_tls_security_level=none
"""
ALICE = "alice@peer.test"


@pytest.fixture(scope="module")
def ports() -> dict[str, int]:
    return {name: machine.free_port() for name in ("smtp", "lmtp", "loop", "back", "filter", "loop_filter")}


@pytest.fixture(scope="module")
def socket(folder: pathlib.Path) -> pathlib.Path:
    """In a directory of Postfix's group, which the socket inherits."""
    place = folder / "sockets"
    place.mkdir()
    shutil.chown(place, group="postfix")
    place.chmod(0o2750)
    return place / "lmtp"


@pytest.fixture(scope="module")
def postfix(folder: pathlib.Path, ports: dict[str, int], socket: pathlib.Path) -> Iterator[Postfix]:
    server = Postfix(folder / "postfix", ["peer.test", "keys.test", "required.test"],
                     services=SERVICES.format(socket=socket, **ports),
                     main="maximal_backoff_time = 5s\nminimal_backoff_time = 5s\nqueue_run_delay = 2s\n").start()
    yield server
    server.stop()


@pytest.fixture(scope="module")
def gateway(make_gateway, ports: dict[str, int], socket: pathlib.Path, postfix: Postfix) -> Gateway:
    made = make_gateway(filter_port=ports["filter"], back_port=ports["back"], loop_port=ports["loop_filter"],
                        loop_back_port=ports["loop"], socket=socket).start()
    made.import_keys(openpgp.public_key("cv25519"))
    return made


@pytest.fixture(scope="module")
def gnupg() -> Iterator[GnuPG]:
    with machine.folder("gpg") as path:
        ring = GnuPG(path / "home").import_kinds(["cv25519"])
        yield ring
        ring.close()


def submit(port: int, recipients: str | list[str], content: bytes, sender: str = ALICE, mail: str = "", rcpt: str = "") -> None:
    """As one of Postfix's users."""
    with Conversation(port) as talk:
        assert talk.reply().code == 220
        talk.ehlo()
        talk.expect(f"MAIL FROM:<{sender}>{mail}", 250)
        for recipient in [recipients] if isinstance(recipients, str) else recipients:
            talk.expect(f"RCPT TO:<{recipient}>{rcpt}", 250)
        assert talk.data(content).code == 250


def from_alice(text: str, number: int, **more: object) -> bytes:
    return message.simple(text, sender=ALICE, headers=["X-Originating-IP: 192.0.2.77", f"X-Number: {number}"], **more)


@pytest.mark.parametrize("way, number", [("smtp", 100), ("lmtp", 101)])
def test_it_comes_back_encrypted_and_scrubbed(way: str, number: int, gateway: Gateway, postfix: Postfix, ports: dict[str, int], gnupg: GnuPG) -> None:
    submit(ports[way], openpgp.address("cv25519"), from_alice("a secret", number))
    came = postfix.maildir().find(f"X-Number: {number}")
    assert openpgp.is_encrypted(came) and b"a secret" not in came and b"192.0.2.77" not in came
    assert message.field(came, "Subject") == "[...]" and message.field(came, "Return-Path") == f"<{ALICE}>"
    assert openpgp.inner_body(gnupg.decrypt(openpgp.armored_part(came))) == b"a secret\r\n"
    protocol = "ESMTP" if way == "smtp" else "LMTP"
    assert any(f"by gateway.postern.test with {protocol}" in " ".join(f.split()) for f in message.fields(came, "Received"))


@pytest.mark.parametrize("way, number", [("smtp", 200), ("lmtp", 201)])
def test_each_recipient_gets_what_is_right_for_it(way: str, number: int, gateway: Gateway, postfix: Postfix, ports: dict[str, int]) -> None:
    submit(ports[way], ["bob@peer.test", openpgp.address("cv25519")], from_alice("for two", number))
    needle = f"X-Number: {number}".encode()
    machine.eventually(lambda: sum(needle in m for m in postfix.maildir().messages()) == 2, "two copies")
    came = [m for m in postfix.maildir().messages() if needle in m]
    assert sorted(openpgp.is_encrypted(m) for m in came) == [False, True]
    assert all(b"192.0.2.77" not in m for m in came)
    gateway.wait_until_empty()


@pytest.mark.parametrize("way", ["smtp", "lmtp"])
def test_a_recipient_that_needs_a_key_is_refused_to_postfix_which_tells_its_user(
        way: str, gateway: Gateway, postfix: Postfix, ports: dict[str, int]) -> None:
    submit(ports[way], [f"carol{way}@required.test"], from_alice("not in clear", 300))
    report = postfix.maildir().find(f"carol{way}@required.test")
    assert b"5.7.1" in report and message.field(report, "Return-Path") == "<>"
    assert not gateway.queue()


def test_success_reports_come_from_postfix_and_from_nobody_else(gateway: Gateway, postfix: Postfix, ports: dict[str, int]) -> None:
    submit(ports["smtp"], "bob@peer.test", from_alice("tell me", 400), mail=" RET=HDRS ENVID=QQ314159",
           rcpt=" NOTIFY=SUCCESS,FAILURE ORCPT=rfc822;first+2Bbob@peer.test")
    postfix.maildir().find("X-Number: 400")
    report = postfix.maildir().find("QQ314159")
    assert b"Action: delivered" in report and b"first+bob@peer.test" in report.replace(b"+2B", b"+")
    gateway.wait_until_empty()
    # One for the hand-over to Postern would be a `relayed`, one by Postern too.
    reports = [m for m in postfix.maildir().messages() if b"QQ314159" in m]
    assert len(reports) == 1 and b"gateway.postern.test" not in message.field(reports[0], "From").encode()


def test_international_addresses_pass(gateway: Gateway, postfix: Postfix, ports: dict[str, int]) -> None:
    submit(ports["smtp"], "grün@peer.test", from_alice("grüße", 500, subject="grün"), mail=" SMTPUTF8 BODY=8BITMIME")
    came = postfix.maildir().find("X-Number: 500")
    assert "grüße".encode() in came and "Subject: grün".encode() in came
    assert "Delivered-To: grün@peer.test".encode() in came


def test_postfix_keeps_the_mail_while_postern_is_down(gateway: Gateway, postfix: Postfix, ports: dict[str, int]) -> None:
    assert gateway.stop() == 0
    submit(ports["smtp"], openpgp.address("cv25519"), from_alice("while down", 600))
    submit(ports["lmtp"], openpgp.address("cv25519"), from_alice("while down", 601))
    machine.eventually(lambda: postfix.log().count("status=deferred") >= 2, "Postfix to defer them")
    gateway.start()
    for number in (600, 601):
        assert openpgp.is_encrypted(postfix.maildir().find(f"X-Number: {number}"))


def test_a_forgotten_line_makes_a_bounce_and_no_endless_loop(gateway: Gateway, postfix: Postfix, ports: dict[str, int]) -> None:
    """Where the mail comes back, `content_filter` was not switched off."""
    submit(ports["loop"], "dave@peer.test", from_alice("round and round", 700))
    report = postfix.maildir().find("came by this filter before")
    assert b"5.4.6" in report
    gateway.wait_until_empty()
    assert not any(b"X-Number: 700" in m and b"round and round" in m and b"Action: failed" not in m for m in postfix.maildir().messages())
