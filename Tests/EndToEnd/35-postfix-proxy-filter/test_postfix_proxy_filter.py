# SPDX-License-Identifier: Apache-2.0
"""Postern stands before Postfix's queue (`smtpd_proxy_filter`): strangers hear every refusal in their session, and nobody gets a bounce."""

import pathlib
from collections.abc import Iterator

import pytest

from harness import machine, message, openpgp
from harness.conversation import Conversation
from harness.gateway import Gateway
from harness.openpgp import GnuPG
from harness.peers.postfix import Postfix

# As docs/install-postfix-filter.md has them, but for ports of our own. What refuses stands behind the filter alone.
SERVICES = """\
127.0.0.1:{mx} inet n - n - 20 smtpd
    -o smtpd_proxy_filter=127.0.0.1:{filter}
    -o smtpd_client_connection_count_limit=10
127.0.0.1:{back} inet n - n - - smtpd
    -o smtpd_proxy_filter=
    -o mynetworks=127.0.0.0/8
    -o smtpd_authorized_xforward_hosts=127.0.0.0/8
    -o smtpd_relay_restrictions=permit_mynetworks,reject
    -o smtpd_recipient_restrictions=check_recipient_access,texthash:{folder}/etc/refused,permit
    -o cleanup_service_name=strict
strict unix n - n - 0 cleanup
    -o header_checks=regexp:{folder}/etc/strict
"""


@pytest.fixture(scope="module")
def ports() -> dict[str, int]:
    return {name: machine.free_port() for name in ("mx", "back", "filter")}


@pytest.fixture(scope="module")
def postfix(folder: pathlib.Path, ports: dict[str, int]) -> Iterator[Postfix]:
    server = Postfix(folder / "postfix", ["peer.test", "keys.test", "required.test"],
                     services=SERVICES.format(folder="{folder}", **ports))
    (server.config / "refused").write_text("blocked@peer.test 554 5.7.1 not this one today\n")
    (server.config / "strict").write_text("/^X-Refuse-Me:/ REJECT not with this field\n")
    server.start()
    yield server
    server.stop()


@pytest.fixture(scope="module")
def gateway(make_gateway, ports: dict[str, int], postfix: Postfix) -> Gateway:
    made = make_gateway(filter_port=ports["filter"], back_port=ports["back"]).start()
    made.import_keys(openpgp.public_key("cv25519"))
    return made


@pytest.fixture
def talk(gateway: Gateway, ports: dict[str, int]) -> Iterator[Conversation]:
    """A stranger at Postfix."""
    with Conversation(ports["mx"], source="127.0.0.9") as conversation:
        assert conversation.reply().code == 220
        conversation.ehlo()
        yield conversation


def quiet(gateway: Gateway, postfix: Postfix) -> bool:
    """Nothing waits at Postern, and Postfix has made no report."""
    return not gateway.queue() and not any(message.fields(m, "Return-Path") == ["<>"] for m in postfix.maildir().messages())


def test_mail_for_a_user_with_a_key_arrives_encrypted(talk: Conversation, gateway: Gateway, postfix: Postfix) -> None:
    talk.envelope("s@example.net", openpgp.address("cv25519"))
    assert talk.data(message.simple("a secret", headers=["X-Number: 1", "X-Originating-IP: 192.0.2.77"])).code == 250
    came = postfix.maildir().find("X-Number: 1")
    assert openpgp.is_encrypted(came) and b"a secret" not in came
    # A stranger's header is left as it is.
    assert message.field(came, "X-Originating-IP") == "192.0.2.77"
    with machine.folder("gpg") as path:
        ring = GnuPG(path / "home").import_kinds(["cv25519"])
        assert openpgp.inner_body(ring.decrypt(openpgp.armored_part(came))) == b"a secret\r\n"
        ring.close()
    assert quiet(gateway, postfix)


