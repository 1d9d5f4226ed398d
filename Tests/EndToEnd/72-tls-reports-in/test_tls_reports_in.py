# SPDX-License-Identifier: Apache-2.0
"""TLS reports about us (RFC 8460): taken from the mail to one address, or read from files; shown as unverified, with nothing personal."""

import base64
import gzip
import json
import os
import pathlib
import zlib
from typing import Any

import pytest

from harness import canary, machine
from harness.gateway import Gateway

ADDRESS = "tls-reports@postern.test"
SENDER = "tlsrpt@reporter.example.net"
SECRETS = ["jane.doe@reporter.example.net", "203.0.113.77", "198.51.100.3", "mailbox of carol"]


def report(identifier: str, domain: str = "postern.test", organization: str = "Reporter Ltd", **more: Any) -> dict[str, Any]:
    return {
        "organization-name": organization, "contact-info": SECRETS[0], "report-id": identifier,
        "date-range": {"start-datetime": "2026-11-20T00:00:00Z", "end-datetime": "2026-11-20T23:59:59Z"},
        "policies": [{
            "policy": {"policy-type": "sts", "policy-string": ["version: STSv1"], "policy-domain": domain, "mx-host": ["mx.postern.test"]},
            "summary": {"total-successful-session-count": 12, "total-failure-session-count": 3},
            "failure-details": [{
                "result-type": "certificate-expired", "sending-mta-ip": SECRETS[1], "receiving-ip": SECRETS[2],
                "receiving-mx-hostname": "mx.postern.test", "failed-session-count": 3, "failure-reason-code": SECRETS[3]}]}],
    } | more


def packed(content: dict[str, Any]) -> bytes:
    return gzip.compress(json.dumps(content).encode())


def mail(content: bytes, kind: str = "application/tlsrpt+gzip") -> bytes:
    """As RFC 8460 section 5.3 shows it."""
    lines = base64.encodebytes(content).replace(b"\n", b"\r\n")
    head = (
        f"From: <{SENDER}>\r\nTo: <{ADDRESS}>\r\nSubject: Report Domain: postern.test Submitter: reporter.example.net\r\n"
        "Date: Sat, 21 Nov 2026 01:00:00 +0000\r\nMessage-ID: <report.1@reporter.example.net>\r\n"
        "TLS-Report-Domain: postern.test\r\nTLS-Report-Submitter: reporter.example.net\r\nMIME-Version: 1.0\r\n"
        'Content-Type: multipart/report; report-type="tlsrpt"; boundary="part"\r\n\r\n'
        "--part\r\nContent-Type: text/plain\r\n\r\nThis is an aggregate TLS report.\r\n"
        f"--part\r\nContent-Type: {kind}\r\nContent-Transfer-Encoding: base64\r\n\r\n")
    return head.encode() + lines + b"--part--\r\n"


@pytest.fixture(scope="module")
def gateway(make_gateway) -> Gateway:
    made = make_gateway().start()
    made.add_user("alice")
    return made


def received(gateway: Gateway) -> dict[str, dict[str, Any]]:
    return {one["id"]: one for one in gateway.facts("report", "tls")["received"]}


@pytest.mark.parametrize("kind", ["application/tlsrpt+gzip", "application/tlsrpt+json"])
def test_mail_to_the_address_becomes_a_report(gateway: Gateway, kind: str) -> None:
    content = report(kind)
    gateway.send(SENDER, ADDRESS, mail(packed(content) if kind.endswith("gzip") else json.dumps(content).encode(), kind))
    kept = received(gateway)[kind]
    assert kept["trust"] == "unverified" and kept["organization"] == "Reporter Ltd"
    assert kept["policies"] == [{
        "kind": "sts", "domain": "postern.test", "succeeded": 12, "failed": 3,
        "failures": [{"result": "certificate-expired", "host": "mx.postern.test", "count": 3}]}]
    assert not gateway.queue()


def test_it_is_shown_as_a_table_that_says_unverified(gateway: Gateway) -> None:
    gateway.send(SENDER, ADDRESS, mail(packed(report("table"))))
    text = gateway.cli("report", "tls").stdout
    assert "UNVERIFIED" in text and "Reporter Ltd" in text and "3 certificate-expired at mx.postern.test" in text


def test_nothing_personal_is_kept(gateway: Gateway) -> None:
    gateway.send(SENDER, ADDRESS, mail(packed(report("secrets"))))
    shown = json.dumps(received(gateway)["secrets"]) + gateway.cli("report", "tls").stdout + gateway.log()
    assert not [secret for secret in SECRETS if secret in shown]
    assert not canary.scan_folder(gateway.data, [*SECRETS, "Reporter Ltd", SENDER])


