# SPDX-License-Identifier: Apache-2.0
"""
Policy hosts of MTA-STS (RFC 8461) that are broken or hostile. Each domain's first policy forbids its mail host, so that its mail waits;
whatever comes from the policy host then must not let it go, until there is a valid policy that does.
"""

import gzip
import pathlib
from collections.abc import Iterator

import pytest

from harness import canary, machine, message
from harness.gateway import Gateway
from harness.peers.certificates import Authority
from harness.peers.names import NameServer
from harness.peers.nexthop import NextHop
from harness.peers.website import Page, Website

SITE, MAIL = "127.3.0.1", "127.4.0.1"
DAY = 86_400
TEXT = ("HTTP/1.1 200 OK", "Content-Type: text/plain")


def policy(mode: str, host: str = "another.test", age: int = 30 * DAY) -> bytes:
    return f"version: STSv1\r\nmode: {mode}\r\nmx: {host}\r\nmax_age: {age}\r\n".encode()


OPEN = policy("none")
# What the policy hosts answer instead of a policy. Those that hold one hold one that would let the mail go.
HOSTILE = {
    "syntax": Page(b"version STSv1\r\nmode none\r\n"), "empty": Page(b""), "page": Page(b"<!DOCTYPE html><p>version: STSv1</p>\r\n"),
    "html": Page(OPEN, ("HTTP/1.1 200 OK", "Content-Type: text/html")), "notype": Page(OPEN, ("HTTP/1.1 200 OK",)),
    "moved": Page(OPEN, ("HTTP/1.1 301 Moved Permanently", "Location: https://mta-sts.good.test/", "Content-Type: text/plain")),
    "found": Page(OPEN, ("HTTP/1.1 302 Found", "Location: https://mta-sts.good.test/", "Content-Type: text/plain")),
    "missing": Page(OPEN, ("HTTP/1.1 404 Not Found", "Content-Type: text/plain")),
    "broken": Page(OPEN, ("HTTP/1.1 500 Internal Server Error", "Content-Type: text/plain")),
    "endless": Page(OPEN, TEXT, more=b"x-filler: " + b"x" * 60 + b"\r\n"), "header": Page(b"", TEXT, more=b"x-filler: x\r\n"),
    "packed": Page(gzip.compress(OPEN), (*TEXT, "Content-Encoding: gzip")), "labelled": Page(OPEN, (*TEXT, "Content-Encoding: br")),
    "age0": Page(policy("enforce", "mx.age0.test", 0)), "ages": Page(policy("testing", "mx.ages.test", 400 * DAY)), "closed": Page(b"", ()),
    "smtp": Page(OPEN, ("220 mx.smtp.test ESMTP",)), "name": Page(OPEN), "stranger": Page(OPEN),
}


@pytest.fixture(scope="module")
def names(home: None, folder: pathlib.Path) -> Iterator[NameServer]:
    records = []
    for name in [*HOSTILE, "good", "late"]:
        records += [f"{name} IN MX 10 mx.{name}", f"mx.{name} IN A {MAIL}", f"mta-sts.{name} IN A {SITE}",
                    f'_mta-sts.{name} IN TXT "v=STSv1; id=1;"']
    # Its anchor is the only one, so that nobody asks for the root.
    anchor = {"signed.test": ['@ IN TXT "before"']}
    made = NameServer(folder / "zones", {"test": records} | anchor, bogus={"signed.test": ("before", "behind")}).start()
    yield made
    made.stop()


@pytest.fixture(scope="module")
def host(home: None, authority: Authority) -> Iterator[NextHop]:
    made = NextHop(address=MAIL, port=2525, certificate=authority.issue("sts-mx", "mx.elsewhere.test")).start()
    yield made
    made.stop()


@pytest.fixture(scope="module")
def site(home: None, authority: Authority) -> Iterator[Website]:
    all_names = [f"mta-sts.{name}.test" for name in [*HOSTILE, "good", "late"]]
    made = Website(authority.issue("policies", *all_names), SITE).start()
    yield made
    made.stop()


@pytest.fixture
def gateway(make_own_gateway, names: NameServer, authority: Authority) -> Gateway:
    made = make_own_gateway(dns_port=names.port, anchors=names.anchors, ca=authority.root.certificate, allowed='"127.0.0.0/8"').start()
    made.add_user("alice")
    return made


