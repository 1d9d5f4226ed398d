# SPDX-License-Identifier: Apache-2.0
"""
Two gateways in level 2 with a mail server behind each. Each demands the other's key where it delivers to it, and takes the other's mail
from that key alone: by pins that the operators wrote down, and by the pins of their statements, while one of them changes its key.
"""

import pathlib
import ssl
from collections.abc import Callable, Iterator
from dataclasses import dataclass

import pytest

from harness import machine, tls
from harness.conversation import Conversation
from harness.peers.certificates import Authority, Certificate
from harness.peers.names import NameServer
from harness.peers.nexthop import NextHop
from harness.peers.nodes import Node, name_server
from harness.peers.providers import DAY, Operator, StatementHost, payload, pin
from harness.peers.swaks import swaks

# The first two know each other's pins by hand, the others by statement.
ADDRESSES = {"alpha.test": "127.3.1.1", "beta.test": "127.3.1.2", "gamma.test": "127.3.1.3", "delta.test": "127.3.1.4"}
SETTINGS = pathlib.Path(__file__).with_name("postern.toml")


class Provider(Node):
    """Its key is in its vault, and its mailbox on the mail server behind."""

    def __init__(self, folder: pathlib.Path, domain: str, names: NameServer, authority: Authority):
        self.behind = NextHop()
        super().__init__(folder, domain, ADDRESSES[domain], names, authority, settings=SETTINGS, behind=self.behind.port)
        self.box, self.host = f"box@{domain}", f"mx.{domain}"

    def demand(self, other: str, *lines: str) -> None:
        """Adds a rule about another domain to the settings."""
        rule = "\n".join(["", "[[channel.rule]]", f'domain = "{other}"', *lines, ""])
        self.gateway.config.write_text(self.gateway.config.read_text() + rule)

    def start(self) -> "Provider":
        self.behind.start()
        self.gateway.start()
        self.take(self.certificate)
        return self

    def end(self) -> None:
        self.gateway.end()
        self.behind.stop()

    def take(self, certificate: Certificate) -> None:
        self.gateway.cli("tls", "import", str(certificate.certificate), str(certificate.key))

    def has(self, text: str) -> bool:
        return any(text.encode() in m.content for m in list(self.behind.received))

    def wait_for(self, text: str) -> bytes:
        def found() -> bytes | None:
            return next((m.content for m in list(self.behind.received) if text.encode() in m.content), None)

        return machine.eventually(found, f"{text!r} behind {self.host}")

    def count(self, what: str) -> int:
        return self.gateway.status()["counters"].get(what, 0)

    @property
    def proven(self) -> int:
        """How often a server brought mail and showed the certificate that is pinned for the sender's domain."""
        return self.count("messages from proven servers")

    @property
    def shown(self) -> str:
        """SHA-256 of the certificate that its clients see."""
        return tls.shown(self.gateway.ports["mx"], self.host)

    def session(self, certificate: Certificate | None) -> Conversation:
        """By a client in TLS that shows a certificate, or none."""
        talk = self.gateway.connect()
        talk.ehlo()
        talk.expect("STARTTLS", 220)
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
        if certificate:
            context.load_cert_chain(certificate.certificate, certificate.key)
        talk.socket = context.wrap_socket(talk.socket, server_hostname=self.host)
        talk.ehlo()
        return talk


@dataclass
class Pair:
    first: Provider
    second: Provider

    @property
    def both(self) -> tuple[tuple[Provider, Provider], tuple[Provider, Provider]]:
        return (self.first, self.second), (self.second, self.first)

    def exchange(self, text: str) -> None:
        """Mail both ways, each message by a server that has proven itself to the other."""
        for here, there in self.both:
            before = there.proven
            here.send(there, f"to {there.domain}: {text}")
            there.wait_for(f"to {there.domain}: {text}")
            assert there.proven == before + 1

    def show_their_proofs(self) -> None:
        """Each says of the other's server which pin it demands and finds."""
        for here, there in self.both:
            [host] = here.gateway.facts("explain", "--connect", there.box)["channel"]["hosts"]
            sentence = host["trial"]["sentence"]
            assert sentence.startswith("encrypted, and proven") and sentence.endswith(pin(there.certificate)), sentence

    def pass_time(self, seconds: int) -> None:
        for provider, _ in self.both:
            provider.pass_time(seconds)


