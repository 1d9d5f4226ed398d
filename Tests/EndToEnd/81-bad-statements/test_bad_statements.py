# SPDX-License-Identifier: Apache-2.0
"""A peer's statement that can't be accepted: one clear reason, mail to a server with another key waits, and nothing is weakened."""

import pathlib
from collections.abc import Iterator

import pytest

from harness import machine
from harness.peers.certificates import Authority, Certificate
from harness.peers.nexthop import NextHop
from harness.peers.nodes import PORT, Node, name_server
from harness.peers.providers import DAY, Operator, StatementHost, pin


@pytest.fixture(scope="module")
def host(home: None, authority: Authority) -> Iterator[StatementHost]:
    with StatementHost(authority.issue("web81", "beta.test", "gamma.test")) as made:
        yield made


@pytest.fixture(scope="module")
def node(home: None, host: StatementHost, folder: pathlib.Path, authority: Authority) -> Iterator[Node]:
    names = name_server(folder / "dns", {"alpha.test": "127.3.1.1", "beta.test": "127.3.1.2"}).start()
    made = Node(folder / "alpha", "alpha.test", "127.3.1.1", names, authority).start()
    yield made
    made.gateway.end()
    names.stop()


@pytest.fixture(scope="module")
def beta(make_operator) -> Operator:
    return make_operator("beta.test")


@pytest.fixture(scope="module")
def stranger(make_operator) -> Operator:
    return make_operator("beta.test")


@pytest.fixture(scope="module")
def certificates(authority: Authority) -> tuple[Certificate, Certificate]:
    """Of the peer's own server, and of one that somebody put in its place; both by an authority that counts, for the right name."""
    return authority.issue("right81", "mx.beta.test"), authority.issue("wrong81", "mx.beta.test")


@pytest.fixture(scope="module")
def server(home: None, certificates) -> Iterator[NextHop]:
    hop = NextHop(certificate=certificates[0], port=PORT, address="127.3.1.2").start()
    yield hop
    hop.stop()


def show(node: Node, server: NextHop, certificate: Certificate | None) -> None:
    """Another server in its place; connections that were proven before have grown too old to be used again."""
    server.certificate = certificate
    node.pass_time(120)


CASES = {
    "another key": ({"operator": "stranger"}, "signed by another key"),
    "another domain": ({"domain": "gamma.test"}, "for another domain"),
    "an old serial": ({"serial": -1}, "an old statement is being served"),
    "a date in the future": ({"issued": 10 * DAY, "expires": 40 * DAY}, "lies in the future"),
    "no statement": ({}, "answers 404"),
}


@pytest.mark.parametrize("case", CASES)
def test_mail_waits_while_a_bad_statement_is_served(
        case: str, node: Node, beta: Operator, stranger: Operator, certificates, host: StatementHost, server: NextHop) -> None:
    right, wrong = certificates
    gateway = node.gateway
    count = len(server.received)
    start = gateway.status()["upSince"] + node.gateway.clock.wall
    host.served["beta.test"] = beta.statement([pin(right)], start)
    gateway.cli("peers", "add", "beta.test", "--key", beta.key)
    try:
        node.send("beta.test", f"first: {case}")
        assert server.wait(count + 1)[count].tls
        # Only then its connection waits for more, and grows old.
        gateway.wait_until_empty()
        # Now somebody takes the server's place, and serves a statement with its key.
        show(node, server, wrong)
        members, reason = CASES[case]
        members = dict(members)
        operator = stranger if members.pop("operator", None) else beta
        members = {name: start + value if isinstance(value, int) else value for name, value in members.items()}
        if case == "no statement":
            del host.served["beta.test"]
        else:
            host.served["beta.test"] = operator.statement([pin(wrong)], **({"serial": start + 1} | members))
        gateway.cli("peers", "refresh", "beta.test", check=False)
        waiting = node.send("beta.test", f"second: {case}")
        node.wait_for_a_failed_try(waiting)
        [peer] = gateway.facts("peers", "list")
        assert [r for r in peer["reasons"] if reason in r] == peer["reasons"] and len(peer["reasons"]) == 1, peer
        assert peer["pins"] == [pin(right)] and peer["serial"] == start
        # Nor in clear: without STARTTLS it waits too.
        show(node, server, None)
        gateway.cli("queue", "retry", "--all", "--yes")
        machine.eventually(lambda: gateway.trace(waiting)[0]["attempts"] >= 2, "another try")
        assert len(server.received) == count + 1
        # The peer's own server is back.
        show(node, server, right)
        gateway.cli("queue", "retry", "--all", "--yes")
        assert server.wait(count + 2)[count + 1].tls
        gateway.wait_until_empty()
    finally:
        gateway.cli("peers", "remove", "beta.test", "--yes")
