# SPDX-License-Identifier: Apache-2.0
"""Every limit has its reply, and nothing that was taken is lost when one is reached."""

import pytest

from harness import machine, message
from harness.conversation import Closed, Conversation
from harness.gateway import Gateway

MESSAGE = 256 << 10


@pytest.fixture(scope="module")
def gateway(make_gateway) -> Gateway:
    made = make_gateway(command_timeout="5m", data_timeout="3m").start()
    made.add_user("alice")
    return made


@pytest.fixture(scope="module")
def hasty(make_gateway) -> Gateway:
    """The same with time-outs of two seconds."""
    made = make_gateway(command_timeout="2s", data_timeout="2s").start()
    made.add_user("alice")
    return made


def open_envelope(gateway: Gateway) -> Conversation:
    talk = gateway.connect()
    talk.ehlo()
    talk.envelope("s@example.net", "alice@postern.test")
    return talk


def of_size(size: int) -> bytes:
    head = message.simple("")
    return head + b"y" * (size - len(head) - 2) + b"\r\n"


def test_size_is_announced(gateway: Gateway) -> None:
    with gateway.connect() as talk:
        talk.ehlo()
        assert talk.extensions["SIZE"] == str(MESSAGE)


def test_a_declared_size_beyond_the_limit(gateway: Gateway) -> None:
    with gateway.connect() as talk:
        talk.ehlo()
        talk.expect(f"MAIL FROM:<s@example.net> SIZE={MESSAGE + 1}", 552, "5.3.4")
        talk.expect(f"MAIL FROM:<s@example.net> SIZE={MESSAGE}", 250)


@pytest.mark.parametrize("by", ["data", "bdat"])
def test_a_message_beyond_the_limit_is_refused_and_the_session_goes_on(gateway: Gateway, by: str) -> None:
    with open_envelope(gateway) as talk:
        if by == "data":
            assert talk.data(of_size(MESSAGE + 100)).code == 552
        else:
            talk.write(b"BDAT %d LAST\r\n" % (MESSAGE + 100) + of_size(MESSAGE + 100))
            assert talk.reply().code == 552
        talk.expect("RSET", 250)
        talk.send_mail("s@example.net", "alice@postern.test", of_size(MESSAGE - 10))


def test_recipients_beyond_the_limit_wait_for_another_transaction(gateway: Gateway) -> None:
    gateway.maildir("alice").clear()
    with gateway.connect() as talk:
        talk.ehlo()
        talk.expect("MAIL FROM:<s@example.net>", 250)
        for number in range(100):
            talk.expect(f"RCPT TO:<alice+{number}@postern.test>", 250)
        talk.expect("RCPT TO:<alice+100@postern.test>", 452, "4.5.3")
        assert talk.data(message.simple("for a hundred")).code == 250
    gateway.wait_until_empty()
    assert gateway.maildir("alice").messages()


def test_a_header_beyond_the_limit(gateway: Gateway) -> None:
    with open_envelope(gateway) as talk:
        fields = [f"X-Filler-{n}: {'z' * 70}" for n in range(300)]
        assert talk.data(message.simple("x", headers=fields)).code == 552
        talk.send_mail("s@example.net", "alice@postern.test", message.simple("after the long header"))
    gateway.maildir("alice").find("after the long header")


def test_a_header_without_an_end_is_a_header(gateway: Gateway) -> None:
    with open_envelope(gateway) as talk:
        assert talk.data(b"X-Filler: " + b"z" * 70 + (b"\r\n " + b"z" * 70) * 400 + b"\r\n").code == 552


def test_a_hundred_hops_are_a_loop(gateway: Gateway) -> None:
    def hops(count: int) -> bytes:
        trace = ["Received: by hop.example.net with ESMTP id x; Sun, 22 Nov 2026 07:37:42 +0000"] * count
        return message.simple("round and round", headers=trace)

    with open_envelope(gateway) as talk:
        reply = talk.data(hops(31))
        assert (reply.code, reply.enhanced) == (554, "5.4.6")
        talk.send_mail("s@example.net", "alice@postern.test", hops(29))