@pytest.fixture(scope="module")
def names(home: None, folder: pathlib.Path) -> Iterator[NameServer]:
    made = name_server(folder / "dns", ADDRESSES).start()
    yield made
    made.stop()


@pytest.fixture(scope="module")
def make_pair(names: NameServer, folder: pathlib.Path, authority: Authority) -> Iterator[Callable[[str, str], Pair]]:
    made: list[Provider] = []

    def make(first: str, second: str) -> Pair:
        pair = Pair(*(Provider(folder / domain[0], domain, names, authority) for domain in (first, second)))
        made.extend([pair.first, pair.second])
        return pair

    yield make
    for provider in made:
        provider.end()


def refused_with_an_alarm(there: Provider, here: Provider, certificate: Certificate | None) -> None:
    """A client with `here`'s domain in MAIL FROM and another certificate, or none; `there` must put it off, and nobody else."""
    before = there.proven
    with there.session(certificate) as talk:
        talk.expect(f"MAIL FROM:<{here.box}>", 450, "4.7.0")
        talk.expect(f"MAIL FROM:<anybody@{here.domain.upper()}>", 450, "4.7.0")
        talk.envelope("box@elsewhere.test", there.box)
    assert there.proven == before
    machine.eventually(lambda: "client-pin" in there.alarms, "the alarm")
    assert "require_inbound without the pinned certificate" in " ".join(there.gateway.cli("status").stdout.split())
    there.pass_time(2 * 3600)
    machine.eventually(lambda: "client-pin" not in there.alarms, "the end of the alarm")


# Pins by hand

@pytest.fixture(scope="module")
def by_hand(make_pair: Callable[[str, str], Pair]) -> Pair:
    pair = make_pair("alpha.test", "beta.test")
    for here, there in pair.both:
        its = pin(there.certificate)
        here.demand(there.domain, f'pins = ["{its}"]', f'client_pins = ["{its}"]', "require_inbound = true")
        here.start()
    return pair


def test_mail_goes_over_a_link_that_both_sides_have_proven(by_hand: Pair) -> None:
    by_hand.exchange("over the proven link")
    by_hand.show_their_proofs()
    assert "client-pin" not in by_hand.first.alarms | by_hand.second.alarms


@pytest.mark.parametrize("shows", ["nothing", "another certificate"])
def test_who_does_not_show_the_certificate_waits(by_hand: Pair, shows: str) -> None:
    refused_with_an_alarm(by_hand.second, by_hand.first, by_hand.first.issue() if shows == "another certificate" else None)


def test_swaks_waits_too(by_hand: Pair) -> None:
    there = by_hand.second
    done = swaks("--server", f"127.0.0.1:{there.gateway.ports['mx']}", "--tls", "--ehlo", by_hand.first.host, "--from", by_hand.first.box,
                 "--to", there.box, "--body", "by swaks")
    assert done.returncode != 0 and "450 4.7.0" in done.stdout, done.stdout
    assert not there.has("by swaks")


def test_a_new_key_that_was_not_announced_holds_mail_up_both_ways(by_hand: Pair) -> None:
    """The gateway itself is put off like a stranger, and gets nothing; with its old key all goes on."""
    first, second = by_hand.first, by_hand.second
    first.take(first.issue())
    # Connections that were proven before have grown too old to be used again.
    by_hand.pass_time(120)
    sent, expected = first.send(second, "from a new key"), second.send(first, "to a new key")
    put_off = first.wait_for_a_failed_try(sent)
    assert put_off["lastReply"] == "450 4.7.0", put_off
    second.wait_for_a_failed_try(expected)
    machine.eventually(lambda: "client-pin" in second.alarms, "the alarm")
    assert not second.has("from a new key") and not first.has("to a new key")
    first.take(first.certificate)
    for provider, _ in by_hand.both:
        provider.gateway.cli("queue", "retry", "--all", "--yes")
    second.wait_for("from a new key")
    first.wait_for("to a new key")


