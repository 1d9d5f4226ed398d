# SPDX-License-Identifier: Apache-2.0
"""
What both modules attack: mail hosts, an attacker before each, policy hosts, the gateway, and a plain opportunistic Postfix. A module gives
its `ROWS` (each with `name`, `domain`, the `address` of its attacker and the `host` that its policy allows), the `ROOT` that the gateway
trusts, the `CHAIN` of the mail hosts, what the attacker `FORGED`, who writes `BY_POSTFIX`, and its own `tree` fixture; `RULES` are added to
the settings.
"""

import pathlib
from collections.abc import Callable, Iterator

import pytest

from harness import message
from harness.dns.tree import Tree
from harness.dns.validator import Validator
from harness.gateway import Gateway
from harness.peers import minting
from harness.peers.attacker import Attacker
from harness.peers.mailhosts import MailHosts
from harness.peers.policyhost import PolicyHost, Served, policy
from harness.peers.sending_postfix import SendingPostfix

HOST = "127.1.0.1"


@pytest.fixture(scope="module")
def hosts(home: None, folder: pathlib.Path, request: pytest.FixtureRequest) -> Iterator[MailHosts]:
    own = minting.save(folder / "certificates", "host", *request.module.CHAIN.chain())
    made = MailHosts(folder / "hosts", {HOST: own}).start()
    yield made
    made.stop()


@pytest.fixture(scope="module")
def attackers(hosts: MailHosts, folder: pathlib.Path, request: pytest.FixtureRequest) -> Iterator[dict[str, Attacker]]:
    """By the row's name."""
    own = minting.save(folder / "certificates", "forged", *request.module.FORGED.chain())
    made = {row.name: Attacker(row.address, HOST, own).start() for row in request.module.ROWS}
    yield made
    for attacker in made.values():
        attacker.stop()


@pytest.fixture(scope="module")
def policies(home: None, folder: pathlib.Path, request: pytest.FixtureRequest) -> Iterator[PolicyHost]:
    """Those of rows whose domain has no record of MTA-STS are never asked for."""
    own = minting.server([f"mta-sts.{row.domain}" for row in request.module.ROWS], request.module.ROOT)
    made = PolicyHost(minting.save(folder / "certificates", "policies", *own.chain())).start()
    made.served = {row.domain: Served(policy("enforce", row.host)) for row in request.module.ROWS}
    yield made
    made.stop()


@pytest.fixture(scope="module")
def gateway(make_gateway, tree: Tree, policies: PolicyHost, attackers: dict[str, Attacker], folder: pathlib.Path,
            request: pytest.FixtureRequest) -> Gateway:
    ca = minting.save(folder / "certificates", "root", request.module.ROOT).certificate
    made = make_gateway(stub=tree.stub, anchor=tree.test_anchor, rules=getattr(request.module, "RULES", ""), ca=ca).start()
    made.add_user("alice")
    return made


@pytest.fixture(scope="module")
def postfix(tree: Tree, attackers: dict[str, Attacker], folder: pathlib.Path) -> Iterator[SendingPostfix]:
    resolver = Validator(folder / "unbound", tree, validates=False).start()
    made = SendingPostfix(folder / "postfix", resolver.resolv_conf, "may", backoff="1s").start()
    yield made
    made.stop()
    resolver.stop()


@pytest.fixture(scope="module")
def postfix_sends(postfix: SendingPostfix, request: pytest.FixtureRequest) -> Callable[[str], None]:
    """Sends a secret by Postfix to a mailbox at the domain of each row."""
    sender = request.module.BY_POSTFIX

    def send(name: str) -> None:
        postfix.send(sender, [f"{name}@{row.domain}" for row in request.module.ROWS], message.simple("a secret", sender=sender))

    return send
