# SPDX-License-Identifier: Apache-2.0
"""A filter's sessions, as the server before it and the server behind it see them."""

import pathlib
import socket
import stat
import threading
from collections.abc import Callable, Iterator

import pytest

from harness import machine, message, openpgp
from harness.conversation import Conversation, Reply, stuffed
from harness.gateway import Gateway
from harness.peers.nexthop import NextHop, Received

ALICE = "alice@peer.test"
KEYED = openpgp.address("cv25519")


class UnixConversation(Conversation):
    """LMTP over a unix socket."""

    def __init__(self, path: pathlib.Path):
        self.path = path
        super().__init__(0, lmtp=True)

    def __post_init__(self) -> None:
        self.socket = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self.socket.settimeout(machine.PATIENCE)
        self.socket.connect(str(self.path))
        self.received = b""

    def content(self, text: bytes, count: int) -> list[Reply]:
        """Sends a message; one reply for each recipient."""
        self.expect("DATA", 354)
        self.write(stuffed(text))
        return [self.reply() for _ in range(count)]


class Filter:
    """A gateway with four filters, and the server behind them."""

    def __init__(self, make: Callable[..., Gateway]):
        self.answers: dict[str, Callable[[str], str | None]] = {}
        self.hop = NextHop(answer=lambda verb, line: self.answers.get(verb, lambda _: None)(line)).start()
        self.ports = {"out": machine.free_port(), "in": machine.free_port()}
        self.gateway = make(out_port=self.ports["out"], in_port=self.ports["in"], hop_port=self.hop.port)

    def start(self) -> "Filter":
        sockets = self.gateway.folder / "sockets"
        sockets.mkdir(mode=0o750)
        self.gateway.start()
        self.gateway.import_keys(openpgp.public_key("cv25519"))
        return self

    def connect(self, way: str, source: str = "127.0.0.1") -> Conversation:
        talk = Conversation(self.ports[way], source=source)
        assert talk.reply().code == 220
        talk.ehlo()
        return talk

    def lmtp(self, way: str) -> UnixConversation:
        talk = UnixConversation(self.gateway.folder / "sockets" / way)
        greeting = talk.reply()
        assert greeting.code == 220 and "LMTP" in greeting.text
        talk.ehlo()
        return talk

    def send(self, way: str, recipients: str | list[str], content: bytes, sender: str = ALICE) -> Reply:
        with self.connect(way) as talk:
            talk.envelope(sender, recipients)
            return talk.data(content)

    def came(self, count: int = 1) -> list[Received]:
        """What the server behind has taken for somebody; a chunk that went along with a refused recipient counts for nothing."""
        def taken() -> list[Received] | None:
            found = [m for m in list(self.hop.received) if m.recipients]
            return found if len(found) >= count else None

        return machine.eventually(taken, f"{count} message(s) at the server behind") if count else taken() or []


@pytest.fixture
def filters(make_own_gateway) -> Iterator[Filter]:
    made = Filter(make_own_gateway).start()
    yield made
    made.hop.stop()


def numbered(number: int, text: str = "a secret", sender: str = ALICE) -> bytes:
    return message.simple(text, sender=sender, headers=[f"X-Number: {number}"]).replace(
        b"<20261122.1@", b"<20261122.%d@" % number)


# Who may connect


def test_only_listed_addresses_may_connect(filters: Filter) -> None:
    for way in ("out", "in"):
        talk = Conversation(filters.ports[way], source="127.0.0.2")
        assert talk.reply().code == 554 and talk.closed()
        talk.close()
    assert not filters.hop.received


def test_the_socket_is_open_to_its_group_alone(filters: Filter) -> None:
    mode = (filters.gateway.folder / "sockets" / "out").stat().st_mode
    assert stat.S_ISSOCK(mode) and stat.S_IMODE(mode) == 0o660


def test_nobody_signs_in_and_nothing_is_believed_of_other_clients(filters: Filter) -> None:
    for way in ("out", "in"):
        with filters.connect(way) as talk:
            assert not {"AUTH", "XFORWARD", "XCLIENT"} & set(talk.extensions)
            talk.expect("AUTH PLAIN AGEAYg==", 502)
            talk.expect("XFORWARD NAME=spike.porcupine.org ADDR=168.100.189.2", 502)
            talk.expect("XCLIENT ADDR=168.100.189.2", 502)
            talk.expect("LHLO x", 500)


