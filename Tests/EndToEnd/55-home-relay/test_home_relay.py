# SPDX-License-Identifier: Apache-2.0
"""
A relay for a few people: they sign in, and Postern signs in at a provider's submission port on a channel that has proven its
name. Started from what `postern init` wrote; the provider is Postfix with Dovecot's passwords.
"""

import pathlib
import smtplib
from collections.abc import Iterator

import pytest

from harness import machine, message, setup
from harness.gateway import Gateway
from harness.peers.certificates import Authority
from harness.peers.dovecot import Dovecot
from harness.peers.postfix import Postfix

PROVIDER_PASSWORD = "given by the provider"

SUBMISSION = """
smtpd_tls_auth_only = yes
smtpd_sasl_auth_enable = yes
smtpd_sasl_type = dovecot
smtpd_sasl_path = {auth}
smtpd_client_restrictions = permit_sasl_authenticated, reject
smtpd_sasl_authenticated_header = yes
"""


@pytest.fixture(scope="module")
def passwords(home: None, folder: pathlib.Path) -> Iterator[Dovecot]:
    """Dovecot with nothing but its authentication socket."""
    server = Dovecot(folder / "dovecot", {"gateway": PROVIDER_PASSWORD}, "auth").start()
    yield server
    server.stop()


@pytest.fixture(scope="module")
def provider(passwords: Dovecot, folder: pathlib.Path, authority: Authority) -> Iterator[Postfix]:
    server = Postfix(folder / "postfix", ["peer.test"], authority.issue("provider", "localhost"))
    with (server.config / "main.cf").open("a") as main:
        main.write(SUBMISSION.format(auth=passwords.auth))
    server.start()
    yield server
    server.stop()


@pytest.fixture(scope="module")
def gateway(provider: Postfix, folder: pathlib.Path, authority: Authority) -> Iterator[Gateway]:
    target = folder / "postern"
    own = authority.issue("relay", "mail.home.test", "localhost")
    setup.written(target, "--for", "relay", "--level", "1", "--hostname", "mail.home.test",
                  "--next-hop", f"localhost:{provider.port}", "--username", "gateway",
                  "--certificate", own.certificate, "--key", own.key)
    settings = target / "postern.toml"
    # The one thing that init can't know: the provider's authority is the tests' own.
    settings.write_text(settings.read_text().replace(
        '\ntls = "verify"', f'\ntls = "verify"\nca_file = "{authority.root.certificate}"'))
    (target / "relay-password").write_text(PROVIDER_PASSWORD + "\n")
    (target / "relay-password").chmod(0o600)
    made = setup.gateway(target)
    made.ports["mx"] = 2525
    made.start()
    made.add_user("alice", "alice@home.test")
    yield made
    made.end()


def test_a_user_signs_in_and_the_provider_gets_it_signed_in_as_the_gateway(gateway: Gateway, provider: Postfix) -> None:
    with gateway.sign_in("alice") as talk:
        talk.send_mail("alice@home.test", "x@peer.test", message.simple("from alice to the world", sender="alice@home.test"))
    came = provider.maildir().find("from alice to the world")
    assert b"Authenticated sender: gateway" in came and b"using TLSv1.3" in came
    assert message.field(came, "Return-Path") == "<alice@home.test>"


def test_a_program_of_this_machine_sends_without_a_password(gateway: Gateway, provider: Postfix) -> None:
    """smtplib, as a script of the house would use it."""
    with smtplib.SMTP("127.0.0.1", gateway.ports["mx"], timeout=machine.PATIENCE) as client:
        client.sendmail("cron@home.test", "x@peer.test", message.simple("from a program", sender="cron@home.test"))
    provider.maildir().find("from a program")


def test_a_stranger_may_not_relay(gateway: Gateway) -> None:
    """From any address but the one that `networks` calls ours."""
    with gateway.connect("submission", source="127.0.0.9") as talk:
        talk.ehlo()
        assert talk.command("MAIL FROM:<s@example.net>").code == 530
        talk.start_tls()
        assert talk.command("MAIL FROM:<s@example.net>").code == 530


def test_check_finds_no_fault(gateway: Gateway) -> None:
    hop = next(t for t in setup.trials(gateway) if t["what"] == "next hop")
    assert hop["state"] == "ok" and "proves its name" in hop["detail"] and "sign-in" in hop["detail"], hop


def test_check_tells_a_wrong_password_and_an_unknown_authority(gateway: Gateway) -> None:
    secret = gateway.folder / "relay-password"
    secret.write_text("wrong\n")
    fault, = setup.faults(gateway)
    assert fault["what"] == "next hop" and "535" in fault["detail"] and "relay-password" in fault["remedy"]
    secret.write_text(PROVIDER_PASSWORD + "\n")
    text = gateway.config.read_text()
    gateway.config.write_text("".join(l for l in text.splitlines(keepends=True) if not l.startswith("ca_file")))
    try:
        fault, = setup.faults(gateway)
        assert "certificate" in fault["detail"] and "ca_file" in fault["remedy"]
    finally:
        gateway.config.write_text(text)


def test_a_wrong_password_means_later_and_never_in_clear(gateway: Gateway, provider: Postfix) -> None:
    secret = gateway.folder / "relay-password"
    secret.write_text("wrong\n")
    gateway.restart()
    with gateway.sign_in("alice") as talk:
        identifier = talk.send_mail("alice@home.test", "x@peer.test", message.simple("waits for the password", sender="alice@home.test"))
    machine.eventually(lambda: gateway.trace(identifier)[0]["attempts"] >= 1, "a first try")
    secret.write_text(PROVIDER_PASSWORD + "\n")
    gateway.clock.advance(3600)
    provider.maildir().find("waits for the password")
