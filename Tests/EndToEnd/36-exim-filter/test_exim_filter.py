# SPDX-License-Identifier: Apache-2.0
"""Exim with Postern: its users' mail by an SMTP and by an LMTP transport, strangers' mail before its queue by cut-through delivery."""

import pathlib
import shutil
from collections.abc import Iterator

import pytest

from harness import machine, message, openpgp
from harness.conversation import Conversation
from harness.gateway import Gateway
from harness.peers import exim
from harness.peers.exim import Exim
from harness.peers.postfix import Sink

# As docs/install-exim-filter.md has them, but for ports of our own. `spooling` is what that page warns of.
MAIN = "chunking_advertise_hosts = 127.0.0.8\n"
ACL = """\
  accept
    condition = ${{if eq{{$received_port}}{{{back}}}}}
    hosts = 127.0.0.1
    !recipients = gone@peer.test
    verify = recipient
  deny
    condition = ${{if eq{{$received_port}}{{{back}}}}}
    message = not here
  accept
    condition = ${{if or{{{{eq{{$received_port}}{{{smtp}}}}}{{eq{{$received_port}}{{{lmtp}}}}}}}}}
  require
    message = no relaying
    domains = +local_domains
  accept
    condition = ${{if eq{{$received_port}}{{{spooling}}}}}
    control = cutthrough_delivery
  accept
    control = cutthrough_delivery/defer=pass
    verify = recipient/callout=90s,no_cache
"""
ROUTERS = """\
postern_in:
  driver = manualroute
  condition = ${{if or{{{{eq{{$received_port}}{{{mx}}}}}{{eq{{$received_port}}{{{spooling}}}}}}}}}
  domains = +local_domains
  transport = postern_in
  route_list = * 127.0.0.1
  self = send
  no_more
postern_lmtp:
  driver = accept
  condition = ${{if eq{{$received_port}}{{{lmtp}}}}}
  transport = postern_lmtp
postern_out:
  driver = manualroute
  condition = ${{if !eq{{$received_port}}{{{back}}}}}
  transport = postern_out
  route_list = * 127.0.0.1
  self = send
  no_more
"""
TRANSPORTS = """\
postern_in:
  driver = smtp
  port = {inward}
  hosts_avoid_tls = *
postern_out:
  driver = smtp
  port = {outward}
  hosts_avoid_tls = *
postern_lmtp:
  driver = lmtp
  socket = {socket}
  batch_max = 100
  user = {user}
"""
ALICE = "alice@peer.test"
NAMES = ("mx", "spooling", "smtp", "lmtp", "back", "inward", "outward")


@pytest.fixture(scope="module")
def ports() -> dict[str, int]:
    return {name: machine.free_port() for name in NAMES}


@pytest.fixture(scope="module")
def socket(folder: pathlib.Path) -> pathlib.Path:
    place = folder / "sockets"
    place.mkdir()
    shutil.chown(place, group=exim.make_user().pw_gid)
    place.chmod(0o2750)
    return place / "lmtp"


@pytest.fixture(scope="module")
def sink(folder: pathlib.Path) -> Iterator[Sink]:
    """The rest of the Internet."""
    with Sink(folder / "sink") as made:
        yield made


@pytest.fixture(scope="module")
def server(folder: pathlib.Path, ports: dict[str, int], socket: pathlib.Path, sink: Sink) -> Iterator[Exim]:
    made = Exim(folder / "exim", ["peer.test", "keys.test", "required.test"],
                [ports[name] for name in ("mx", "spooling", "smtp", "lmtp", "back")], outside=sink.port, main=MAIN,
                acl=ACL.format(**ports), routers=ROUTERS.format(**ports),
                transports=TRANSPORTS.format(socket=socket, user=exim.USER, **ports)).start()
    yield made
    made.stop()


@pytest.fixture(scope="module")
def gateway(make_gateway, ports: dict[str, int], socket: pathlib.Path, server: Exim) -> Gateway:
    made = make_gateway(out_port=ports["outward"], in_port=ports["inward"], back_port=ports["back"], socket=socket).start()
    made.import_keys(openpgp.public_key("cv25519"))
    return made