def test_a_route_and_accept_have_no_say(filters: Filter) -> None:
    """Wherever the mail is for, it goes to the one next hop: there is nothing to relay through."""
    for number, way in enumerate(("out", "in")):
        assert filters.send(way, "x@anywhere.test", numbered(number)).code == 250
    assert [m.recipient for m in filters.came(2)] == ["x@anywhere.test"] * 2


# LMTP


def test_lmtp_has_its_own_greeting(filters: Filter) -> None:
    with filters.lmtp("out") as talk:
        talk.expect("EHLO x", 500)
        talk.expect("HELO x", 500)


def test_outbound_lmtp_answers_for_each_recipient(filters: Filter) -> None:
    with filters.lmtp("out") as talk:
        talk.expect(f"MAIL FROM:<{ALICE}>", 250)
        talk.expect(f"RCPT TO:<{KEYED}>", 250)
        talk.expect("RCPT TO:<carol@required.test>", 550, "5.7.1")
        talk.expect("RCPT TO:<bob@peer.test>", 250)
        assert [r.code for r in talk.content(numbered(1), 2)] == [250, 250]
        talk.expect("NOOP", 250)
    came = {m.recipient: m for m in filters.came(2)}
    assert openpgp.is_encrypted(came[KEYED].content) and not openpgp.is_encrypted(came["bob@peer.test"].content)


def test_a_message_that_is_refused_whole_is_refused_to_each(filters: Filter) -> None:
    with filters.lmtp("out") as talk:
        talk.expect(f"MAIL FROM:<{ALICE}>", 250)
        for name in ("a", "b", "b"):
            talk.expect(f"RCPT TO:<{name}@peer.test>", 250)
        # Our users' mail has a From.
        assert [r.code for r in talk.content(b"Subject: x\r\n\r\nx\r\n", 3)] == [554] * 3
        talk.expect("NOOP", 250)
        talk.expect("MAIL FROM:<>", 250)
        talk.expect("DATA", 503)


def test_inbound_lmtp_passes_on_what_the_server_behind_says_of_each(filters: Filter) -> None:
    with filters.lmtp("in") as talk:
        talk.expect("MAIL FROM:<s@example.net>", 250)
        for recipient in (KEYED, "bob@peer.test", KEYED):
            talk.expect(f"RCPT TO:<{recipient}>", 250)
        filters.answers["RCPT"] = lambda line: "452 4.2.2 no room" if "bob" in line else None
        replies = talk.content(numbered(2, sender="s@example.net"), 3)
        assert [r.code for r in replies] == [250, 452, 250] and replies[1].enhanced == "4.2.2"
    assert [m.recipient for m in filters.came()] == [KEYED]
    assert not filters.gateway.queue()


def test_explain_says_what_each_filter_does(filters: Filter) -> None:
    steps = {step["question"]: step["answer"] for step in filters.gateway.facts("explain", KEYED)["steps"]}
    assert steps["by the outbound filter"] == steps["by the inbound filter"] == "encrypted" and "route" not in steps
    steps = {step["question"]: step["answer"] for step in filters.gateway.facts("explain", "x@required.test")["steps"]}
    assert "550 5.7.1" in steps["by the outbound filter"] and "550 5.7.1" in steps["by the inbound filter"]


# Through and through


def test_dsn_and_smtputf8_reach_the_server_behind_as_they_came(filters: Filter) -> None:
    for number, way in enumerate(("out", "in")):
        with filters.connect(way) as talk:
            talk.expect("MAIL FROM:<älice@peer.test> SMTPUTF8 BODY=8BITMIME RET=HDRS ENVID=QQ+2B1".encode(), 250)
            talk.expect("RCPT TO:<bøb@peer.test> NOTIFY=SUCCESS,DELAY ORCPT=utf-8;f+40@x.test".encode(), 250)
            talk.expect("RCPT TO:<bob@peer.test> NOTIFY=NEVER", 250)
            assert talk.data(numbered(number, "grüße")).code == 250
        came = filters.came(number + 1)[number]
        assert "<älice@peer.test>" in came.mail and "SMTPUTF8" in came.mail and "BODY=8BITMIME" in came.mail
        assert "RET=HDRS" in came.mail and "ENVID=QQ+2B1" in came.mail
        told = {line.split(">")[0].split("<")[1]: line for line in came.recipients}
        assert "NOTIFY=SUCCESS,DELAY" in told["bøb@peer.test"] and "ORCPT=utf-8;" in told["bøb@peer.test"]
        assert "NOTIFY=NEVER" in told["bob@peer.test"]
        assert "grüße".encode() in came.body
    filters.gateway.wait_until_empty()
    assert len(filters.hop.received) == 2, "a report of our own, though the server behind takes DSN"


