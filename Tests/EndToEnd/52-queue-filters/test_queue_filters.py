# SPDX-License-Identifier: Apache-2.0
"""Looking at the queue through filters, and doing one thing to much mail: what it will do is said first, and addresses stay on terminals."""

from collections.abc import Callable, Iterator

import pytest

from harness import machine, message, terminal
from harness.gateway import Gateway
from harness.openpgp import GnuPG
from harness.peers.nexthop import NextHop

ALICE = "alice@postern.test"
DAY = 86400


@pytest.fixture
def hop() -> Iterator[NextHop]:
    """Down until a test starts it."""
    peer = NextHop()
    yield peer
    peer.stop()


@pytest.fixture
def gateway(make_own_gateway: Callable[..., Gateway], hop: NextHop) -> Gateway:
    made = make_own_gateway(relay_port=hop.port).start()
    made.add_user("alice")
    return made


def waiting(gateway: Gateway, recipient: str = "x@far.test") -> str:
    identifier = gateway.submit(ALICE, recipient, message.simple("waiting", sender=ALICE))
    machine.eventually(lambda: gateway.trace(identifier)[0]["attempts"] >= 1, "a first try")
    gateway.wait_for_state(identifier, "ready")
    return identifier


def ids(gateway: Gateway, *options: str) -> set[str]:
    return {copy["id"] for copy in gateway.queue(*options)}


def test_lists_filter_by_state_age_and_next_hop(gateway: Gateway, hop: NextHop) -> None:
    old = waiting(gateway)
    gateway.clock.advance(7200)
    new = waiting(gateway)
    gateway.cli("queue", "hold", new)
    assert ids(gateway, "--older", "1h") == {old} and ids(gateway, "--older", "3h") == set()
    assert ids(gateway, "--state", "held") == {new} and ids(gateway, "--state", "held", "--older", "1h") == set()
    digits = gateway.queue()[0]["hop"]
    for name in (f"127.0.0.1:{hop.port}", "127.0.0.1", digits):
        assert ids(gateway, "--hop", name) == {old, new}, name
    for name in ("far.test", "maildir", "00000000"):
        assert ids(gateway, "--hop", name) == set(), name
    for wrong in (["--older", "soon"], ["--state", "odd"]):
        assert gateway.cli("queue", "list", *wrong, check=False).returncode == 64


def test_addresses_and_replies_are_for_a_terminal(gateway: Gateway, hop: NextHop) -> None:
    hop.answer = lambda verb, line: "451 4.7.1 <x@far.test> is not wanted now" if verb == "RCPT" else None
    hop.start()
    identifier = waiting(gateway)
    for command in (["queue", "list"], ["queue", "show", identifier]):
        plain = gateway.cli(*command).stdout
        assert "451 4.7.1" in plain and "far.test" not in plain and "wanted" not in plain
        assert "far.test" not in gateway.cli(*command, "--json").stdout
        refused = gateway.cli(*command, "--addresses", check=False)
        assert refused.returncode == 64 and "--addresses-always" in refused.stderr and not refused.stdout
        for text in (gateway.cli(*command, "--addresses-always").stdout, terminal.run(gateway, *command, "--addresses").text):
            assert "<x@far.test>" in text and ALICE in text
    assert "far.test" not in gateway.cli("trace", identifier).stdout


def test_actions_on_much_mail_say_what_they_do_and_ask(gateway: Gateway) -> None:
    first = gateway.submit(ALICE, ["x@far.test", "y@far.test"], message.simple("two", sender=ALICE))
    machine.eventually(lambda: all(c["attempts"] >= 1 for c in gateway.trace(first)), "first tries")
    gateway.wait_for_state(first, "ready")
    gateway.clock.advance(7200)
    second = waiting(gateway)
    refused = gateway.cli("queue", "drop", "--older", "1h", check=False)
    assert refused.returncode == 64 and "1 message (2 copies) older than 1h" in refused.stderr and "--yes" in refused.stderr
    assert len(gateway.queue()) == 3
    said = terminal.run(gateway, "queue", "drop", "--older", "1h", typed="n\n", prompt="[y/N]")
    assert said.returncode == 1 and "destroys 1 message (2 copies) older than 1h" in said.text and "Nothing was changed" in said.text
    assert len(gateway.queue()) == 3
    said = terminal.run(gateway, "queue", "drop", "--older", "1h", typed="y\n", prompt="[y/N]")
    assert said.returncode == 0 and "2 copies are dropped" in said.text
    assert ids(gateway) == {second}
    assert "Nothing waits in the state held" in gateway.cli("queue", "release", "--state", "held").stdout


