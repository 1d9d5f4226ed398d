# SPDX-License-Identifier: Apache-2.0
"""A DNS that is slow, too large, cut short or made to exhaust validators: mail for such a domain waits, and all other mail goes on."""

import pathlib
import socket
import threading
from collections.abc import Iterator

import dns.flags
import dns.message
import dns.rrset
import pytest

from harness import machine, outcomes
from harness.dns.keytrap import trap
from harness.dns.scripted import ScriptedServer, silence
from harness.dns.tree import Tree
from harness.dns.validator import Validator
from harness.dns.zone import Signer, Signing, Zone
from harness.gateway import Gateway
from harness.peers import minting
from harness.peers.mailhosts import PORT, MailHosts

HOST = "127.1.0.1"
CERTIFICATE = minting.server(["*.secure.test"], None)
OTHER = minting.server(["*.secure.test"], None)
RIGHT, WRONG = CERTIFICATE.tlsa(3, 1, 1), OTHER.tlsa(3, 1, 1)
SILENT, CUT, HUGE = "127.0.53.5", "127.0.53.6", "127.0.53.7"
# Domains whose mail has to wait, each with what is wrong.
WAITING = {
    "tlsa-silent": "nobody answers", "tlsa-cut": "the answer breaks off", "tlsa-huge": "the answer never ends",
    "tlsa-many": "hundreds of records, and none is right", "tlsa-overfull": "more records than a validator takes",
    "mx-overfull": "more records than an answer can hold", "cname-chain": "an alias of an alias of an alias…",
    "cname-loop": "an alias of itself"}
# Domains whose mail goes out: what is wrong with their MTA-STS record means that they have none.
FLOWING = {
    "sts-huge": "60 KB in one record", "sts-cut": "the answer breaks off", "sts-endless": "the answer never ends", "mx-many": "500 hosts"}


def cut(query: dns.message.Message, tcp: bool) -> bytes:
    """Over UDP: ask again over TCP. There, half an answer."""
    answer = dns.message.make_response(query)
    if not tcp:
        answer.flags |= dns.flags.TC
        return answer.to_wire()
    name = query.question[0].name
    answer.answer.append(dns.rrset.from_text(name, 60, "IN", "TXT", *[f'"{number} {"x" * 200}"' for number in range(100)]))
    return answer.to_wire(max_size=65535)[:2000]


def huge(query: dns.message.Message, tcp: bool) -> bytes:
    """Over TCP: a megabyte, of which the length in front admits 64 KiB, and the header 65,535 records."""
    answer = dns.message.make_response(query)
    if not tcp:
        answer.flags |= dns.flags.TC
        return answer.to_wire()
    header = answer.to_wire()
    return b"\xff\xff" + header[:6] + b"\xff\xff" + header[8:] + b"\x00" * 1_000_000


def zones() -> list[Zone]:
    secure = Zone("secure.test")
    for name in ["honest", *WAITING, *FLOWING]:
        secure.records += [f"{name}-mx IN A {HOST}"]
        if not name.startswith(("mx-", "cname-")):
            secure.records.append(f"{name} IN MX 10 {name}-mx")
    secure.records += [f"_{PORT}._tcp.honest-mx IN TLSA {RIGHT}"]
    secure.records += [f"_{PORT}._tcp.tlsa-many-mx IN TLSA 3 1 1 {number:064x}" for number in range(400)]
    secure.records += [f"_{PORT}._tcp.tlsa-overfull-mx IN TLSA 3 1 1 {number:064x}" for number in range(1200)]
    secure.records += [f"mx-many IN MX 10 h{number}.many.test." for number in range(500)]
    secure.records += [f"mx-overfull IN MX 10 h{number}.many" for number in range(5000)]
    secure.records += ["cname-chain IN CNAME c0"] + [f"c{number} IN CNAME c{number + 1}" for number in range(400)]
    secure.records += ["c400 IN MX 10 honest-mx", "cname-loop IN CNAME cname-loop-2", "cname-loop-2 IN CNAME cname-loop"]
    secure.records += ["_mta-sts.sts-huge IN TXT " + " ".join(f'"{"x" * 250}"' for _ in range(230))]
    secure.records += ["addresses IN MX 10 addresses-mx"]
    secure.records += [f"addresses-mx IN A 127.9.{number // 250}.{number % 250 + 1}" for number in range(500)]
    secure.records += [f"hosts IN MX 10 host{number}" for number in range(100)]
    secure.records += [f"host{number} IN A 127.8.0.{number + 1}" for number in range(100)]

    def elsewhere(name: str, server: str) -> Zone:
        return Zone(f"{name}.secure.test", signing=Signing.INSECURE, server=server)

    return [
        # Apart from their MX records, or these would come with their addresses and be more than an answer can hold.
        secure, Zone("many.test", [f"* IN A {HOST}"], Signing.INSECURE), Zone("trap.test", ["x IN MX 10 x-mx", f"x-mx IN A {HOST}"]),
        elsewhere("_tcp.tlsa-silent-mx", SILENT), elsewhere("_tcp.tlsa-cut-mx", CUT), elsewhere("_tcp.tlsa-huge-mx", HUGE),
        elsewhere("_mta-sts.sts-cut", CUT), elsewhere("_mta-sts.sts-endless", HUGE), elsewhere("slow", SILENT)]


