# SPDX-License-Identifier: Apache-2.0
"""Commitment statements by the command line: made, signed with gpg, shown, fetched; peers added, listed, refused, exported and removed."""

import base64
import json
import pathlib
import subprocess
from collections.abc import Iterator

import pytest

from harness import machine
from harness.gateway import Gateway
from harness.peers.certificates import Authority, Certificate
from harness.peers.names import NameServer
from harness.peers.providers import DAY, Operator, StatementHost, changed, payload, pin, verify_by_script

PIN = "spki:" + "0a" * 32
STATEMENTS = machine.FIXTURES / "statements"


@pytest.fixture(scope="module")
def names(home: None, folder: pathlib.Path) -> Iterator[NameServer]:
    records = ["alpha IN A 127.3.0.1", "beta IN A 127.3.0.1", "beta IN MX 10 mx.beta", "mx.beta IN A 127.3.1.2", "nobody IN A 127.3.0.9"]
    server = NameServer(folder / "dns", {"test": records, "broken.test": ["@ IN A 127.3.0.1"]},
                        bogus={"broken.test": ("127.3.0.1", "127.3.0.2")})
    yield server.start()
    server.stop()


@pytest.fixture(scope="module")
def host(home: None, authority: Authority) -> Iterator[StatementHost]:
    with StatementHost(authority.issue("web", "alpha.test", "beta.test")) as made:
        yield made


@pytest.fixture(scope="module")
def certificate(authority: Authority) -> Certificate:
    return authority.issue("mx", "mx.alpha.test")


@pytest.fixture(scope="module")
def alpha(make_operator) -> Operator:
    return make_operator("alpha.test")


@pytest.fixture(scope="module")
def beta(make_operator) -> Operator:
    return make_operator("beta.test")


@pytest.fixture
def gateway(make_own_gateway, names: NameServer, host: StatementHost, authority: Authority, certificate: Certificate) -> Gateway:
    host.served.clear()
    return make_own_gateway(
        dns_port=names.port, anchors=names.anchors, ca=authority.root.certificate, mx_certificate=certificate.certificate,
        mx_key=certificate.key).start()


def now(gateway: Gateway) -> int:
    """By the gateway's clock."""
    return gateway.status()["upSince"]


def refused(gateway: Gateway, *arguments: str) -> str:
    done = gateway.cli(*arguments, check=False)
    assert done.returncode == 1, done.stdout + done.stderr
    return done.stdout + done.stderr


def alarms(gateway: Gateway) -> set[str]:
    return {alarm["name"] for alarm in gateway.status()["alarms"]}


def test_a_statement_is_made_signed_and_shown(
        gateway: Gateway, alpha: Operator, host: StatementHost, certificate: Certificate, folder: pathlib.Path) -> None:
    served = alpha.publish(gateway, host, "--days", "20")
    stated = payload(served)
    assert stated["domain"] == "alpha.test" and stated["level"] == 1 and stated["mx"] == ["mx.alpha.test"]
    assert stated["pins"] == [pin(certificate)] and stated["expires"] == stated["issued"] + 20 * DAY
    assert stated["serial"] == stated["issued"]
    again = payload(alpha.publish(gateway, host, "--mx", "mx1.alpha.test", "--mx", "mx2.alpha.test", "--pin", PIN, "--next-pin", PIN,
                                  "--next-key", "ab" * 20))
    assert again["pins"] == [pin(certificate), PIN] and again["next_pins"] == [PIN]
    assert again["serial"] > stated["serial"] and again["mx"] == ["mx1.alpha.test", "mx2.alpha.test"]
    assert again["next_key"] == "AB" * 20
    # By domain, as others will fetch it; by URL; from a file; and by the second implementation.
    host.served["alpha.test"] = served
    shown = gateway.facts("statement", "show", "alpha.test", "--key", alpha.key)
    assert shown["isValid"] and shown["key"] == alpha.key and shown["signingKey"] != alpha.key
    assert shown["statement"]["pins"] == stated["pins"]
    assert alpha.key in gateway.cli("statement", "show", "https://alpha.test/.well-known/providers-commitment").stdout
    file = folder / "served"
    file.write_bytes(served)
    plain = alpha.postern(gateway, "statement", "show", str(file))
    assert plain.returncode == 0 and b"The signature is valid" in plain.stdout, plain.stdout + plain.stderr
    script = verify_by_script(served, "alpha.test", alpha.key, folder)
    assert script.returncode == 0 and json.loads(script.stdout) == stated, script.stderr


def test_the_script_demands_all_the_same_when_python_optimises(folder: pathlib.Path) -> None:
    """`-O` leaves out what Python asserts."""
    vectors = json.loads((STATEMENTS / "vectors.json").read_text())
    judged = {}
    for vector in vectors["vectors"]:
        served = (STATEMENTS / f"{vector['name']}.json").read_bytes()
        done = verify_by_script(served, vectors["domain"], vector["key"], folder, vectors["now"], ("-O",))
        judged[vector["name"]] = done.returncode == 0
        assert done.returncode == 0 or done.stderr.startswith(b"not accepted: "), done.stderr
    assert judged == {vector["name"]: vector["reason"] is None for vector in vectors["vectors"]}
    assert len(judged) >= 30