def test_what_it_marked_is_not_encrypted_twice_and_goes_round_three_times_at_most(filters: Filter) -> None:
    assert filters.send("out", KEYED, numbered(1)).code == 250
    first = filters.came(1)[0]
    assert message.field(first.content, "Postern-Filter").startswith("1; ")
    content = first.content
    for again in (2, 3):
        assert filters.send("out", KEYED, content).code == 250
        came = filters.came(again)[again - 1]
        assert came.body == first.body, "it was changed on its second way through"
        assert message.field(came.content, "Postern-Filter").startswith(f"{again}; ")
        content = came.content
    reply = filters.send("out", KEYED, content)
    assert reply.code == 554 and reply.enhanced == "5.4.6"


def test_a_strangers_mark_means_nothing(filters: Filter) -> None:
    forged = b"Postern-Filter: 3; 00112233445566778899aabbccddeeff\r\n"
    for number, way in enumerate(("out", "in")):
        assert filters.send(way, KEYED, forged + numbered(number)).code == 250
        came = filters.came(number + 1)[number].content
        assert openpgp.is_encrypted(came)
        assert message.field(came, "Postern-Filter").startswith("1; ") and b"00112233445566778899" not in came


def test_a_mark_of_another_message_means_nothing(filters: Filter) -> None:
    assert filters.send("out", "bob@peer.test", numbered(1)).code == 250
    mark = message.field(filters.came(1)[0].content, "Postern-Filter")
    assert filters.send("out", KEYED, f"Postern-Filter: {mark}\r\n".encode() + numbered(2)).code == 250
    came = filters.came(2)[1].content
    assert openpgp.is_encrypted(came) and message.field(came, "Postern-Filter").startswith("1; ")


# A server behind that is slow, down, or says no


def test_a_slow_server_behind_holds_up_nobody_who_hands_mail_out(filters: Filter) -> None:
    released = threading.Event()
    filters.answers["DATAEND"] = lambda mail: None if released.wait(machine.PATIENCE) else "451 4.3.0 too slow"
    for number in range(10):
        assert filters.send("out", "bob@peer.test", numbered(number)).code == 250
    assert not filters.hop.received
    released.set()
    filters.came(10)
    filters.gateway.wait_until_empty()


def test_a_stranger_waits_for_a_slow_server_behind_and_hears_its_answer(filters: Filter) -> None:
    started, released = threading.Event(), threading.Event()

    def end(mail: str) -> str | None:
        started.set()
        return "552 5.3.4 too long for me" if released.wait(machine.PATIENCE) else "451 4.3.0 too slow"

    filters.answers["DATAEND"] = end
    replies: list[Reply] = []
    client = threading.Thread(target=lambda: replies.append(filters.send("in", "bob@peer.test", numbered(1), "s@example.net")))
    client.start()
    assert started.wait(machine.PATIENCE) and not replies
    released.set()
    client.join(machine.PATIENCE)
    assert replies[0].code == 552 and replies[0].enhanced == "5.3.4" and "too long for me" in replies[0].text


def test_outbound_mail_waits_here_while_the_server_behind_is_down_and_over_a_restart(filters: Filter) -> None:
    filters.hop.stop()
    assert filters.send("out", [KEYED, "bob@peer.test"], numbered(1)).code == 250
    machine.eventually(lambda: len(filters.gateway.queue()) == 2, "two copies in the queue")
    filters.gateway.restart()
    filters.hop.start()
    assert {m.recipient for m in filters.came(2)} == {KEYED, "bob@peer.test"}
    filters.gateway.wait_until_empty()


def test_a_stranger_comes_again_while_the_server_behind_is_down(filters: Filter) -> None:
    with filters.connect("in") as talk:
        # Known since before.
        talk.envelope("s@example.net", "bob@peer.test")
        filters.hop.stop()
        assert talk.data(numbered(1, sender="s@example.net")).code == 451
        talk.expect("MAIL FROM:<s@example.net>", 250)
        talk.expect("RCPT TO:<carol@peer.test>", 451)
    assert not filters.gateway.queue()


def test_our_user_hears_by_the_same_filter_when_the_server_behind_refuses(filters: Filter) -> None:
    filters.answers["RCPT"] = lambda line: "550 5.1.1 no such person" if "bob" in line else None
    assert filters.send("out", "bob@peer.test", numbered(1)).code == 250
    report = filters.came(1)[0]
    assert report.recipient == ALICE and report.sender == "" and b"Status: 5.1.1" in report.content


