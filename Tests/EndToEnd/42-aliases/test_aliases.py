# SPDX-License-Identifier: Apache-2.0
"""Aliases, tags, catch-alls and forwards: who gets what, and what can't be set up."""

import pytest

from harness import message
from harness.gateway import Gateway
from harness.peers.nexthop import NextHop

ALICE = "alice@postern.test"
STRANGER = "s@example.net"


@pytest.fixture(scope="module")
def gateway(make_gateway, nexthop: NextHop) -> Gateway:
    made = make_gateway(relay_port=nexthop.port).start()
    for name in ("alice", "bob", "carol"):
        made.add_user(name)
    made.add_alias("team@postern.test", ALICE, "bob@postern.test")
    made.add_alias("everybody@postern.test", "team@postern.test", "carol@postern.test", ALICE)
    return made


def refused(gateway: Gateway, *arguments: str) -> str:
    done = gateway.cli(*arguments, check=False)
    assert done.returncode == 1 and not done.stdout
    return done.stderr


def test_a_chain_of_aliases_reaches_everybody_once(gateway: Gateway) -> None:
    gateway.send(STRANGER, "everybody+news@postern.test", message.simple("for the chain"))
    for name in ("alice", "bob", "carol"):
        gateway.maildir(name).find("for the chain")
    gateway.wait_until_empty()
    assert sum(b"for the chain" in m for m in gateway.maildir("alice").messages()) == 1


def test_a_tag_reaches_the_mailbox_and_stays_in_the_address(gateway: Gateway) -> None:
    gateway.send(STRANGER, "alice+lists@postern.test", message.simple("with a tag"))
    assert message.field(gateway.maildir("alice").find("with a tag"), "Delivered-To") == "alice+lists@postern.test"


def test_without_a_catch_all_nobody_is_nobody(gateway: Gateway) -> None:
    with gateway.connect() as talk:
        talk.ehlo()
        talk.expect(f"MAIL FROM:<{STRANGER}>", 250)
        talk.expect("RCPT TO:<nobody@second.test>", 550, "5.1.1")
    gateway.add_alias("*@second.test", "carol@postern.test")
    gateway.send(STRANGER, "nobody@second.test", message.simple("for nobody"))
    gateway.maildir("carol").find("for nobody")
    with gateway.connect() as talk:
        talk.ehlo()
        talk.expect(f"MAIL FROM:<{STRANGER}>", 250)
        talk.expect("RCPT TO:<nobody@postern.test>", 550, "5.1.1")
    gateway.cli("user", "alias", "remove", "*@second.test")
    with gateway.connect() as talk:
        talk.ehlo()
        talk.expect(f"MAIL FROM:<{STRANGER}>", 250)
        talk.expect("RCPT TO:<nobody@second.test>", 550, "5.1.1")


def test_circles_and_forwards_to_oneself_are_refused_with_a_remedy(gateway: Gateway) -> None:
    for arguments in (["alias", "add", "team@postern.test", "everybody@postern.test"], ["alias", "add", "x@postern.test", "X@postern.test"],
                      ["forward", "carol", "carol+x@postern.test"], ["alias", "add", "*@second.test", "y@second.test"]):
        assert "circle" in refused(gateway, "user", *arguments), arguments
    gateway.cli("user", "forward", "bob", "carol@postern.test")
    assert "circle" in refused(gateway, "user", "forward", "carol", "team@postern.test", "--keep")
    gateway.cli("user", "forward", "bob", "--off")
    # What was refused changed nothing.
    gateway.send(STRANGER, "team@postern.test", message.simple("still the team"))
    for name in ("alice", "bob"):
        gateway.maildir(name).find("still the team")


def test_a_users_forward_leads_on_and_keeps_a_copy_if_asked(gateway: Gateway, nexthop: NextHop) -> None:
    gateway.cli("user", "forward", "carol", "carol@elsewhere.test", ALICE, "--keep")
    gateway.send(STRANGER, "carol@postern.test", message.simple("three ways"))
    for name in ("alice", "carol"):
        gateway.maildir(name).find("three ways")
    assert b"three ways" in nexthop.wait_for("carol@elsewhere.test").content
    gateway.cli("user", "forward", "carol", ALICE)
    gateway.send(STRANGER, "carol@postern.test", message.simple("one way"))
    gateway.maildir("alice").find("one way")
    gateway.wait_until_empty()
    assert not any(b"one way" in m for m in gateway.maildir("carol").messages())
    gateway.cli("user", "forward", "carol", "--off")
    gateway.send(STRANGER, "carol@postern.test", message.simple("home again"))
    gateway.maildir("carol").find("home again")


def test_the_commands_tell_facts(gateway: Gateway) -> None:
    assert "carol@elsewhere.test" in gateway.facts("user", "forward", "carol", "carol@elsewhere.test", "--keep")["done"]
    users = {u["name"]: u for u in gateway.facts("user", "list")["users"]}
    assert users["carol"]["forwardsTo"] == ["carol@elsewhere.test"] and users["carol"]["keepsCopy"] is True
    assert "forwardsTo" not in users["bob"]
    gateway.cli("user", "forward", "carol", "--off")
    added = gateway.facts("user", "alias", "add", "out@postern.test", "x@elsewhere.test")
    assert "return path of ours" in added["done"]
    assert {"address": "out@postern.test", "targets": ["x@elsewhere.test"]} in gateway.facts("user", "alias", "list")
    assert "out@postern.test" in gateway.cli("user", "alias", "list").stdout
    assert "removed" in gateway.facts("user", "alias", "remove", "out@postern.test")["done"]
    assert gateway.cli("user", "forward", "carol", check=False).returncode == 64


def test_aliases_survive_a_restart(gateway: Gateway, nexthop: NextHop) -> None:
    gateway.cli("user", "forward", "bob", "bob@elsewhere.test")
    gateway.restart()
    gateway.send(STRANGER, "team@postern.test", message.simple("after the restart"))
    gateway.maildir("alice").find("after the restart")
    assert b"after the restart" in nexthop.wait_for("bob@elsewhere.test").content
    gateway.cli("user", "forward", "bob", "--off")