def test_errors_end_the_session(gateway: Gateway) -> None:
    with gateway.connect() as talk:
        codes = []
        try:
            # One after the other: what is written to a connection that was closed meanwhile takes the replies with it.
            for _ in range(20):
                talk.write(b"NONSENSE\r\n")
                codes.append(talk.reply().code)
        except (Closed, OSError):
            pass
        assert codes.count(500) in (5, 6) and codes[-1] == 421


def test_a_command_line_beyond_the_limit(gateway: Gateway) -> None:
    with gateway.connect() as talk:
        talk.ehlo()
        assert talk.command("NOOP " + "x" * 8000).code == 500


def test_an_endless_line_is_cut_off_in_bounded_memory(gateway: Gateway) -> None:
    with gateway.connect() as talk:
        try:
            for _ in range(512):
                talk.write(b"x" * 65536)
            talk.write(b"\r\n")
            assert talk.reply().code in (500, 421)
        except (Closed, OSError):
            pass
    gateway.send("s@example.net", "alice@postern.test", message.simple("still here"))


def test_long_lines_and_raw_bytes_in_the_header_pass(gateway: Gateway) -> None:
    body = "a" * 5000
    gateway.send("s@example.net", "alice@postern.test", message.simple(body, subject="raw \u00fc bytes"))
    came = gateway.maildir("alice").find(body)
    assert "Subject: raw \u00fc bytes".encode() in came


def test_one_address_gets_so_many_connections_and_another_is_not_held_up(gateway: Gateway) -> None:
    held = [gateway.connect(source="127.0.0.7") for _ in range(4)]
    with Conversation(gateway.ports["mx"], source="127.0.0.7") as fifth:
        assert fifth.reply().code == 421 and fifth.closed()
    gateway.send("s@example.net", "alice@postern.test", message.simple("from elsewhere"), source="127.0.0.8")
    held.pop().close()
    machine.eventually(lambda: free_again(gateway), "a free place")
    for talk in held:
        talk.expect("NOOP", 250)
        talk.close()


def free_again(gateway: Gateway) -> bool:
    with Conversation(gateway.ports["mx"], source="127.0.0.7") as talk:
        return talk.reply().code == 220


def test_silence_ends_a_session(hasty: Gateway) -> None:
    with hasty.connect() as talk:
        talk.ehlo()
        assert talk.reply().code == 421 and talk.closed()


def test_silence_in_the_middle_of_a_message_ends_it_and_nothing_is_stored(hasty: Gateway) -> None:
    with open_envelope(hasty) as talk:
        talk.expect("DATA", 354)
        talk.write(b"Subject: half\r\n\r\nhalf a mess")
        try:
            assert talk.reply().code == 421
        except Closed:
            pass
    assert not hasty.queue() and not hasty.maildir("alice").files()


def test_a_sender_of_single_bytes_is_dropped_and_holds_nobody_up(hasty: Gateway) -> None:
    slow = open_envelope(hasty)
    slow.expect("DATA", 354)
    dropped = False
    for number in range(300):
        try:
            slow.write(b"z")
            slow.socket.settimeout(0.1)
            dropped = slow.socket.recv(100) is not None
            break
        except TimeoutError:
            if number == 5:
                hasty.send("s@example.net", "alice@postern.test", message.simple("meanwhile"))
        except OSError:
            dropped = True
            break
    assert dropped
    hasty.maildir("alice").find("meanwhile")


def test_many_commands_in_one_packet_are_answered_in_order(gateway: Gateway) -> None:
    with gateway.connect() as talk:
        talk.ehlo()
        talk.write(b"NOOP\r\n" * 1000 + b"QUIT\r\n")
        codes = [talk.reply().code for _ in range(1001)]
        assert codes == [250] * 1000 + [221]
