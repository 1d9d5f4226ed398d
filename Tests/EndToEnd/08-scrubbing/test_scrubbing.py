# SPDX-License-Identifier: Apache-2.0
"""What our users' mail loses on its way out, and what a stranger's keeps."""

import re

import pytest

from harness import message
from harness.gateway import Gateway
from harness.peers.nexthop import NextHop

TELLTALES = [
    "User-Agent: Thunderbird 128 on Linux", "X-Mailer: secretmailer 1.0", "X-Originating-IP: [192.0.2.77]",
    "X-PHP-Originating-Script: 1000:contact.php", "X-PHP-Script: www.example.net/contact.php for 192.0.2.77",
    "X-Source-Dir: /home/alice", "X-Source: /usr/bin/php", "X-Sender: alice@laptop.lan", "X-AntiAbuse: Originator - 1000",
    "Bcc: hidden@elsewhere.test"]
OLD_TRACE = "Received: from laptop.lan ([192.0.2.77] helo=laptop.lan) by inner.lan with ESMTPSA id 77 for <x@far.test>; " \
    "Sun, 22 Nov 2026 08:37:40 +0100"


def composed(text: str) -> bytes:
    return "\r\n".join([
        OLD_TRACE, *TELLTALES, "From: Alice <alice@postern.test>", "To: x@far.test", "Subject: hello",
        "Date: Sun, 22 Nov 2026 08:37:42 +0100", "Message-ID: <77.13@laptop.lan>", "In-Reply-To: <76.12@laptop.lan>",
        "References: <1@far.test>\r\n <76.12@laptop.lan>", "X-Kept: yes", "", text, ""]).encode()


@pytest.fixture(scope="module")
def gateway(make_gateway, nexthop: NextHop) -> Gateway:
    made = make_gateway(relay_port=nexthop.port).start()
    made.add_user("alice")
    return made


@pytest.fixture(scope="module")
def scrubbed(gateway: Gateway, nexthop: NextHop) -> bytes:
    gateway.submit("alice@postern.test", "x@far.test", composed("from alice"))
    return nexthop.wait_for("x@far.test").content


def test_fields_that_tell_of_programs_and_places_are_gone(scrubbed: bytes) -> None:
    for line in TELLTALES:
        assert not message.fields(scrubbed, line.split(":")[0]), line
    assert message.field(scrubbed, "X-Kept") == "yes"


def test_nothing_of_the_client_is_left_anywhere(scrubbed: bytes) -> None:
    for betrayal in (b"192.0.2.77", b"laptop.lan", b"client.example.net", b"127.0.0.1", b"hidden@elsewhere.test", b"1000:"):
        assert betrayal not in scrubbed, betrayal


def test_our_trace_names_only_us(scrubbed: bytes) -> None:
    trace = message.fields(scrubbed, "Received")[0]
    assert re.fullmatch(r"by gateway\.postern\.test with ESMTPSA id \w+;\s\w{3}, \d+ \w{3} \d{4} [\d:]{8} \+0000", trace), trace


def test_an_older_trace_is_redacted_not_deleted(scrubbed: bytes) -> None:
    assert len(message.fields(scrubbed, "Received")) == 2


def test_the_date_is_in_utc(scrubbed: bytes) -> None:
    assert message.field(scrubbed, "Date") == "Sun, 22 Nov 2026 07:37:42 +0000"


def test_threads_hold_although_message_ids_change(gateway: Gateway, nexthop: NextHop, scrubbed: bytes) -> None:
    identifier = message.field(scrubbed, "Message-ID")
    assert identifier.endswith("@gateway.postern.test>") or identifier.endswith("@postern.test>")
    parent = message.field(scrubbed, "In-Reply-To")
    assert message.field(scrubbed, "References").split() == ["<1@far.test>", parent]
    answer = message.simple("later", sender="alice@postern.test", to="y@far.test").replace(
        b"Message-ID: <20261122.1@example.net>", b"Message-ID: <78@laptop.lan>\r\nIn-Reply-To: <77.13@laptop.lan>")
    gateway.submit("alice@postern.test", "y@far.test", answer)
    assert message.field(nexthop.wait_for("y@far.test").content, "In-Reply-To") == identifier


def test_the_body_is_untouched(scrubbed: bytes) -> None:
    assert message.split(scrubbed)[1] == b"from alice\r\n"


def test_what_is_missing_is_added(gateway: Gateway, nexthop: NextHop) -> None:
    gateway.submit("alice@postern.test", "z@far.test", b"From: alice@postern.test\r\n\r\nbare\r\n")
    came = nexthop.wait_for("z@far.test").content
    assert message.field(came, "Date").endswith("+0000") and message.field(came, "Message-ID").startswith("<")


def test_a_strangers_mail_is_not_scrubbed(gateway: Gateway) -> None:
    original = composed("from a stranger")
    gateway.send("s@far.test", "alice@postern.test", original)
    came = gateway.maildir("alice").find("from a stranger")
    for line in (OLD_TRACE, *TELLTALES, "Message-ID: <77.13@laptop.lan>", "Date: Sun, 22 Nov 2026 08:37:42 +0100"):
        assert line.encode() in came, line