def connect(port: int, source: str = "127.0.0.1") -> Conversation:
    talk = Conversation(port, source=source)
    assert talk.reply().code == 220
    talk.ehlo()
    return talk


def numbered(number: int, text: str = "a secret", sender: str = ALICE) -> bytes:
    return message.simple(text, sender=sender, headers=[f"X-Number: {number}", "X-Originating-IP: 192.0.2.77"])


# More of our own trace fields than the gateway takes, and fewer than Exim does.
LOOPED = b"".join(b"Received: by gateway.postern.test with ESMTP id %d; Sun, 22 Nov 2026 08:37:42 +0100\r\n" % n for n in range(12))


# Its users' mail


@pytest.mark.parametrize("way, number", [("smtp", 1), ("lmtp", 2)])
def test_users_mail_comes_back_encrypted_and_scrubbed(way: str, number: int, gateway: Gateway, server: Exim, ports: dict[str, int]) -> None:
    with connect(ports[way]) as talk:
        talk.envelope(ALICE, [openpgp.address("cv25519"), "bob@peer.test"])
        assert talk.data(numbered(number)).code == 250
    needle = f"X-Number: {number}\r\n".encode()
    machine.eventually(lambda: sum(needle in m for m in server.maildir().messages()) == 2, f"two copies: {server.log()}")
    came = [m for m in server.maildir().messages() if needle in m]
    assert sorted(openpgp.is_encrypted(m) for m in came) == [False, True]
    assert all(b"192.0.2.77" not in m for m in came)
    protocol = b"with ESMTP" if way == "smtp" else b"with LMTP"
    assert all(protocol in m for m in came)
    gateway.wait_until_empty()


def test_mail_to_the_outside_leaves_protected(gateway: Gateway, server: Exim, sink: Sink, ports: dict[str, int]) -> None:
    with connect(ports["smtp"]) as talk:
        talk.envelope(ALICE, "zoe@outside.test")
        assert talk.data(numbered(3)).code == 250
    machine.eventually(lambda: any(b"X-Number: 3" in m for m in sink.messages()), f"the message outside: {server.log()}")
    assert not any(b"192.0.2.77" in m for m in sink.messages())


def test_what_a_local_program_hands_in_goes_the_same_way(gateway: Gateway, server: Exim) -> None:
    server.hand_in(ALICE, openpgp.address("cv25519"), numbered(4))
    assert openpgp.is_encrypted(server.maildir().find("X-Number: 4"))


def test_dsn_and_international_mail_pass(gateway: Gateway, server: Exim, ports: dict[str, int]) -> None:
    with connect(ports["smtp"]) as talk:
        talk.expect(f"MAIL FROM:<{ALICE}> SMTPUTF8 RET=HDRS ENVID=QQ1618".encode(), 250)
        talk.expect("RCPT TO:<grün@peer.test> NOTIFY=SUCCESS ORCPT=rfc822;first@peer.test".encode(), 250)
        assert talk.data(numbered(5, "grüße")).code == 250
    assert b"X-Number: 5" in server.maildir().find("grüße")
    report = server.maildir().find("QQ1618")
    assert b"Action: delivered" in report
    gateway.wait_until_empty()
    assert sum(b"QQ1618" in m for m in server.maildir().messages()) == 1


def test_exim_keeps_the_mail_while_postern_is_down(gateway: Gateway, server: Exim, ports: dict[str, int]) -> None:
    assert gateway.stop() == 0
    for way, number in (("smtp", 6), ("lmtp", 7)):
        with connect(ports[way]) as talk:
            talk.envelope(ALICE, openpgp.address("cv25519"))
            assert talk.data(numbered(number)).code == 250
    machine.eventually(lambda: server.waiting() == 2, f"two messages in Exim's spool: {server.log()}")
    gateway.start()
    server.run_queue()
    for number in (6, 7):
        assert openpgp.is_encrypted(server.maildir().find(f"X-Number: {number}\r\n"))


