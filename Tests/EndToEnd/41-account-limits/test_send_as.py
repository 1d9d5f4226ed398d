# SPDX-License-Identifier: Apache-2.0
"""Role addresses: who may send as them, in the envelope, in From and in Sender."""

import pytest

from harness import message
from harness.gateway import PASSWORD, Gateway


@pytest.fixture(scope="module")
def gateway(make_gateway) -> Gateway:
    made = make_gateway(messages=0).start()
    made.cli("user", "add", "carol", "--address", "carol@postern.test", "--send-as", "office@postern.test",
             "--send-as", "*@lists.postern.test", "--established", "--password-stdin", stdin=f"{PASSWORD}\n")
    made.add_user("dave")
    return made


ROLES = ["office@postern.test", "office+2026@postern.test", "any@lists.postern.test", "carol@postern.test"]
OTHERS = ["dave@postern.test", "info@postern.test", "x@sub.lists.postern.test", "office@elsewhere.test"]


@pytest.mark.parametrize("address", ROLES)
def test_what_was_granted(gateway: Gateway, address: str) -> None:
    with gateway.sign_in("carol") as talk:
        talk.send_mail(address, "dave@postern.test", message.simple(f"as {address}", sender=address))
        talk.send_mail("carol@postern.test", "dave@postern.test",
                       message.simple("with a Sender", sender=address, headers=["Sender: carol@postern.test"]))
    gateway.maildir("dave").find(f"as {address}")


@pytest.mark.parametrize("address", OTHERS)
def test_what_was_not(gateway: Gateway, address: str) -> None:
    with gateway.sign_in("carol") as talk:
        talk.expect(f"MAIL FROM:<{address}>", 553, "5.7.1")
        for mail in (message.simple("a false From", sender=address),
                     message.simple("a false Sender", sender="office@postern.test", headers=[f"Sender: {address}"])):
            talk.envelope("office@postern.test", "dave@postern.test")
            assert talk.data(mail).code == 550


def test_a_role_is_nobodys_mailbox(gateway: Gateway) -> None:
    with gateway.sign_in("carol") as talk:
        talk.expect("MAIL FROM:<carol@postern.test>", 250)
        talk.expect("RCPT TO:<office@postern.test>", 550)


def test_it_is_granted_and_taken_back_while_the_gateway_runs(gateway: Gateway) -> None:
    with gateway.sign_in("dave") as talk:
        talk.expect("MAIL FROM:<office@postern.test>", 553)
        said = gateway.cli("user", "send-as", "add", "dave", "office@postern.test").stdout
        assert "office@postern.test" in said
        assert "office@postern.test" in gateway.cli("user", "list").stdout
        talk.expect("MAIL FROM:<office@postern.test>", 250)
        talk.expect("RSET", 250)
        gateway.cli("user", "send-as", "remove", "dave", "office@postern.test")
        talk.expect("MAIL FROM:<office@postern.test>", 553)


def test_what_makes_no_sense_is_refused_with_a_sentence(gateway: Gateway) -> None:
    for arguments in (["nobody", "office@postern.test"], ["dave", "office"], ["dave", "*@"]):
        done = gateway.cli("user", "send-as", "add", *arguments, check=False)
        assert done.returncode == 1 and done.stderr.strip(), arguments
