# SPDX-License-Identifier: Apache-2.0
"""How TLS with other domains went is told those that ask for it (RFC 8460): by https, once a day, with counts and nothing else."""

import gzip
import json
import pathlib
import time
from collections.abc import Iterator
from typing import Any

import pytest

from harness import canary, machine, message
from harness.gateway import Gateway
from harness.peers.certificates import Authority
from harness.peers.names import NameServer
from harness.peers.nexthop import NextHop
from harness.peers.website import Page, Website

SITE, MAIL, CLEAR = "127.3.0.1", "127.4.0.1", "127.4.0.2"
# What each domain wants.
RECORDS = {
    "reported": "https://reports.test/in", "plain": "https://reports.test/in", "both": "mailto:a@both.test,https://reports.test/in",
    "mailonly": "mailto:a@mailonly.test", "inside": "https://127.3.0.1/in", "unproven": "https://unproven.test/in", "unwilling": None,
}


@pytest.fixture(scope="module")
def names(home: None, folder: pathlib.Path) -> Iterator[NameServer]:
    records = [f"{site} IN A {SITE}" for site in ("reports", "unproven")]
    for name, uris in RECORDS.items():
        records += [f"{name} IN MX 10 mx.{name}", f"mx.{name} IN A {CLEAR if name == 'plain' else MAIL}"]
        if uris:
            records.append(f'_smtp._tls.{name} IN TXT "v=TLSRPTv1; rua={uris}"')
    # Its anchor is the only one, so that nobody asks for the root.
    anchor = {"signed.test": ['@ IN TXT "before"']}
    made = NameServer(folder / "zones", {"test": records} | anchor, bogus={"signed.test": ("before", "behind")}).start()
    yield made
    made.stop()


@pytest.fixture(scope="module")
def hosts(home: None, authority: Authority) -> Iterator[list[NextHop]]:
    made = [NextHop(address=MAIL, port=2525, certificate=authority.issue("mx", "mx.elsewhere.test")).start(),
            NextHop(address=CLEAR, port=2525).start()]
    yield made
    for host in made:
        host.stop()


@pytest.fixture(scope="module")
def site(home: None, authority: Authority) -> Iterator[Website]:
    made = Website(authority.issue("reports", "reports.test"), SITE).start()
    made.pages = {"reports.test": Page(), "unproven.test": Page()}
    yield made
    made.stop()


def gateway_with(make_gateway, names: NameServer, authority: Authority, reports: str) -> Gateway:
    made = make_gateway(dns_port=names.port, anchors=names.anchors, ca=authority.root.certificate, reports=reports).start()
    made.add_user("alice")
    return made


def send_to_all(gateway: Gateway) -> None:
    for name in RECORDS:
        gateway.submit("alice@postern.test", f"secret-name@{name}.test", message.simple("a telling text", sender="alice@postern.test"))
    gateway.wait_until_empty()


def to_next_morning(gateway: Gateway) -> None:
    """Five o'clock UTC: reports go out in the first four hours of a day."""
    now = int(time.time()) + gateway.clock.wall
    gateway.clock.advance(86_400 - now % 86_400 + 5 * 3600)


def fates(gateway: Gateway) -> dict[str, str]:
    own = gateway.facts("report", "tls", "--domains-always")["own"]
    return {one["policies"][0]["domain"].removesuffix(".test"): one["report"] for one in own}


def test_each_day_is_reported_once_to_who_wants_it(
    make_gateway, names: NameServer, hosts: list[NextHop], site: Website, authority: Authority
) -> None:
    gateway = gateway_with(make_gateway, names, authority, "true")
    send_to_all(gateway)
    machine.eventually(lambda: len(fates(gateway)) == len(RECORDS), "counts")
    assert set(fates(gateway).values()) == {"open"} and not site.posts
    summary = gateway.facts("report", "tls")["own"]
    assert [(one["domains"], one["succeeded"] + one["failed"] >= len(RECORDS)) for one in summary] == [(len(RECORDS), True)]
    assert ".test" not in json.dumps(summary)

    gateway.restart()
    to_next_morning(gateway)
    posts = site.wait_for_posts(3)
    machine.eventually(lambda: list(fates(gateway).values()).count("open") == 2, "the fate of every report")
    assert fates(gateway) == {"reported": "sent", "plain": "sent", "both": "sent", "mailonly": "by-mail-only", "inside": "open",
                              "unproven": "open", "unwilling": "unwanted"}
    assert {post.path for post in posts} == {"/in"} and {post.host for post in posts} == {"reports.test"}
    told: dict[str, dict[str, Any]] = {}
    for post in posts:
        assert post.header["content-type"] == "application/tlsrpt+gzip" and set(post.header) <= {
            "host", "connection", "content-type", "content-length"}
        report = json.loads(gzip.decompress(post.body))
        assert report["organization-name"] == "gateway.postern.test" and report["contact-info"] == "postmaster@postern.test"
        assert report["date-range"]["end-datetime"].endswith("T23:59:59Z") and report["report-id"]
        text = json.dumps(report)
        assert not [word for word in ("secret-name", "alice", "telling") if word in text]
        told[report["policies"][0]["policy"]["policy-domain"]] = report["policies"][0]
    assert set(told) == {"reported.test", "plain.test", "both.test"}
    assert told["reported.test"]["policy"]["policy-type"] == "no-policy-found"
    assert told["reported.test"]["summary"] == {"total-successful-session-count": 1, "total-failure-session-count": 0}
    assert told["plain.test"]["failure-details"][0]["result-type"] == "starttls-not-supported"
    assert not canary.scan_folder(gateway.data, ["reported.test", "plain.test", "unwilling.test"])

    # A report that nobody takes is given up after two days, and all are forgotten after three.
    gateway.clock.advance(3 * 86_400)
    machine.eventually(lambda: not fates(gateway), "an empty ledger")
    assert len(site.posts) == 3
    assert gateway.stop() == 0


def test_without_tls_reports_nothing_is_counted_and_nothing_sent(
    make_gateway, names: NameServer, hosts: list[NextHop], site: Website, authority: Authority
) -> None:
    before = site.connections
    gateway = gateway_with(make_gateway, names, authority, "false")
    send_to_all(gateway)
    to_next_morning(gateway)
    # Another day's look-up shows that the service has come by.
    machine.eventually(lambda: gateway.status()["upSeconds"] > 5 * 3600, "the morning")
    time.sleep(1)
    assert gateway.facts("report", "tls")["own"] == [] and site.connections == before
    assert gateway.stop() == 0
