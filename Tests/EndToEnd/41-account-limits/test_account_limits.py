# SPDX-License-Identifier: Apache-2.0
"""What one account may send is limited and outlives a restart, so that a stolen password does not ruin the server's name."""

import pytest

from harness import message
from harness.conversation import Conversation
from harness.gateway import PASSWORD, Gateway

LIMIT = 20


@pytest.fixture
def gateway(make_own_gateway) -> Gateway:
    """carol is known to the operator; dave is new."""
    made = make_own_gateway(messages=LIMIT).start()
    made.cli("user", "add", "carol", "--address", "carol@postern.test", "--established", "--password-stdin", stdin=f"{PASSWORD}\n")
    made.add_user("dave")
    return made


def send(talk: Conversation, name: str = "carol", to: str = "dave@postern.test") -> None:
    talk.send_mail(f"{name}@postern.test", to, message.simple("one of many", sender=f"{name}@postern.test"))


def listed(gateway: Gateway, name: str) -> dict:
    return next(u for u in gateway.facts("user", "list")["users"] if u["name"] == name)


def alarms(gateway: Gateway) -> list[str]:
    return [a["sentence"] for a in gateway.status()["alarms"] if a["name"] == "account-limit"]


def test_messages_in_an_hour(gateway: Gateway) -> None:
    with gateway.sign_in("carol") as talk:
        for _ in range(LIMIT):
            send(talk)
        assert not alarms(gateway)
        talk.expect("MAIL FROM:<carol@postern.test>", 450, "4.7.1")
    # A restart does not help, nor does another session.
    gateway.restart()
    with gateway.sign_in("carol") as talk:
        talk.expect("MAIL FROM:<carol@postern.test>", 450, "4.7.1")
        assert gateway.status()["counters"]["messages beyond an account's limit"] == 1
        (alarm,) = alarms(gateway)
        assert "carol" not in alarm and "carol" not in gateway.cli("status").stdout
        carol = listed(gateway, "carol")
        assert carol["atLimit"] and carol["messagesInDay"] == LIMIT and not listed(gateway, "dave")["atLimit"]
        assert "SENDING LIMIT" in gateway.cli("user", "list").stdout
        # Others are not held up, and with time all is well again.
        with gateway.sign_in("dave") as other:
            send(other, "dave")
        gateway.clock.advance(2 * 3600)
        send(talk)
    assert not alarms(gateway) and not listed(gateway, "carol")["atLimit"]


def test_messages_in_a_day(gateway: Gateway) -> None:
    for _ in range(2):
        with gateway.sign_in("carol") as talk:
            for _ in range(LIMIT):
                send(talk)
        gateway.clock.advance(2 * 3600)
    with gateway.sign_in("carol") as talk:
        talk.expect("MAIL FROM:<carol@postern.test>", 450, "4.7.1")
    gateway.clock.advance(26 * 3600)
    with gateway.sign_in("carol") as talk:
        send(talk)


def test_recipients_in_an_hour(gateway: Gateway) -> None:
    with gateway.sign_in("carol") as talk:
        talk.expect("MAIL FROM:<carol@postern.test>", 250)
        for number in range(50):
            talk.expect(f"RCPT TO:<dave+{number}@postern.test>", 250)
        for number in range(25):
            talk.expect(f"RCPT TO:<dave+more{number}@postern.test>", 450, "4.7.1")
        # Those that were taken get the message.
        assert talk.data(message.simple("to fifty", sender="carol@postern.test")).code == 250
        talk.expect("MAIL FROM:<carol@postern.test>", 250)
        talk.expect("RCPT TO:<dave@postern.test>", 450, "4.7.1")
    gateway.wait_until_empty()
    gateway.maildir("dave").find("to fifty")
    assert listed(gateway, "carol")["recipientsInDay"] == 50


def test_what_was_not_accepted_is_not_counted(gateway: Gateway) -> None:
    with gateway.sign_in("carol") as talk:
        for _ in range(2 * LIMIT):
            talk.envelope("carol@postern.test", ["dave@postern.test"] * 2)
            talk.expect("RSET", 250)
        for _ in range(3):
            talk.envelope("carol@postern.test", "dave@postern.test")
            assert talk.data(message.simple("a false From", sender="dave@postern.test")).code == 550
    for _ in range(LIMIT + 5):
        # A connection that breaks off gives back what it had set aside.
        with gateway.sign_in("carol") as talk:
            talk.expect("MAIL FROM:<carol@postern.test>", 250)
    assert listed(gateway, "carol")["messagesInDay"] == 0 and not alarms(gateway)


def test_many_sessions_at_once_gain_nothing(gateway: Gateway) -> None:
    talks = [gateway.sign_in("carol", "submissions") for _ in range(LIMIT + 3)]
    codes = [talk.command("MAIL FROM:<carol@postern.test>").code for talk in talks]
    assert codes.count(250) == LIMIT and codes.count(450) == 3
    for talk in talks:
        talk.close()


def test_an_account_may_be_given_more(gateway: Gateway) -> None:
    assert "3 times" in gateway.cli("user", "limit", "carol", "3").stdout
    assert listed(gateway, "carol")["limitTimes"] == 3
    with gateway.sign_in("carol") as talk:
        for _ in range(LIMIT + 1):
            send(talk)
    gateway.cli("user", "limit", "carol", "1")
    with gateway.sign_in("carol") as talk:
        talk.expect("MAIL FROM:<carol@postern.test>", 450, "4.7.1")
    for wrong in (["nobody", "3"], ["carol", "0"], ["carol", "1001"]):
        assert gateway.cli("user", "limit", *wrong, check=False).returncode == 1


def test_a_new_account_starts_softly(gateway: Gateway) -> None:
    assert listed(gateway, "dave")["softStart"] and not listed(gateway, "carol")["softStart"]
    with gateway.sign_in("dave") as talk:
        for _ in range(LIMIT // 10):
            send(talk, "dave")
        talk.expect("MAIL FROM:<dave@postern.test>", 450, "4.7.1")
    gateway.clock.advance(3 * 86_400)
    with gateway.sign_in("dave") as talk:
        for _ in range(LIMIT):
            send(talk, "dave")
    assert not listed(gateway, "dave")["softStart"]
