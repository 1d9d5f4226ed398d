# SPDX-License-Identifier: Apache-2.0
"""The counts for Prometheus: their form, their truth, the loopback port and what it does not answer; and no word about anybody."""

import socket
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator

import pytest

from harness import canary, machine, message, prometheus
from harness.canary import Canaries
from harness.gateway import Gateway
from harness.peers.nexthop import NextHop

WORDS = Canaries()


@pytest.fixture(scope="module")
def port() -> int:
    return machine.free_port()


@pytest.fixture(scope="module")
def gateway(make_gateway: Callable[..., Gateway], port: int) -> Iterator[Gateway]:
    """Some mail came, some was refused, some waits for a next hop that is down."""
    peer = NextHop()
    made = make_gateway(relay_port=peer.port, metrics_port=port).start()
    made.add_user("alice")
    made.send("s@example.net", "alice@postern.test", message.simple("one"))
    sender = "alice@postern.test"
    text = message.simple(WORDS.body, subject=WORDS.subject, sender=sender)
    identifier = made.submit(sender, [f"{WORDS.recipient}@{WORDS.domain}", "x@dry.test"], text)
    machine.eventually(lambda: made.trace(identifier)[0]["attempts"] >= 1, "a first try")
    with made.connect(source=WORDS.client) as talk:
        talk.ehlo(WORDS.helo)
        talk.expect(f"MAIL FROM:<{WORDS.sender}@far77.test>", 250)
        talk.expect("RCPT TO:<nobody@postern.test>", 550)
    machine.eventually(lambda: made.status()["counters"].get("copies delivered"), "a delivery")
    yield made


def ask(port: int, path: str = "/metrics", method: str = "GET", host: str = "") -> tuple[int, str, str]:
    """Status, media type and text of a real HTTP client's question."""
    request = urllib.request.Request(f"http://127.0.0.1:{port}{path}", method=method, headers={"Host": host} if host else {})
    try:
        with urllib.request.urlopen(request, timeout=machine.PATIENCE) as answer:
            return answer.status, answer.headers["Content-Type"], answer.read().decode()
    except urllib.error.HTTPError as error:
        return error.code, error.headers["Content-Type"], error.read().decode()


def test_the_form_is_prometheus_text(gateway: Gateway, port: int) -> None:
    status, kind, text = ask(port)
    assert status == 200 and kind == "text/plain; version=0.0.4; charset=utf-8"
    for form in (text, gateway.cli("metrics").stdout):
        families = prometheus.parse(form)
        assert all(name.startswith("postern_") for name in families)
        assert sum(len(f.samples) for f in families.values()) < 150, "low cardinality"


def test_the_counts_are_true(gateway: Gateway) -> None:
    families = prometheus.parse(gateway.cli("metrics").stdout)
    assert families["postern_messages_total"].value(result="accepted") == 2
    assert families["postern_protected_copies_total"].value(protection="clear_no_key") == 2
    assert families["postern_protected_copies_total"].value(protection="dry_run_would_be_clear") == 1
    assert families["postern_deliveries_total"].value(result="delivered") == 1
    assert families["postern_deliveries_total"].value(result="deferred") >= 1
    assert families["postern_refused_recipients_total"].value() == 1
    assert families["postern_queue_copies"].value(state="ready") == 2
    assert families["postern_queue_copies_by_age"].value(state="ready", age="under_1h") == 2
    assert families["postern_next_hops_in_trouble"].value(kind="relay") == 1
    assert families["postern_alarm"].value(alarm="store-full", severity="critical") == 0
    assert families["postern_locked"].value() == 0 and families["postern_level"].value() == 1
    assert abs(families["postern_start_time_seconds"].value() - time.time()) < 86400
    assert families["postern_certificate_expiry_timestamp_seconds"].value() > time.time()


def test_a_counter_never_falls_at_midnight(gateway: Gateway) -> None:
    gateway.clock.advance(86400)
    assert prometheus.parse(gateway.cli("metrics").stdout)["postern_messages_total"].value(result="accepted") == 2
    assert gateway.status()["today"].get("messages accepted") is None


def test_nobody_is_named(gateway: Gateway, port: int) -> None:
    assert canary.scan_bytes(ask(port)[2].encode(), WORDS.all(), "metrics") == []


def test_nothing_but_a_get_of_metrics_is_answered(gateway: Gateway, port: int) -> None:
    assert ask(port, "/")[0] == 404 and ask(port, "/metrics?x=1")[0] == 404
    assert ask(port, method="POST")[0] == 405
    assert ask(port, host="attacker.example")[0] == 421
    assert ask(port, host=f"localhost:{port}")[0] == 200


def test_it_listens_on_loopback_only(gateway: Gateway, port: int) -> None:
    lines = [line.split() for name in ("tcp", "tcp6") for line in open(f"/proc/net/{name}").read().splitlines()[1:]]
    listening = {words[1] for words in lines if words[3] == "0A" and int(words[1].split(":")[1], 16) == port}
    assert listening == {f"0100007F:{port:04X}"}


def test_clients_that_say_nothing_or_too_much_hold_nobody_up(gateway: Gateway, port: int) -> None:
    silent = [socket.create_connection(("127.0.0.1", port)) for _ in range(12)]
    greedy = socket.create_connection(("127.0.0.1", port), timeout=machine.PATIENCE)
    for one in silent:
        one.close()

    def endless() -> bytes:
        with socket.create_connection(("127.0.0.1", port), timeout=machine.PATIENCE) as talk:
            talk.sendall(b"GET /metrics HTTP/1.1\r\nX: " + b"x" * 9000)
            try:
                return talk.recv(100)
            except ConnectionError:
                return b""

    assert machine.eventually(endless, "the refusal of an endless head").startswith(b"HTTP/1.1 431 ")
    greedy.close()
    assert machine.eventually(lambda: ask(port)[0] == 200, "an answer")


def test_no_port_is_open_unless_one_is_named(make_own_gateway: Callable[..., Gateway], port: int) -> None:
    free = machine.free_port()
    made = make_own_gateway(relay_port=port, metrics_port=free)
    made.config.write_text(made.config.read_text().replace(f"[metrics]\nport = {free}\n", ""))
    made.start()
    assert not machine.accepts(free)
    prometheus.parse(made.cli("metrics").stdout)