def test_the_same_report_counts_once_and_survives_a_restart(gateway: Gateway) -> None:
    for _ in range(2):
        gateway.send(SENDER, ADDRESS, mail(packed(report("twice"))))
    gateway.restart()
    assert "twice" in received(gateway)
    assert len(gateway.facts("report", "tls")["received"]) == len(received(gateway))


def test_the_others_of_a_message_still_get_it(gateway: Gateway) -> None:
    gateway.send(SENDER, [ADDRESS, "alice@postern.test"], mail(packed(report("both"))))
    assert "both" in received(gateway)
    came = machine.eventually(lambda: [m for m in gateway.maildir("alice").messages() if b"TLS-Report-Domain" in m], "alice's copy")
    assert len(came) == 1


# What comes, and as what.
NO_REPORTS = {
    "elsewhere": (packed(report("elsewhere", domain="elsewhere.test")), "application/tlsrpt+gzip"),
    "no-gzip": (b"no gzip at all", "application/tlsrpt+gzip"), "cut": (packed(report("cut"))[:-20], "application/tlsrpt+gzip"),
    "bomb": (gzip.compress(b" " * (17 << 20)), "application/tlsrpt+gzip"), "html": (gzip.compress(b"<html>"), "application/tlsrpt+gzip"),
    "deep": (b"[" * 100_000, "application/tlsrpt+json"), "empty": (b"{}", "application/tlsrpt+json"), "page": (b"<p>hello</p>", "text/html"),
    "long": (os.urandom(1_200_000), "application/tlsrpt+gzip"), "very-long": (os.urandom(3_000_000), "application/tlsrpt+gzip"),
}


@pytest.mark.parametrize("name", NO_REPORTS)
def test_what_is_no_report_about_us_is_dropped_and_counted(gateway: Gateway, name: str) -> None:
    content, kind = NO_REPORTS[name]
    before = gateway.status()["counters"].get("tls reports dropped", 0)
    kept = set(received(gateway))
    gateway.send(SENDER, ADDRESS, mail(content, kind))
    assert gateway.status()["counters"]["tls reports dropped"] == before + 1
    assert set(received(gateway)) == kept and not gateway.queue()


def test_files_are_read_without_keeping_them(gateway: Gateway, folder: pathlib.Path) -> None:
    files = {"plain.json": json.dumps(report("f1", domain="any.test")).encode(), "packed.json.gz": packed(report("f2")),
             "mail.eml": mail(packed(report("f3"))), "unix.eml": mail(packed(report("f4"))).replace(b"\r\n", b"\n")}
    for name, content in files.items():
        (folder / name).write_bytes(content)
    shown = gateway.facts("report", "tls", *(str(folder / name) for name in files))
    assert [one["id"] for one in shown] == ["f1", "f2", "f3", "f4"]
    assert {one["trust"] for one in shown} == {"unverified"}
    text = gateway.cli("report", "tls", "-", stdin=packed(report("f5", organization="Evil\u001b[2J\u202eCorp"))).stdout
    assert "UNVERIFIED" in text and "\u001b" not in text and "\u202e" not in text
    assert not {"f1", "f2", "f3", "f4", "f5"} & set(received(gateway))


# What a file holds, and a part of the sentence.
BAD_FILES = {
    "text": (b"hello", "no TLS report"), "brace": (b"{", "no JSON"), "bomb": (gzip.compress(b" " * (17 << 20)), "unpacks"),
    "cut": (packed(report("x"))[:-9], "damaged"), "long": (b"{" + b" " * (1 << 20), "over 1048576"),
    "zlib": (zlib.compress(b"{}"), "no TLS report"), "nothing": (b"", "no TLS report"),
}


@pytest.mark.parametrize("name", BAD_FILES)
def test_a_file_that_is_no_report_is_one_sentence(gateway: Gateway, name: str) -> None:
    content, says = BAD_FILES[name]
    done = gateway.cli("report", "tls", "-", stdin=content, check=False)
    assert done.returncode == 1 and says in done.stderr and not done.stdout, done
    assert len(done.stderr.strip().splitlines()) == 1


def test_without_a_gateway_the_files_answer(gateway: Gateway) -> None:
    gateway.send(SENDER, ADDRESS, mail(packed(report("offline"))))
    assert gateway.facts("report", "tls")["own"] == []
    assert gateway.cli("report", "tls", "/nowhere/report.json", check=False).returncode == 66
    assert gateway.cli("report", "tls", "--domains", check=False).returncode == 64