def submit(gateway: Gateway, name: str) -> str:
    return gateway.submit("alice@postern.test", f"bob@{name}.test", message.simple("for bob", sender="alice@postern.test"))


def tries(gateway: Gateway) -> dict[str, int]:
    return {one["id"]: one["attempts"] for one in gateway.queue("--limit", "5000")}


def wait_for_tries(gateway: Gateway, least: int) -> None:
    machine.eventually(lambda: all(count >= least for count in tries(gateway).values()), f"{least} tries of each", 300)


def test_a_policy_that_was_fetched_once_outlasts_its_host(
    gateway: Gateway, site: Website, host: NextHop, authority: Authority, folder: pathlib.Path
) -> None:
    site.pages = {f"mta-sts.{name}.test": Page(policy("enforce")) for name in HOSTILE}
    for name in HOSTILE:
        submit(gateway, name)
    wait_for_tries(gateway, 1)
    assert len(gateway.queue("--limit", "5000")) == len(HOSTILE) and not host.received
    assert all(set(header) == {"host", "connection"} for _, header in site.asked), "a request told who asked"

    stranger = Authority(folder / "stranger")
    certificates = {"name": authority.issue("name", "mta-sts.other.test"), "stranger": stranger.issue("s", "mta-sts.stranger.test")}
    for name, page in HOSTILE.items():
        site.pages[f"mta-sts.{name}.test"] = Page(page.body, page.head, page.more, certificates.get(name))
    # A day on, each policy is fetched anew while the mail is tried again.
    gateway.clock.advance(DAY + 3600)
    wait_for_tries(gateway, 2)
    alarms = machine.eventually(
        lambda: [a for a in gateway.status()["alarms"] if f"{len(HOSTILE)} domains" in a["sentence"]], "an alarm for all", 300)
    assert alarms[0]["name"] == "policy-kept"
    assert not host.received and len(tries(gateway)) == len(HOSTILE)

    # And by another process, with the policy hosts gone.
    site.pages = {}
    gateway.restart()
    gateway.clock.advance(2 * DAY)
    wait_for_tries(gateway, 3)
    assert not host.received and len(tries(gateway)) == len(HOSTILE)
    names_of_peers = [f"{name}.test" for name in ("syntax", "stranger", "moved")]
    hits = canary.scan_folder(gateway.data, names_of_peers)
    # Alice is told of the delay, by name.
    assert not [hit for hit in hits if "/mail/alice/" not in str(hit.place)]

    # The first valid policy that allows it lets it go.
    site.pages = {f"mta-sts.{name}.test": Page(OPEN) for name in HOSTILE}
    gateway.clock.advance(DAY)

    def all_gone() -> bool:
        gateway.cli("queue", "retry", "--all", "--yes")
        return not tries(gateway)

    machine.eventually(all_gone, "an empty queue", 300)
    assert len(host.received) == len(HOSTILE)
    machine.eventually(lambda: not [a for a in gateway.status()["alarms"] if a["name"] == "policy-kept"], "the end of the alarm")


def test_hosts_that_were_never_good_hold_up_no_mail(gateway: Gateway, site: Website, host: NextHop) -> None:
    site.pages = {f"mta-sts.{name}.test": page for name, page in HOSTILE.items() if name not in ("name", "stranger")}
    before = len(host.received)
    for name in site.pages:
        submit(gateway, name.removeprefix("mta-sts.").removesuffix(".test"))
    machine.eventually(lambda: not tries(gateway), "an empty queue", 300)
    assert len(host.received) == before + len(site.pages)
    assert not [a for a in gateway.status()["alarms"] if a["name"] == "policy-kept"]


def test_row_46_a_policy_host_inside_gets_no_connection(
    make_own_gateway, names: NameServer, authority: Authority, site: Website, host: NextHop
) -> None:
    """Its name leads to loopback, and nothing allows that here."""
    site.pages = {"mta-sts.late.test": Page(policy("enforce"))}
    made = make_own_gateway(dns_port=names.port, anchors=names.anchors, ca=authority.root.certificate, allowed="").start()
    made.add_user("alice")
    connections, before = site.connections, len(host.received)
    submit(made, "late")
    made.wait_until_empty()
    assert len(host.received) == before + 1 and site.connections == connections