@pytest.fixture(scope="module")
def tree(home: None, folder: pathlib.Path) -> Iterator[Tree]:
    served = zones()
    trapped = next(z for z in served if z.name == "trap.test")

    def prepare(signer: Signer) -> None:
        trap(signer, trapped, "x", "MX", 400)

    servers = [ScriptedServer(SILENT, silence), ScriptedServer(CUT, cut), ScriptedServer(HUGE, huge, raw_tcp=True)]
    for server in servers:
        server.start()
    made = Tree(folder / "dns", served, prepare).start()
    yield made
    made.stop()
    for server in servers:
        server.stop()


@pytest.fixture(scope="module")
def hosts(home: None, folder: pathlib.Path) -> Iterator[MailHosts]:
    made = MailHosts(folder / "hosts", {HOST: minting.save(folder / "certificates", "host", CERTIFICATE)}).start()
    yield made
    made.stop()


@pytest.fixture(scope="module")
def gateway(make_gateway, tree: Tree, hosts: MailHosts) -> Gateway:
    made = make_gateway(servers=f'stubs = ["{tree.stub}"]', anchor=tree.test_anchor).start()
    made.add_user("alice")
    return made


def goes_out(gateway: Gateway, hosts: MailHosts, recipient: str) -> None:
    """Mail for a domain where all is well arrives, whatever else is going on."""
    before = len(hosts.arrived(recipient, outcomes.ALICE))
    outcomes.submit(gateway, [recipient])
    machine.eventually(lambda: len(hosts.arrived(recipient, outcomes.ALICE)) > before, recipient)


def test_row_51_a_slow_name_server_holds_up_its_own_domain_only(gateway: Gateway, hosts: MailHosts) -> None:
    slow = outcomes.submit(gateway, [f"x@{n}.slow.secure.test" for n in range(50)])
    goes_out(gateway, hosts, "beside-slow@honest.secure.test")
    assert all(o.waits for o in outcomes.outcomes(gateway, slow).values())


def test_row_51_a_zone_made_to_exhaust_validators_holds_up_its_own_domain_only(gateway: Gateway, hosts: MailHosts) -> None:
    trapped = outcomes.submit(gateway, ["x@x.trap.test"])
    goes_out(gateway, hosts, "beside-trap@honest.secure.test")
    assert outcomes.outcomes(gateway, trapped)["x@x.trap.test"].waits
    goes_out(gateway, hosts, "after-trap@honest.secure.test")


def test_row_49_row_52_what_cannot_be_looked_up_whole_makes_mail_wait(gateway: Gateway, hosts: MailHosts) -> None:
    sent = outcomes.outcomes(gateway, outcomes.submit(gateway, [f"x@{name}.secure.test" for name in WAITING]))
    flowing = [name for name in WAITING if not sent[f"x@{name}.secure.test"].waits]
    assert not flowing, flowing
    for name in WAITING:
        said = gateway.cli("explain", "--connect", f"x@{name}.secure.test").stdout
        assert any(reason in said for reason in ("look-up failed", "fails DNSSEC", "matches no TLSA record", "mail waits:")), said
    assert not any(a.recipient.removeprefix("x@").removesuffix(".secure.test") in WAITING for a in hosts.arrivals())


def test_row_52_what_is_too_much_is_capped_or_counts_as_nothing(gateway: Gateway, hosts: MailHosts) -> None:
    sent = outcomes.outcomes(gateway, outcomes.submit(gateway, [f"x@{name}.secure.test" for name in FLOWING]))
    waiting = {name: sent[f"x@{name}.secure.test"].reason for name in FLOWING if sent[f"x@{name}.secure.test"].waits}
    assert not waiting, waiting


def test_row_52_of_many_addresses_and_hosts_few_are_tried(gateway: Gateway) -> None:
    for name, network in {"addresses": "127.9.", "hosts": "127.8."}.items():
        counted: list[str] = []
        listeners = [socket.create_server((f"{network}{n // 250}.{n % 250 + 1}", PORT)) for n in range(500 if name == "addresses" else 100)]

        def close_at_once(listener: socket.socket) -> None:
            while True:
                try:
                    client, _ = listener.accept()
                except OSError:
                    return
                counted.append(client.getsockname()[0])
                client.close()

        for listener in listeners:
            threading.Thread(target=close_at_once, args=(listener,), daemon=True).start()
        recipient = f"x@{name}.secure.test"
        outcome = outcomes.outcomes(gateway, outcomes.submit(gateway, [recipient]))[recipient]
        assert outcome.waits and 1 <= len(counted) <= 100, f"{len(counted)} connections for one message: {outcome.reason}"
        for listener in listeners:
            listener.shutdown(socket.SHUT_RDWR)
            listener.close()


def test_row_49_a_resolver_that_says_nothing_of_dnssec_is_not_believed_and_not_needed(
        make_own_gateway, tree: Tree, hosts: MailHosts, folder: pathlib.Path) -> None:
    forwarder = Validator(folder / "forwarder", tree, validates=False).start()
    try:
        gateway = make_own_gateway(servers=f'servers = ["{forwarder.address}"]', anchor=tree.root_anchor).start()
        gateway.add_user("alice")
        goes_out(gateway, hosts, "by-forwarder@honest.secure.test")
        sent = outcomes.outcomes(gateway, outcomes.submit(gateway, ["by-forwarder@tlsa-many.secure.test"]))
        assert sent["by-forwarder@tlsa-many.secure.test"].waits
    finally:
        forwarder.stop()