def test_what_can_not_be_made_signed_or_shown_says_why(
        gateway: Gateway, alpha: Operator, beta: Operator, host: StatementHost, folder: pathlib.Path) -> None:
    assert gateway.cli("statement", "make", "--days", "61", check=False).returncode == 64
    assert "is no domain of this gateway" in refused(gateway, "statement", "make", "--domain", "beta.test")
    file = folder / "unsigned"
    file.write_text("{}")
    done = alpha.postern(gateway, "statement", "sign", str(file), "--key", alpha.key)
    assert done.returncode == 1 and b'"domain" is missing' in done.stderr
    file.write_text(gateway.cli("statement", "make").stdout)
    done = alpha.postern(gateway, "statement", "sign", str(file), "--key", beta.key)
    assert done.returncode == 1 and b"gpg has no usable public key" in done.stderr
    served = alpha.publish(gateway, host)
    shown = refused(gateway, "statement", "show", "alpha.test", "--key", beta.key)
    assert "signed by another key" in shown and alpha.key in shown
    altered = json.loads(served) | {"payload": json.loads(alpha.sign(changed(served, pins=[PIN])))["payload"]}
    host.served["alpha.test"] = json.dumps(altered).encode()
    shown = refused(gateway, "statement", "show", "alpha.test")
    assert "does not fit what was signed" in shown and PIN not in shown
    for source, reason in [("beta.test", "answers 404"), ("broken.test", "DNSSEC"),
                           ("nobody.test", "can't be fetched from https://nobody.test: the host can't be reached")]:
        assert reason in refused(gateway, "statement", "show", source), source


def test_a_peer_is_added_by_the_key_that_was_compared(gateway: Gateway, alpha: Operator, beta: Operator, host: StatementHost) -> None:
    host.served["beta.test"] = beta.statement([PIN], now(gateway))
    wrong = refused(gateway, "peers", "add", "beta.test", "--key", alpha.key)
    assert "signed by another key" in wrong and beta.key in wrong
    assert gateway.facts("peers", "list") == []
    spaced = " ".join(beta.key.lower()[i:i + 4] for i in range(0, 40, 4))
    assert "Added" in gateway.cli("peers", "add", "Beta.test", "--key", spaced).stdout
    assert "is a peer already" in refused(gateway, "peers", "add", "beta.test", "--key", beta.key)
    assert "is a domain of this gateway" in refused(gateway, "peers", "add", "alpha.test", "--key", beta.key)
    [peer] = gateway.facts("peers", "list")
    assert peer["domain"] == "beta.test" and peer["state"] == "current" and peer["key"] == beta.key and peer["pins"] == [PIN]
    assert peer["reasons"] == [] and peer["lastLook"] < peer["nextLook"] <= peer["lastLook"] + DAY
    gateway.restart()
    assert [p["pins"] for p in gateway.facts("peers", "list")] == [[PIN]]
    # Sealed: neither the domain nor the key stands on the disk.
    disk = b"".join(f.read_bytes() for f in gateway.data.rglob("*") if f.is_file())
    assert b"beta.test" not in disk and beta.key.encode() not in disk
    assert "no peer any more" in gateway.cli("peers", "remove", "beta.test", "--yes").stdout
    assert "is no peer" in refused(gateway, "peers", "remove", "beta.test", "--yes")
    assert gateway.facts("peers", "list") == []


def test_a_bad_statement_moves_nothing_for_one_clear_reason(
        gateway: Gateway, alpha: Operator, beta: Operator, host: StatementHost) -> None:
    start = now(gateway)
    good = host.served["beta.test"] = beta.statement([PIN], start)
    gateway.cli("peers", "add", "beta.test", "--key", beta.key)
    later = "spki:" + "0b" * 32
    bad = [
        (alpha.statement([later], start + 1, domain="beta.test"), "signed by another key"),
        (beta.statement([later], start + 1, domain="alpha.test"), "for another domain"),
        (beta.statement([later], start - 1), "an old statement is being served"),
        (beta.statement([later], start), "known already with another content"),
        (beta.statement([later], start + 1, issued=start + DAY, expires=start + 31 * DAY), "lies in the future"),
        (beta.statement([later], start + 1, issued=start - 40 * DAY, expires=start - DAY), "expired on"),
        (beta.statement([later], start + 1, expires=start + 90 * DAY), "14 to 60 days"),
        (b"<!DOCTYPE html><title>Moved</title>", "no JSON object"),
        (b"{" * 1000, "no JSON object"),
        (b" " * 200_000, "larger than 131072 octets"),
        (good.replace(b'"payload"', b'"payload": "AAAA", "payload"', 1), "given twice"),
    ]
    for served, reason in bad:
        host.served["beta.test"] = served
        said = refused(gateway, "peers", "refresh", "beta.test")
        assert reason in said, said
        [peer] = gateway.facts("peers", "list")
        assert peer["pins"] == [PIN] and peer["serial"] == start and len(peer["reasons"]) == 1, peer
    machine.eventually(lambda: "peer-refused" in alarms(gateway), "the alarm")
    host.served["beta.test"] = beta.statement([later], start + 1)
    gateway.cli("peers", "refresh")
    assert gateway.facts("peers", "list")[0]["pins"] == [later]
    machine.eventually(lambda: "peer-refused" not in alarms(gateway), "the end of the alarm")


