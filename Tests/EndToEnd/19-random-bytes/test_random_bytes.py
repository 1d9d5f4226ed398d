# SPDX-License-Identifier: Apache-2.0
"""
Ten megabytes of random bytes into every state of a session, and mutated real dialogues: nothing crashes, and an honest session alongside
gets its 250 all the while.
"""

import base64
import contextlib
import random
import threading
from collections.abc import Callable, Iterator

import pytest

from harness import canary, message
from harness.conversation import Closed, Conversation
from harness.gateway import PASSWORD, Gateway

AMOUNT = 10_000_000
BLOCK = 65536


@pytest.fixture(scope="module")
def gateway(make_gateway) -> Gateway:
    made = make_gateway().start()
    made.add_user("alice")
    return made


@pytest.fixture
def honest(gateway: Gateway) -> Iterator[None]:
    """Sends one message after the other, from an address of its own, while the test runs."""
    stop, failures, sent = threading.Event(), [], 0

    def session() -> None:
        nonlocal sent
        while not stop.is_set() or not sent:
            try:
                gateway.send("honest@example.net", "alice@postern.test", message.simple("honest"), source="127.0.0.99")
                sent += 1
            except (AssertionError, Closed, OSError) as error:
                failures.append(error)
                return
            stop.wait(0.2)

    pid = gateway.pid
    thread = threading.Thread(target=session)
    thread.start()
    yield
    stop.set()
    thread.join()
    assert not failures and sent, f"the honest session was answered {failures}"
    assert gateway.alive and gateway.pid == pid
    gateway.maildir("alice").clear()


def raw(talk: Conversation) -> None:
    pass


def after_ehlo(talk: Conversation) -> None:
    talk.ehlo()


def inside_tls(talk: Conversation) -> None:
    talk.ehlo()
    talk.start_tls()


def instead_of_tls(talk: Conversation) -> None:
    talk.ehlo()
    talk.expect("STARTTLS", 220)


def in_data(talk: Conversation) -> None:
    talk.ehlo()
    talk.envelope("s@example.net", "alice@postern.test")
    talk.expect("DATA", 354)


def in_bdat(talk: Conversation) -> None:
    talk.ehlo()
    talk.envelope("s@example.net", "alice@postern.test")
    talk.write(b"BDAT 10000000 LAST\r\n")


def in_auth(talk: Conversation) -> None:
    talk.ehlo()
    talk.start_tls()
    talk.expect("AUTH LOGIN", 334)


@pytest.mark.parametrize("state", [raw, after_ehlo, inside_tls, instead_of_tls, in_data, in_bdat, in_auth])
def test_ten_megabytes(gateway: Gateway, honest: None, state: Callable[[Conversation], None]) -> None:
    seed = random.randrange(1 << 32)
    print(f"seed {seed}")
    noise = random.Random(seed)
    left = AMOUNT
    while left > 0:
        with contextlib.suppress(OSError, Closed), gateway.connect("submission" if state is in_auth else "mx") as talk:
            state(talk)
            talk.socket.settimeout(5)
            while left > 0:
                block = noise.randbytes(BLOCK)
                left -= len(block)
                talk.write(block)
                if noise.random() < 0.2:
                    talk.write(b"\r\n")


DIALOGUE = [
    b"EHLO client.example.net", b"MAIL FROM:<s@example.net> SIZE=2000 BODY=8BITMIME RET=HDRS ENVID=QQ+3D1",
    b"RCPT TO:<alice@postern.test> NOTIFY=SUCCESS,DELAY ORCPT=rfc822;alice+40postern.test", b"DATA"]


def mutated(data: bytes, chance: random.Random) -> bytes:
    """A few bytes flipped, cut, doubled, or replaced by what parsers dislike."""
    result = bytearray(data)
    for _ in range(chance.randint(1, 6)):
        place = chance.randrange(len(result) + 1)
        match chance.randrange(5):
            case 0 if place < len(result):
                result[place] = chance.randrange(256)
            case 1:
                del result[place : place + chance.randrange(20)]
            case 2:
                result[place:place] = result[place : place + chance.randrange(40)] * chance.randrange(1, 20)
            case 3:
                result[place:place] = chance.choice([b"\0", b"\xff\xfe", b"<", b">", b"\"", b"@", b"\r", b"\n", b"\r\n.\r\n", b"=?x?q?=",
                                                     b"--b", b"99999999999999999999", b"-1", b"%s%n", b"\xe2\x80\xae"])
            case _:
                result[place:place] = chance.randbytes(chance.randrange(30))
    return bytes(result)


def test_mutated_dialogues_and_messages(gateway: Gateway, honest: None) -> None:
    seed = random.randrange(1 << 32)
    print(f"seed {seed}")
    chance = random.Random(seed)
    corpus = [message.as_sent(path) for path in message.corpus()]
    for number in range(1500):
        lines = [mutated(line, chance) if chance.random() < 0.2 else line for line in DIALOGUE]
        content = chance.choice(corpus)[:20000]
        content = mutated(content, chance).replace(b"\n.", b"\n..")
        if number % 2:
            content = content.replace(b"\r\n", b"\n").replace(b"\r", b"").replace(b"\n", b"\r\n")
        with contextlib.suppress(OSError, Closed), gateway.connect() as talk:
            talk.write(b"\r\n".join(lines) + b"\r\n")
            for _ in lines:
                last = talk.reply()
            if last.code == 354:
                talk.write(content + b"\r\n.\r\nQUIT\r\n")
                talk.reply()


def test_mutated_logins(gateway: Gateway, honest: None) -> None:
    chance = random.Random(7713)
    good = base64.b64encode(f"\0alice\0{PASSWORD}".encode())
    for _ in range(40):
        with contextlib.suppress(OSError, Closed), gateway.connect("submissions") as talk:
            talk.ehlo()
            for _ in range(5):
                reply = talk.command(b"AUTH PLAIN " + mutated(good, chance))
                if reply.code == 334:
                    reply = talk.command(b"*")
                if reply.code == 235:
                    break


def test_it_is_still_one_process_with_few_files_open(gateway: Gateway) -> None:
    assert gateway.starts == 1 and gateway.alive
    assert sum(1 for _ in canary.open_files(gateway.pid)) < 100
    gateway.wait_until_empty()