def test_a_stranger_is_refused_in_the_session_and_never_gets_a_report(filters: Filter) -> None:
    filters.answers["RCPT"] = lambda line: "550 5.1.1 no such person" if "bob" in line else None
    with filters.connect("in") as talk:
        talk.expect("MAIL FROM:<s@example.net>", 250)
        talk.expect("RCPT TO:<bob@peer.test>", 550, "5.1.1")
    filters.answers["DATAEND"] = lambda mail: "554 5.6.0 not that"
    reply = filters.send("in", "carol@peer.test", numbered(1, sender="s@example.net"), "s@example.net")
    assert reply.code == 554 and reply.enhanced == "5.6.0"
    assert not filters.gateway.queue() and not filters.came(0)


def test_what_is_refused_for_one_of_several_is_kept_for_the_operator_and_reported_to_nobody(filters: Filter) -> None:
    """By SMTP a stranger has one answer for all recipients; the refusal came when another had been served."""
    asked = {"carol": 0}

    def rcpt(line: str) -> str | None:
        if "carol" not in line:
            return None
        asked["carol"] += 1
        return None if asked["carol"] == 1 else "550 5.2.1 just gone"

    filters.answers["RCPT"] = rcpt
    reply = filters.send("in", [KEYED, "carol@peer.test"], numbered(1, sender="s@example.net"), "s@example.net")
    assert reply.code == 250
    assert filters.came(1)[0].recipient == KEYED
    machine.eventually(lambda: filters.gateway.status()["counters"].get("copies discarded") == 1, "a counted discard")
    assert all(m.sender == "s@example.net" for m in filters.came())


def test_what_the_server_behind_takes_later_for_one_of_several_is_queued(filters: Filter) -> None:
    asked = {"carol": 0}

    def rcpt(line: str) -> str | None:
        if "carol" not in line:
            return None
        asked["carol"] += 1
        return "450 4.2.1 later" if asked["carol"] == 2 else None

    filters.answers["RCPT"] = rcpt
    assert filters.send("in", [KEYED, "carol@peer.test"], numbered(1, sender="s@example.net"), "s@example.net").code == 250
    assert {m.recipient for m in filters.came(2)} == {KEYED, "carol@peer.test"}
    filters.gateway.wait_until_empty()


def test_a_large_message_passes_both_ways(filters: Filter) -> None:
    text = "large " * 12 + "\r\n"
    for number, way in enumerate(("out", "in")):
        assert filters.send(way, [KEYED, "bob@peer.test"], numbered(number, text * 50_000)).code == 250
    came = filters.came(4)
    assert sum(openpgp.is_encrypted(m.content) for m in came) == 2
    assert all(text.encode() * 50_000 in m.content for m in came if m.recipient == "bob@peer.test")


# Settings


def test_a_next_hop_that_is_the_gateway_is_refused_at_start(make_own_gateway) -> None:
    ports = {"out_port": machine.free_port(), "in_port": machine.free_port(), "hop_port": machine.free_port()}
    for next_port, words in ((ports["out_port"], "is this filter itself"), (ports["in_port"], "own listener of line")):
        gateway = make_own_gateway("itself.toml", next_port=next_port, **ports)
        said = gateway.cli("up", check=False)
        assert said.returncode != 0 and words in said.stdout + said.stderr
        assert "postern.toml:13: listener.next_hop:" in said.stdout + said.stderr, said


def test_mail_of_a_filter_that_was_taken_out_waits_until_there_is_one_again(filters: Filter) -> None:
    filters.hop.stop()
    assert filters.send("out", "bob@peer.test", numbered(1)).code == 250
    assert filters.gateway.stop() == 0
    whole = filters.gateway.config.read_text()
    head, *listeners = whole.split("[[listener]]")
    inbound = [text for text in listeners if "inbound" in text]
    filters.gateway.config.write_text("[[listener]]".join([head, *inbound]))
    filters.hop.start()
    filters.gateway.start()
    machine.eventually(lambda: filters.gateway.queue()[0]["attempts"] >= 2, "some tries")
    assert not filters.hop.received
    assert filters.gateway.stop() == 0
    # It listens elsewhere now; the mail knows its direction.
    moved = [text.replace(f"port = {filters.ports['out']}", f"port = {machine.free_port()}") for text in listeners]
    filters.gateway.config.write_text("[[listener]]".join([head, *moved]))
    filters.gateway.start()
    assert filters.came(1)[0].recipient == "bob@peer.test"
