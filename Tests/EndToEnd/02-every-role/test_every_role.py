# SPDX-License-Identifier: Apache-2.0
"""Mail comes in by each role, from swaks, from Python's smtplib and from Postfix's smtp-source."""

import pathlib
import smtplib
import ssl
from collections.abc import Iterator

import pytest

from harness import message
from harness.dialogue import play
from harness.gateway import PASSWORD, Gateway
from harness.peers.postfix import smtp_source
from harness.peers.swaks import delivers

HERE = pathlib.Path(__file__).parent


@pytest.fixture(scope="module")
def gateway(make_gateway) -> Iterator[Gateway]:
    made = make_gateway().start()
    made.add_user("alice")
    made.add_user("bob")
    yield made


def unverified() -> ssl.SSLContext:
    context = ssl.create_default_context()
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    return context


@pytest.mark.parametrize("tls", [[], ["--tls"]], ids=["in clear", "STARTTLS"])
def test_swaks_as_a_stranger_to_the_mx_port(gateway: Gateway, tls: list[str]) -> None:
    text = f"swaks mx {len(tls)}"
    said = delivers("--server", f"127.0.0.1:{gateway.ports['mx']}", *tls, "--from", "s@example.net", "--to", "alice@postern.test",
                    "--body", text)
    assert "250 2.0.0" in said or "250 2.6.0" in said
    gateway.maildir("alice").find(text)


@pytest.mark.parametrize("role, options", [("submission", ["--tls"]), ("submissions", ["--tls-on-connect"])])
@pytest.mark.parametrize("mechanism", ["PLAIN", "LOGIN"])
def test_swaks_as_alice(gateway: Gateway, role: str, options: list[str], mechanism: str) -> None:
    text = f"swaks {role} {mechanism}"
    delivers("--server", f"127.0.0.1:{gateway.ports[role]}", *options, "--auth", mechanism, "--auth-user", "alice",
             "--auth-password", PASSWORD, "--from", "alice@postern.test", "--to", "bob@postern.test", "--body", text)
    gateway.maildir("bob").find(text)


def test_smtplib_as_a_stranger(gateway: Gateway) -> None:
    with smtplib.SMTP("127.0.0.1", gateway.ports["mx"]) as client:
        client.sendmail("s@example.net", ["alice@postern.test", "bob@postern.test"], message.simple("smtplib mx"))
    gateway.maildir("alice").find("smtplib mx")
    gateway.maildir("bob").find("smtplib mx")


def test_smtplib_as_alice_by_starttls(gateway: Gateway) -> None:
    with smtplib.SMTP("localhost", gateway.ports["submission"]) as client:
        client.starttls(context=unverified())
        client.login("alice", PASSWORD)
        client.sendmail("alice@postern.test", ["bob@postern.test"], message.simple("smtplib 587", sender="alice@postern.test"))
    gateway.maildir("bob").find("smtplib 587")


def test_smtplib_as_alice_by_tls_from_the_first_byte(gateway: Gateway) -> None:
    with smtplib.SMTP_SSL("localhost", gateway.ports["submissions"], context=unverified()) as client:
        client.login("alice", PASSWORD)
        client.sendmail("alice@postern.test", ["bob@postern.test"], message.simple("smtplib 465", sender="alice@postern.test"))
    gateway.maildir("bob").find("smtplib 465")


def test_smtplib_sends_utf8_addresses(gateway: Gateway) -> None:
    gateway.add_user("joerg", "jörg@postern.test")
    with smtplib.SMTP("127.0.0.1", gateway.ports["mx"]) as client:
        client.ehlo()
        client.sendmail("s@example.net", ["jörg@postern.test"], message.simple("utf8 address"), ["SMTPUTF8", "BODY=8BITMIME"])
    gateway.maildir("joerg").find("utf8 address")


def test_smtp_source_over_many_connections(gateway: Gateway) -> None:
    gateway.maildir("alice").clear()
    smtp_source(gateway.ports["mx"], "s@example.net", "alice@postern.test", count=200, sessions=10)
    assert len(gateway.maildir("alice").wait(200)) == 200


def test_a_certificate_is_shown_and_only_tls_1_2_and_newer_is_spoken(gateway: Gateway) -> None:
    context = unverified()
    context.minimum_version = ssl.TLSVersion.MINIMUM_SUPPORTED
    context.maximum_version = ssl.TLSVersion.TLSv1_1
    context.set_ciphers("ALL:@SECLEVEL=0")
    with pytest.raises((ssl.SSLError, ConnectionError)):
        smtplib.SMTP_SSL("localhost", gateway.ports["submissions"], context=context)
    for version in (ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3):
        context = unverified()
        context.minimum_version = context.maximum_version = version
        with smtplib.SMTP_SSL("localhost", gateway.ports["submissions"], context=context) as client:
            assert client.noop()[0] == 250


def test_no_cipher_without_forward_secrecy(gateway: Gateway) -> None:
    context = unverified()
    context.maximum_version = ssl.TLSVersion.TLSv1_2
    context.set_ciphers("kRSA:@SECLEVEL=0")
    with pytest.raises((ssl.SSLError, ConnectionError)):
        smtplib.SMTP_SSL("localhost", gateway.ports["submissions"], context=context)


@pytest.mark.parametrize("file", sorted(HERE.glob("*.dialogue")), ids=lambda f: f.stem)
def test_dialogue(gateway: Gateway, file: pathlib.Path) -> None:
    play(gateway, file)