def test_several_recipients_each_get_their_copy(talk: Conversation, postfix: Postfix) -> None:
    talk.envelope("s@example.net", ["bob@peer.test", openpgp.address("cv25519"), "carol@peer.test"])
    assert talk.data(message.simple("for three", headers=["X-Number: 2"])).code == 250
    machine.eventually(lambda: sum(b"X-Number: 2" in m for m in postfix.maildir().messages()) == 3, "three copies")
    came = [m for m in postfix.maildir().messages() if b"X-Number: 2" in m]
    assert sorted(openpgp.is_encrypted(m) for m in came) == [False, False, True]


def test_what_the_server_behind_refuses_at_rcpt_the_stranger_hears_at_rcpt(
        talk: Conversation, gateway: Gateway, postfix: Postfix) -> None:
    talk.expect("MAIL FROM:<s@example.net>", 250)
    reply = talk.expect("RCPT TO:<blocked@peer.test>", 554, "5.7.1")
    assert "not this one today" in reply.text
    talk.expect("RCPT TO:<bob@peer.test>", 250)
    assert talk.data(message.simple("for the other", headers=["X-Number: 3"])).code == 250
    postfix.maildir().find("X-Number: 3")
    assert quiet(gateway, postfix)


def test_what_the_server_behind_refuses_after_the_content_the_stranger_hears_too(
        talk: Conversation, gateway: Gateway, postfix: Postfix) -> None:
    talk.envelope("s@example.net", "bob@peer.test")
    reply = talk.data(message.simple("refused", headers=["X-Refuse-Me: yes"]))
    assert reply.code == 550 and reply.enhanced == "5.7.1" and "not with this field" in reply.text
    assert quiet(gateway, postfix)


def test_a_recipient_that_needs_a_key_is_refused_in_the_session(talk: Conversation, gateway: Gateway, postfix: Postfix) -> None:
    talk.expect("MAIL FROM:<s@example.net>", 250)
    talk.expect("RCPT TO:<carol@required.test>", 550, "5.7.1")
    assert quiet(gateway, postfix)


def test_postfix_goes_on_deciding_who_may_write_to_whom(talk: Conversation) -> None:
    talk.expect("MAIL FROM:<s@example.net>", 250)
    assert talk.command("RCPT TO:<x@elsewhere.test>").code in (550, 554)


def test_the_server_behind_hears_who_the_stranger_was(talk: Conversation, postfix: Postfix) -> None:
    talk.envelope("s@example.net", "bob@peer.test")
    assert talk.data(message.simple("from where", headers=["X-Number: 4"])).code == 250
    postfix.maildir().find("X-Number: 4")
    assert "orig_client=unknown[127.0.0.9]" in postfix.log(), "Postfix behind Postern did not hear of it"


def test_dsn_and_international_mail_pass(talk: Conversation, gateway: Gateway, postfix: Postfix) -> None:
    talk.expect("MAIL FROM:<s@peer.test> SMTPUTF8 BODY=8BITMIME RET=HDRS ENVID=QQ2718".encode(), 250)
    talk.expect("RCPT TO:<grün@peer.test> NOTIFY=SUCCESS ORCPT=utf-8;first@peer.test".encode(), 250)
    assert talk.data(message.simple("grüße", subject="grün", headers=["X-Number: 5"])).code == 250
    # The report quotes the header, so that only the body tells the message from it.
    assert b"X-Number: 5" in postfix.maildir().find("grüße")
    report = postfix.maildir().find("QQ2718")
    assert b"Action: delivered" in report and b"first@peer.test" in report
    for found in postfix.maildir().files():
        found.unlink()


def test_while_postern_is_down_strangers_come_again(gateway: Gateway, postfix: Postfix, ports: dict[str, int]) -> None:
    assert gateway.stop() == 0
    with Conversation(ports["mx"]) as talk:
        assert talk.reply().code == 220
        talk.ehlo()
        talk.expect("MAIL FROM:<s@example.net>", 250)
        assert talk.command("RCPT TO:<bob@peer.test>").code // 100 == 4
    gateway.start()
    with Conversation(ports["mx"]) as talk:
        assert talk.reply().code == 220
        talk.ehlo()
        talk.envelope("s@example.net", "bob@peer.test")
        assert talk.data(message.simple("again", headers=["X-Number: 6"])).code == 250
    postfix.maildir().find("X-Number: 6")
    assert quiet(gateway, postfix)