def test_an_old_statement_ends_with_an_alarm_and_its_pins_stay(gateway: Gateway, beta: Operator, host: StatementHost) -> None:
    start = now(gateway)
    host.served["beta.test"] = beta.statement([PIN], start, expires=start + 14 * DAY)
    gateway.cli("peers", "add", "beta.test", "--key", beta.key)
    looks = len(host.asked)
    gateway.clock.advance(DAY)
    machine.eventually(lambda: len(host.asked) > looks, "a look within a day")
    assert "peer-expires" not in alarms(gateway)
    gateway.clock.advance(6 * DAY)
    machine.eventually(lambda: "peer-expires" in alarms(gateway), "the alarm seven days before the end")
    assert gateway.facts("peers", "list")[0]["state"] == "ending"
    gateway.clock.advance(8 * DAY)
    machine.eventually(lambda: gateway.facts("peers", "list")[0]["state"] == "expired", "the end")
    assert gateway.facts("peers", "list")[0]["pins"] == [PIN] and "peer-expires" in alarms(gateway)
    fresh = start + 15 * DAY
    host.served["beta.test"] = beta.statement([PIN], fresh)
    gateway.cli("peers", "refresh", "beta.test")
    assert gateway.facts("peers", "list")[0]["state"] == "current"
    machine.eventually(lambda: "peer-expires" not in alarms(gateway), "the end of the alarm")


def test_the_announced_key_counts_after_seven_days(gateway: Gateway, beta: Operator, host: StatementHost) -> None:
    start = now(gateway)
    following = beta.make_key("beta.test next <next@beta.test>")
    host.served["beta.test"] = beta.statement([PIN], start, next_key=following)
    gateway.cli("peers", "add", "beta.test", "--key", beta.key)
    [peer] = gateway.facts("peers", "list")
    assert peer["nextKey"] == following and peer["nextKeyFrom"] - start >= 7 * DAY
    host.served["beta.test"] = beta.statement([PIN], start + 1, key=following)
    assert "counts only from" in refused(gateway, "peers", "refresh")
    gateway.clock.advance(7 * DAY + 60)
    gateway.cli("peers", "refresh")
    assert gateway.facts("peers", "list")[0]["key"] == following
    host.served["beta.test"] = beta.statement([PIN], start + 2)
    assert "signed by another key" in refused(gateway, "peers", "refresh")


def test_a_compromised_key_freezes_the_pins(gateway: Gateway, make_operator, host: StatementHost) -> None:
    operator = make_operator("beta.test")
    start = now(gateway)
    host.served["beta.test"] = operator.statement([PIN], start)
    gateway.cli("peers", "add", "beta.test", "--key", operator.key)
    before = operator.statement(["spki:" + "0b" * 32], start + 1)
    operator.ring.revoke("postmaster@beta.test")
    revoked = base64.b64encode(operator.certificate()).decode()
    host.served["beta.test"] = json.dumps(json.loads(before) | {"certificate": revoked}).encode()
    assert "revoked as compromised" in refused(gateway, "peers", "refresh")
    machine.eventually(lambda: "peer-revoked" in alarms(gateway), "the alarm")
    host.served["beta.test"] = before
    refused(gateway, "peers", "refresh")
    [peer] = gateway.facts("peers", "list")
    assert peer["state"] == "revoked" and peer["pins"] == [PIN] and peer["serial"] == start


def test_pins_are_exported_for_postfix_and_exim(gateway: Gateway, beta: Operator, host: StatementHost, folder: pathlib.Path) -> None:
    host.served["beta.test"] = beta.statement([PIN], now(gateway), next_pins=["spki:" + "0b" * 32])
    gateway.cli("peers", "add", "beta.test", "--key", beta.key)
    table = folder / "tls_policy"
    table.write_text(gateway.cli("peers", "export", "--for", "postfix").stdout)
    found = subprocess.run([machine.program("postmap"), "-q", "beta.test", f"texthash:{table}"], capture_output=True, text=True)
    assert found.stdout.split() == ["fingerprint", "match=" + ":".join(["0A"] * 32), "match=" + ":".join(["0B"] * 32)], found
    router = gateway.cli("peers", "export", "--for", "exim").stdout
    assert "domains = beta.test" in router and "127.3.1.1" in router and "driver = manualroute" in router and "(SPKI)" in router
    assert gateway.cli("peers", "export", "--for", "exim", "--through", "nonsense", check=False).returncode == 64
