# SPDX-License-Identifier: Apache-2.0
"""Two gateways that are each other's peers: one rolls its key twice, mail flows all the time; a third with a stolen statement gets none."""

import json
import pathlib
from collections.abc import Iterator
from dataclasses import dataclass

import pytest

from harness import machine
from harness.peers.certificates import Authority
from harness.peers.names import NameServer
from harness.peers.nodes import Node, name_server
from harness.peers.providers import DAY, Operator, StatementHost, payload, pin

ALPHA, BETA, THIEF = "127.3.1.1", "127.3.1.2", "127.3.1.3"


@dataclass
class Pair:
    alpha: Node
    beta: Node
    operators: dict[str, Operator]
    host: StatementHost

    def publish(self, node: Node, *options: str, key: str | None = None) -> bytes:
        return self.operators[node.domain].publish(node.gateway, self.host, *options, key=key)

    def pass_time(self, seconds: int) -> None:
        self.alpha.pass_time(seconds)
        self.beta.pass_time(seconds)

    def exchange(self, text: str) -> None:
        """Mail both ways."""
        self.alpha.send(self.beta, f"to beta: {text}")
        self.beta.send(self.alpha, f"to alpha: {text}")
        self.beta.wait_for(f"to beta: {text}")
        self.alpha.wait_for(f"to alpha: {text}")

    def peer(self, node: Node) -> dict:
        return node.gateway.facts("peers", "list")[0]


@pytest.fixture(scope="module")
def names(home: None, folder: pathlib.Path) -> Iterator[NameServer]:
    made = name_server(folder / "dns", {"alpha.test": ALPHA, "beta.test": BETA}).start()
    yield made
    made.stop()


@pytest.fixture(scope="module")
def pair(names: NameServer, folder: pathlib.Path, authority: Authority, make_operator) -> Iterator[Pair]:
    host = StatementHost(authority.issue("web82", "alpha.test", "beta.test")).start()
    # Nothing here waits for a second try by the clock.
    nodes = {domain: Node(folder / domain[0], domain, address, names, authority, retry_first="1h").start()
             for domain, address in (("alpha.test", ALPHA), ("beta.test", BETA))}
    made = Pair(nodes["alpha.test"], nodes["beta.test"], {d: make_operator(d) for d in nodes}, host)
    for node in nodes.values():
        made.publish(node)
    for node, other in ((made.alpha, made.beta), (made.beta, made.alpha)):
        node.gateway.cli("peers", "add", other.domain, "--key", made.operators[other.domain].key)
    yield made
    for node in nodes.values():
        node.gateway.end()
    host.stop()


def test_mail_flows_while_one_peer_rolls_its_keys_twice(pair: Pair) -> None:
    alpha, beta = pair.alpha, pair.beta
    stolen = pair.host.served["beta.test"]
    first = pin(beta.certificate)
    assert pair.peer(alpha)["pins"] == [first]
    pair.exchange("with the first keys")

    # By the book: the next key is published, a day passes, the server shows it, and then it is the current one.
    following = beta.issue()
    pair.publish(beta, "--next-pin", pin(following))
    pair.pass_time(DAY)
    machine.eventually(lambda: pair.peer(alpha)["nextPins"] == [pin(following)], "alpha's look within a day")
    pair.exchange("while the next key is published")
    beta.renew(following)
    beta.gateway.cli("reload")
    pair.exchange("with the next key, before the statement says that it is the current one")
    pair.publish(beta)
    pair.pass_time(DAY)
    machine.eventually(lambda: pair.peer(alpha)["pins"] == [pin(following)], "alpha's next look")
    pair.exchange("with the second key")

    # In haste: the key changes at once. When no pin fits alpha looks again; then this mail goes out, and what waits.
    beta.renew()
    beta.gateway.cli("reload")
    # An open connection is as good as it was proven to be; it rests for seconds only.
    pair.pass_time(60)
    alpha.wait_for_a_failed_try(alpha.send(beta, "before the third key is stated"))
    pair.publish(beta)
    pair.pass_time(120)
    pair.exchange("with the third key")
    beta.wait_for("before the third key is stated")
    assert pair.peer(alpha)["pins"] == [pin(beta.certificate)] != [pin(following)]

    # The signing key too: announced, seven days seen, and then it alone signs.
    operator = pair.operators["beta.test"]
    new = operator.make_key("beta.test again <again@beta.test>")
    pair.publish(beta, "--next-key", new)
    pair.pass_time(DAY)
    machine.eventually(lambda: pair.peer(alpha)["nextKey"] == new, "the announcement")
    pair.pass_time(7 * DAY)
    pair.exchange("before the new key has signed")
    pair.publish(beta, key=new)
    pair.pass_time(DAY)
    machine.eventually(lambda: pair.peer(alpha)["key"] == new, "the new key")
    pair.exchange("with the new signing key")
    assert pair.peer(alpha)["reasons"] == [] and "peer-refused" not in alpha.alarms
    assert payload(stolen)["pins"] == [first]


def test_a_third_with_a_stolen_statement_gets_no_mail(
        pair: Pair, names: NameServer, folder: pathlib.Path, authority: Authority) -> None:
    """It has the name, the web server, an authority's certificate, and a statement of beta's that names its key: but an old one."""
    alpha, beta = pair.alpha, pair.beta
    thief = Node(folder / "t", "beta.test", THIEF, names, authority)
    operator = pair.operators["beta.test"]
    # As beta once stated it: with the key that the thief has now.
    current = payload(pair.host.served["beta.test"])
    lasting = pair.host.served["beta.test"]
    old = current | {"serial": current["serial"] - 1, "pins": [pin(thief.certificate)]}
    stolen = operator.sign(json.dumps(old).encode(), pair.peer(alpha)["key"])
    beta.gateway.end()
    taken = thief.gateway
    taken.write_settings(taken.config.read_text().replace(f'address = "{THIEF}"', f'address = "{BETA}"').replace("$", "$$"), {})
    thief.start()
    try:
        pair.host.served["beta.test"] = stolen
        alpha.pass_time(120)
        waiting = alpha.send("beta.test", "not for thieves")
        alpha.wait_for_a_failed_try(waiting)
        machine.eventually(lambda: pair.peer(alpha)["reasons"], "the refusal")
        assert ["an old statement is being served" in r for r in pair.peer(alpha)["reasons"]] == [True]
        machine.eventually(lambda: "peer-refused" in alpha.alarms, "the alarm")
        alpha.gateway.cli("queue", "retry", "--all", "--yes")
        machine.eventually(lambda: alpha.gateway.trace(waiting)[0]["attempts"] >= 2, "another try")
        assert not thief.has("not for thieves")
    finally:
        thief.gateway.end()
    pair.host.served["beta.test"] = lasting
    beta.gateway.start()
    alpha.gateway.cli("queue", "retry", "--all", "--yes")
    beta.wait_for("not for thieves")