# Pins by statement

@dataclass
class Peers(Pair):
    operators: dict[str, Operator]
    web: StatementHost

    def publish(self, provider: Provider) -> dict:
        """Makes, signs and serves a statement; its payload."""
        return payload(self.operators[provider.domain].publish(provider.gateway, self.web))

    def known(self, here: Provider) -> dict:
        """What `here` knows of its peer."""
        [peer] = here.gateway.facts("peers", "list")
        return peer


@pytest.fixture(scope="module")
def peers(make_pair: Callable[[str, str], Pair], make_operator, authority: Authority) -> Iterator[Peers]:
    pair = make_pair("gamma.test", "delta.test")
    operators = {provider.domain: make_operator(provider.domain) for provider, _ in pair.both}
    with StatementHost(authority.issue("web89", *ADDRESSES)) as web:
        made = Peers(pair.first, pair.second, operators, web)
        for here, there in made.both:
            # The statement says which keys prove a server; that nobody else may bring the domain's mail is said here.
            here.demand(there.domain, "require_inbound = true")
            here.start()
            made.publish(here)
        for here, there in made.both:
            here.gateway.cli("peers", "add", there.domain, "--key", operators[there.domain].key)
        yield made


def test_peers_demand_of_each_other_what_their_statements_say(peers: Peers) -> None:
    peers.exchange("between peers")
    peers.show_their_proofs()
    for stranger in (None, peers.first.issue()):
        refused_with_an_alarm(peers.second, peers.first, stranger)
    peers.exchange("between peers again")


def test_without_a_statement_nobody_has_proven_anything(peers: Peers) -> None:
    """It is the statement that lets the mail in: when the other is no peer any more, its own server waits."""
    first, second = peers.first, peers.second
    second.gateway.cli("peers", "remove", first.domain, "--yes")
    waiting = first.send(second, "while it is no peer")
    assert first.wait_for_a_failed_try(waiting)["lastReply"] == "450 4.7.0"
    second.gateway.cli("peers", "add", first.domain, "--key", peers.operators[first.domain].key)
    first.gateway.cli("queue", "retry", "--all", "--yes")
    second.wait_for("while it is no peer")


def test_a_key_that_a_statement_announces_holds_nothing_up(peers: Peers) -> None:
    first, second = peers.first, peers.second
    second.pass_time(2 * 3600)
    refusals = second.count("clients without the pinned certificate")
    old = pin(first.certificate)
    request = first.folder / "next.csr"
    first.gateway.cli("tls", "next", "--csr", str(request))
    certificate = Certificate(first.authority.sign("next89", request, first.host), first.certificate.key)
    first.gateway.cli("tls", "import", str(certificate.certificate))
    following = pin(certificate)
    stated = peers.publish(first)
    assert (stated["pins"], stated["next_pins"]) == ([old], [following])
    # The old key stays in use for the whole of the 8 days.
    for day in range(1, 9):
        peers.pass_time(DAY if day < 8 else DAY - 3600)
        machine.eventually(lambda: peers.known(second)["nextPins"] == [following], "the peer's look within a day")
        peers.exchange(f"day {day}")
        assert first.shown == tls.certificate_digest(first.certificate.certificate)
    peers.pass_time(2 * 3600)
    machine.eventually(lambda: first.shown == tls.certificate_digest(certificate.certificate), "the next key to be used")
    peers.exchange("with the next key, which the statement still calls the next one")
    stated = peers.publish(first)
    assert stated["pins"] == [following, old] and "next_pins" not in stated
    peers.pass_time(DAY)
    machine.eventually(lambda: peers.known(second)["pins"] == [following, old], "the peer's next look")
    peers.exchange("with the next key as the current one")
    assert second.count("clients without the pinned certificate") == refusals and "client-pin" not in second.alarms