def test_hop_and_state_choose_for_an_action(gateway: Gateway, hop: NextHop) -> None:
    held, ready = waiting(gateway), waiting(gateway)
    gateway.cli("queue", "hold", held)
    gateway.cli("queue", "hold", "--hop", "elsewhere.test", "--yes")
    gateway.cli("queue", "drop", "--state", "ready", "--hop", f"127.0.0.1:{hop.port}", "--yes")
    assert ids(gateway) == {held} and ready != held
    for wrong in (["drop"], ["drop", held, "--all"], ["drop", held, "--older", "1h"]):
        assert gateway.cli("queue", *wrong, check=False).returncode == 64
    hop.start()
    gateway.cli("queue", "release", "--state", "held", "--yes")
    assert hop.wait()[0].recipient == "x@far.test"


def test_what_comes_in_while_somebody_thinks_is_not_meant(gateway: Gateway) -> None:
    old = waiting(gateway)
    gateway.clock.advance(60)

    class Late(str):
        """Typed only after one more message has come."""

        def encode(self, *arguments: str, **options: str) -> bytes:
            Late.came = waiting(gateway)
            return super().encode(*arguments, **options)

    said = terminal.run(gateway, "queue", "drop", "--all", typed=Late("y\n"), prompt="[y/N]")
    assert said.returncode == 0 and "1 copy is dropped" in said.text
    assert ids(gateway) == {Late.came} and old != Late.came


def test_a_released_copy_names_its_new_id_and_gets_its_full_time(gateway: Gateway, hop: NextHop) -> None:
    with machine.folder("gpg") as path:
        gnupg = GnuPG(path / "home")
        gateway.import_key(gnupg.make_key("Far <keyed@far.test>", expires="1y"))
        gateway.clock.advance(2 * 365 * DAY)
        identifier = gateway.submit(ALICE, "keyed@far.test", message.simple("sealed", sender=ALICE))
        gateway.wait_for_state(identifier, "held")
        gateway.clock.advance(4 * DAY)
        lines = gnupg.run("--with-colons", "--list-keys", "keyed@far.test").decode().splitlines()
        fingerprint = next(line.split(":")[9] for line in lines if line.startswith("fpr"))
        gnupg.run("--quick-set-expire", fingerprint, "9y")
        gnupg.run("--quick-set-expire", fingerprint, "9y", "*")
        gateway.import_key(gnupg.export("keyed@far.test"))
        gateway.cli("queue", "release", identifier, check=False)

        def replacement() -> str | None:
            copy = gateway.trace(identifier)[0]
            return copy.get("replacedBy") if copy["state"] == "replaced" else None

        new = machine.eventually(replacement, "the replacement")
        gnupg.close()
    assert f"replaced by {new}" in gateway.cli("trace", identifier).stdout
    # Two days more are six since it came, and two since it was released: it still waits, and leaves when the next hop is back.
    machine.eventually(lambda: gateway.trace(new)[0]["attempts"] >= 1, "a first try")
    gateway.clock.advance(2 * DAY)
    machine.eventually(lambda: gateway.trace(new)[0]["attempts"] >= 2, "a second try")
    assert gateway.trace(new)[0]["state"] in ("ready", "leased")
    hop.start()
    gateway.wait_for_state(new, "ready")
    gateway.cli("queue", "retry", new)
    assert hop.wait_for("keyed@far.test").content.count(b"BEGIN PGP MESSAGE") == 1


def test_what_an_operator_held_gets_its_full_time_after_the_release(gateway: Gateway, hop: NextHop) -> None:
    identifier = waiting(gateway)
    gateway.cli("queue", "hold", identifier)
    gateway.clock.advance(9 * DAY)
    gateway.cli("queue", "release", identifier)
    machine.eventually(lambda: gateway.trace(identifier)[0]["attempts"] >= 2, "a try")
    gateway.wait_for_state(identifier, "ready")
    gateway.clock.advance(4 * DAY)
    machine.eventually(lambda: gateway.trace(identifier)[0]["attempts"] >= 3, "a try")
    gateway.wait_for_state(identifier, "ready")
    gateway.clock.advance(2 * DAY)
    machine.eventually(lambda: gateway.trace(identifier)[0]["state"] == "failed", "its end")