# Strangers' mail, cut through


def test_strangers_mail_is_protected_before_exim_answers(gateway: Gateway, server: Exim, ports: dict[str, int]) -> None:
    with connect(ports["mx"]) as talk:
        talk.envelope("s@example.net", openpgp.address("cv25519"))
        assert talk.data(numbered(10, sender="s@example.net")).code == 250
    came = server.maildir().find("X-Number: 10")
    assert openpgp.is_encrypted(came) and message.field(came, "X-Originating-IP") == "192.0.2.77"
    assert "Completed" in server.log() and ">> " + openpgp.address("cv25519") in server.log(), "it was not cut through"


def test_a_refusal_at_rcpt_reaches_the_stranger(gateway: Gateway, server: Exim, ports: dict[str, int]) -> None:
    with connect(ports["mx"]) as talk:
        talk.expect("MAIL FROM:<s@example.net>", 250)
        talk.expect("RCPT TO:<gone@peer.test>", 550)
        # Exim gives a connection up whose recipient was refused; the next one is asked on a new one.
        talk.expect("RCPT TO:<carol@required.test>", 550)
    assert server.waiting() == 0 and not gateway.queue()


def test_a_refusal_after_the_content_reaches_the_stranger(gateway: Gateway, server: Exim, ports: dict[str, int]) -> None:
    with connect(ports["mx"]) as talk:
        talk.envelope("s@example.net", "bob@peer.test")
        reply = talk.data(LOOPED + numbered(11, sender="s@example.net"))
        assert reply.code == 554 and "5.4.6" in reply.text
    assert server.waiting() == 0 and not gateway.queue()


def test_while_postern_is_down_strangers_come_again(gateway: Gateway, server: Exim, ports: dict[str, int]) -> None:
    assert gateway.stop() == 0
    with connect(ports["mx"]) as talk:
        talk.expect("MAIL FROM:<s@example.net>", 250)
        assert talk.command("RCPT TO:<bob@peer.test>").code == 451
    assert server.waiting() == 0
    gateway.start()


# Where Exim falls back to its spool


def test_without_defer_pass_exim_spools_while_postern_is_down_and_delivers_protected_later(
        gateway: Gateway, server: Exim, ports: dict[str, int]) -> None:
    assert gateway.stop() == 0
    with connect(ports["spooling"]) as talk:
        talk.envelope("s@example.net", openpgp.address("cv25519"))
        assert talk.data(numbered(12, sender="s@example.net")).code == 250
    machine.eventually(lambda: server.waiting() == 1, f"a message in Exim's spool: {server.log()}")
    gateway.start()
    server.run_queue()
    assert openpgp.is_encrypted(server.maildir().find("X-Number: 12"))


def test_chunking_makes_exim_spool_and_what_it_spooled_is_protected_all_the_same(
        gateway: Gateway, server: Exim, ports: dict[str, int]) -> None:
    """Exim offers CHUNKING to 127.0.0.8 here; the page switches it off for exactly this reason."""
    with connect(ports["mx"], source="127.0.0.8") as talk:
        assert "CHUNKING" in talk.extensions
        talk.envelope("s@example.net", openpgp.address("cv25519"))
        assert talk.bdat(numbered(13, sender="s@example.net")).code == 250
    assert openpgp.is_encrypted(server.maildir().find("X-Number: 13"))


def test_a_refusal_behind_the_spool_is_exims_to_report(gateway: Gateway, server: Exim, sink: Sink, ports: dict[str, int]) -> None:
    """Why the fall-back is to be avoided: the stranger, whoever that is, gets a bounce. It is Exim's, and Postern adds none."""
    with connect(ports["mx"], source="127.0.0.8") as talk:
        talk.envelope("s@example.net", "bob@peer.test")
        assert talk.bdat(LOOPED + numbered(14, sender="s@example.net")).code == 250
    machine.eventually(lambda: any(b"5.4.6" in m for m in sink.messages()), f"Exim's report: {server.log()}")
    assert not gateway.queue()
