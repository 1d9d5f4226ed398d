# SPDX-License-Identifier: Apache-2.0
"""
Postfix with the pins that `postern peers export` writes delivers to the gateway whose key they name, and to no other; Exim with the router
that it writes hands such mail to its own gateway, which does.
"""

import pathlib
import smtplib
import subprocess
from collections.abc import Iterator

import pytest

from harness import machine, message
from harness.peers.certificates import Authority
from harness.peers.exim import Exim
from harness.peers.nodes import Node, name_server
from harness.peers.postfix import Postfix
from harness.peers.providers import StatementHost

MAIN = """
inet_protocols = ipv4
mynetworks = 127.0.0.0/8
smtpd_relay_restrictions = permit_mynetworks, reject
virtual_mailbox_domains =
smtp_host_lookup = dns
smtp_tcp_port = 2525
smtp_tls_security_level = may
smtp_tls_policy_maps = texthash:{folder}/tls_policy
smtp_tls_fingerprint_digest = sha256
smtp_tls_loglevel = 1
smtp_connection_cache_on_demand = no
minimal_backoff_time = 1s
maximal_backoff_time = 1s
queue_run_delay = 1s
smtpd_peername_lookup = no
"""
ENTER = 'mount --bind "$1" /etc/resolv.conf && shift && exec "$@"'


@pytest.fixture(scope="module")
def nodes(home: None, folder: pathlib.Path, authority: Authority, make_operator) -> Iterator[tuple[Node, Node]]:
    """Alpha, whom Postfix writes to, and beta, which has it as a peer and exports its pins."""
    names = name_server(folder / "dns", {"alpha.test": "127.3.1.1", "beta.test": "127.3.1.2"}, port=53).start()
    host = StatementHost(authority.issue("web83", "alpha.test", "beta.test")).start()
    operator = make_operator("alpha.test")
    alpha = Node(folder / "a", "alpha.test", "127.3.1.1", names, authority).start()
    beta = Node(folder / "b", "beta.test", "127.3.1.2", names, authority).start()
    operator.publish(alpha.gateway, host)
    beta.gateway.cli("peers", "add", "alpha.test", "--key", operator.key)
    yield alpha, beta
    alpha.gateway.end()
    beta.gateway.end()
    host.stop()
    names.stop()


@pytest.fixture(scope="module")
def postfix(nodes: tuple[Node, Node], folder: pathlib.Path) -> Iterator[Postfix]:
    made = Postfix(folder / "postfix", [], main=MAIN)
    (made.folder / "tls_policy").write_text(nodes[1].gateway.cli("peers", "export", "--for", "postfix").stdout)
    resolv = folder / "resolv.conf"
    resolv.write_text("nameserver 127.0.0.1\n")

    def run(verb: str) -> None:
        done = subprocess.run(
            [machine.program("unshare"), "--mount", "--propagation", "private", "sh", "-c", ENTER, "sh", resolv,
             machine.program("postfix"), "-c", made.config, verb], capture_output=True, text=True)
        assert done.returncode == 0, f"postfix {verb}: {done.stderr} {made.log()}"

    run("start")
    machine.eventually(lambda: machine.accepts(made.port), f"Postfix: {made.log()}")
    yield made
    run("stop")


def send(postfix: Postfix, text: str) -> None:
    content = message.simple(text, subject="by Postfix", sender="carol@postfix.test", to="box@alpha.test")
    with smtplib.SMTP("127.0.0.1", postfix.port, "localhost", timeout=machine.PATIENCE) as session:
        session.sendmail("carol@postfix.test", ["box@alpha.test"], content)


def test_postfix_delivers_to_the_pinned_gateway_and_waits_before_another(nodes: tuple[Node, Node], postfix: Postfix) -> None:
    alpha, _ = nodes
    send(postfix, "by pinned TLS")
    assert b"by pinned TLS" in alpha.wait_for("by pinned TLS")
    assert "Verified TLS connection established to mx.alpha.test" in postfix.log()
    own = alpha.certificate.certificate.read_bytes(), alpha.certificate.key.read_bytes()
    alpha.renew()
    alpha.gateway.cli("reload")
    send(postfix, "not to another key")
    machine.eventually(lambda: "status=deferred (Server certificate not verified)" in postfix.log(), f"Postfix's verdict: {postfix.log()}")
    assert not alpha.has("not to another key")
    alpha.certificate.certificate.write_bytes(own[0])
    alpha.certificate.key.write_bytes(own[1])
    alpha.gateway.cli("reload")
    alpha.wait_for("not to another key")


@pytest.fixture(scope="module")
def exim(nodes: tuple[Node, Node], folder: pathlib.Path) -> Iterator[Exim]:
    gateway = nodes[1].gateway
    gateway.write_settings(gateway.config.read_text().replace("127.9.9.9/32", "127.0.0.1/32").replace("$", "$$"), {})
    gateway.cli("reload")
    text = gateway.cli("peers", "export", "--for", "exim").stdout
    routers, transports = text.partition("begin routers\n")[2].split("begin transports\n")
    made = Exim(folder / "exim", ["exim.test"], [machine.free_port()], routers=routers, transports=transports).start()
    yield made
    made.stop()


def hand_in(exim: Exim, text: str) -> None:
    content = message.simple(text, subject="by Exim", sender="carol@exim.test", to="box@alpha.test")
    exim.hand_in("carol@exim.test", "box@alpha.test", content)


def test_exim_hands_the_peers_mail_to_its_gateway_which_waits_before_another_key(nodes: tuple[Node, Node], exim: Exim) -> None:
    alpha, beta = nodes
    hand_in(exim, "through the gateway")
    alpha.wait_for("through the gateway")
    own = alpha.certificate.certificate.read_bytes(), alpha.certificate.key.read_bytes()
    alpha.renew()
    alpha.gateway.cli("reload")
    beta.pass_time(60)
    hand_in(exim, "not to another key either")
    waiting = machine.eventually(beta.gateway.queue, f"the gateway's queue: {exim.log()}")
    beta.wait_for_a_failed_try(waiting[0]["id"])
    assert exim.waiting() == 0 and not alpha.has("not to another key either")
    alpha.certificate.certificate.write_bytes(own[0])
    alpha.certificate.key.write_bytes(own[1])
    alpha.gateway.cli("reload")
    alpha.wait_for("not to another key either")
