# SPDX-License-Identifier: Apache-2.0
"""
A key whose pin is published before it is used: it waits for 8 days by the gateway's clock, while every record to publish is shown, and
`--now` is there for those who can't wait.
"""

import pathlib

import pytest

from harness import machine, tls
from harness.gateway import Gateway
from harness.peers.certificates import Authority, Certificate
from harness.peers.nexthop import NextHop

HOST = "gateway.postern.test"
DAY = 86_400


@pytest.fixture
def gateway(make_own_gateway, nexthop: NextHop) -> Gateway:
    return make_own_gateway(relay_port=nexthop.port).start()


def take(gateway: Gateway, certificate: pathlib.Path, key: pathlib.Path | None = None) -> str:
    return gateway.cli("tls", "import", str(certificate), *([str(key)] if key else [])).stdout


def served(gateway: Gateway) -> str:
    return tls.shown(gateway.ports["mx"], HOST)


def pins(gateway: Gateway) -> list[str]:
    """What is to be published for the host, the key in use first."""
    return [line.split()[-1] for line in gateway.facts("tls", "show")["tlsa"]]


def alarms(gateway: Gateway) -> set[str]:
    return {alarm["name"] for alarm in gateway.status()["alarms"]}


@pytest.mark.parametrize("algorithm", ["ecdsa", "rsa"])
def test_the_whole_way(gateway: Gateway, authority: Authority, algorithm: str) -> None:
    old = authority.issue("old", HOST)
    take(gateway, old.certificate, old.key)
    request = gateway.folder / "next.csr"
    options = ["--rsa"] if algorithm == "rsa" else []
    made = gateway.facts("tls", "next", "--csr", str(request), *options)
    digest = tls.request_digest(request)
    assert made["next"]["publicKey"] == digest and made["next"]["names"] == [HOST]
    assert made["next"]["kind"] == ("RSA 3072" if algorithm == "rsa" else "ECDSA P-256")
    # The same again is the same key, and the clock goes on as it was.
    gateway.clock.advance(2 * DAY)
    again = gateway.facts("tls", "next", *options)
    assert again["next"]["publicKey"] == digest and again["next"]["since"] == made["next"]["since"]
    certificate = authority.sign("next", request, HOST)
    assert "Publish its record now" in take(gateway, certificate)
    assert pins(gateway) == [tls.key_digest(old.certificate), digest]
    gateway.clock.advance(6 * DAY - 60)
    gateway.restart()
    assert served(gateway) == tls.certificate_digest(old.certificate)
    gateway.clock.advance(120)
    machine.eventually(lambda: served(gateway) == tls.certificate_digest(certificate), "the next key to be used")
    # The old record is not taken away at once.
    assert pins(gateway) == [digest, tls.key_digest(old.certificate)]
    gateway.clock.advance(8 * DAY + 60)
    machine.eventually(lambda: pins(gateway) == [digest], "the old record to go")


def test_a_new_key_is_used_at_once_where_nothing_is_published(gateway: Gateway, authority: Authority) -> None:
    for name in ("one", "two"):
        made = authority.issue(name, HOST)
        assert "is in use" in take(gateway, made.certificate, made.key)
        assert served(gateway) == tls.certificate_digest(made.certificate)


def test_a_new_key_waits_where_records_are_published(gateway: Gateway, authority: Authority) -> None:
    """What a certbot hook without --reuse-key does: the key waits, the same key does not."""
    old = authority.issue("old", HOST)
    take(gateway, old.certificate, old.key)
    gateway.cli("tls", "published")
    renewed = authority.issue("renewed", HOST, key=old.key)
    assert "is in use" in take(gateway, renewed.certificate, renewed.key)
    fresh = authority.issue("fresh", HOST)
    assert "Publish its record now" in take(gateway, fresh.certificate, fresh.key)
    assert served(gateway) == tls.certificate_digest(renewed.certificate)
    gateway.clock.advance(8 * DAY + 60)
    machine.eventually(lambda: served(gateway) == tls.certificate_digest(fresh.certificate), "the new key to be used")
    # Back to the old key: its record is still published.
    assert "is in use" in take(gateway, renewed.certificate, renewed.key)
    gateway.cli("tls", "published", "--withdrawn")
    other = authority.issue("other", HOST)
    assert "is in use" in take(gateway, other.certificate, other.key)


def test_now_keeps_both_pins(gateway: Gateway, authority: Authority) -> None:
    old, fresh = authority.issue("old", HOST), authority.issue("fresh", HOST)
    take(gateway, old.certificate, old.key)
    gateway.cli("tls", "published")
    assert gateway.cli("tls", "next", "--now", "--yes", check=False).returncode == 1
    take(gateway, fresh.certificate, fresh.key)
    warned = gateway.cli("tls", "next", "--now", check=False)
    assert warned.returncode == 64 and "only the old pin" in warned.stderr
    assert served(gateway) == tls.certificate_digest(old.certificate)
    assert "Keep the old records" in gateway.cli("tls", "next", "--now", "--yes").stdout
    assert served(gateway) == tls.certificate_digest(fresh.certificate)
    assert pins(gateway) == [tls.key_digest(fresh.certificate), tls.key_digest(old.certificate)]


def test_an_alarm_when_the_old_certificate_ends_first(gateway: Gateway, authority: Authority) -> None:
    old = authority.issue("short", HOST, days=15)
    take(gateway, old.certificate, old.key)
    gateway.clock.advance(3 * DAY)
    gateway.cli("tls", "next")
    # 12 days are left, and 8 are enough.
    assert "next-key-late" not in alarms(gateway)
    gateway.cli("tls", "remove", tls_next(gateway))
    gateway.clock.advance(int(4.5 * DAY))
    assert "next-key-late" not in alarms(gateway)
    gateway.cli("tls", "next")
    machine.eventually(lambda: "next-key-late" in alarms(gateway), "the alarm")


def tls_next(gateway: Gateway) -> str:
    return gateway.facts("tls", "show")["next"][0]["publicKey"]
