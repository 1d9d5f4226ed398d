# SPDX-License-Identifier: Apache-2.0
"""Users who live in Dovecot sign in through its auth socket; a Dovecot that is gone, silent or dies in mid-dialogue costs a 454."""

import base64
import contextlib
import smtplib
import socket
import ssl
import threading
from collections.abc import Callable, Iterator

import pytest

from harness import machine, message
from harness.conversation import Conversation, Reply
from harness.gateway import PASSWORD, Gateway
from harness.peers.dovecot import Dovecot
from harness.peers.swaks import delivers, swaks

DORA = "dora@postern.test"
SECRET = "dora's own password"
USERS = {DORA: SECRET, "emil@elsewhere.test": "emil's own password"}


@pytest.fixture(scope="module")
def dovecot() -> Iterator[Dovecot]:
    with machine.folder("dv") as path:
        made = Dovecot(path / "d", USERS, "auth").start()
        yield made
        made.stop()


@pytest.fixture(scope="module")
def gateway(dovecot: Dovecot, make_gateway) -> Gateway:
    made = make_gateway(socket=dovecot.auth).start()
    made.add_user("alice")
    return made


def plain(name: str, password: str) -> str:
    return "AUTH PLAIN " + base64.b64encode(f"\0{name}\0{password}".encode()).decode()


def secured(gateway: Gateway) -> Conversation:
    talk = gateway.connect("submissions")
    talk.ehlo()
    return talk


@pytest.mark.parametrize("mechanism", ["PLAIN", "LOGIN"])
def test_swaks_signs_in_as_a_user_of_dovecot(gateway: Gateway, mechanism: str) -> None:
    text = f"dora by {mechanism}"
    delivers("--server", f"127.0.0.1:{gateway.ports['submission']}", "--tls", "--auth", mechanism, "--auth-user", DORA,
             "--auth-password", SECRET, "--from", DORA, "--to", "alice@postern.test", "--body", text)
    gateway.maildir("alice").find(text)


@pytest.mark.parametrize("mechanism", ["plain", "login"])
def test_smtplib_signs_in_as_a_user_of_dovecot(gateway: Gateway, mechanism: str) -> None:
    context = ssl.create_default_context()
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    with smtplib.SMTP_SSL("localhost", gateway.ports["submissions"], context=context) as client:
        client.ehlo()
        client.user, client.password = DORA, SECRET
        code, _ = client.auth(mechanism.upper(), getattr(client, f"auth_{mechanism}"))
        assert code == 235
        client.sendmail(DORA, ["alice@postern.test"], message.simple(f"smtplib {mechanism}", sender=DORA))
    gateway.maildir("alice").find(f"smtplib {mechanism}")


def test_our_own_users_sign_in_as_before(gateway: Gateway) -> None:
    gateway.submit("alice@postern.test", "alice@postern.test", message.simple("own", sender="alice@postern.test"))
    gateway.maildir("alice").find("own")


def test_a_wrong_password_and_an_unknown_login_have_one_answer(gateway: Gateway) -> None:
    said = []
    for name, password in [(DORA, "wrong"), ("nobody@postern.test", "wrong"), ("alice", "wrong")]:
        with secured(gateway) as talk:
            said.append(str(talk.expect(plain(name, password), 535, "5.7.8")))
    assert len(set(said)) == 1
    done = swaks("--server", f"127.0.0.1:{gateway.ports['submission']}", "--tls", "--auth", "PLAIN", "--auth-user", DORA,
                 "--auth-password", "wrong", "--from", DORA, "--to", "alice@postern.test")
    assert done.returncode == 28, done.stdout


def test_dovecots_users_send_as_their_login_and_as_what_is_granted(gateway: Gateway) -> None:
    with secured(gateway) as talk:
        talk.expect(plain(DORA, SECRET), 235)
        talk.expect("MAIL FROM:<alice@postern.test>", 553, "5.7.1")
        talk.envelope("dora+tag@postern.test", "alice@postern.test")
        assert talk.data(message.simple("a false From", sender="alice@postern.test")).code == 550
        talk.expect("MAIL FROM:<office@postern.test>", 553)
        gateway.cli("user", "send-as", "add", DORA, "office@postern.test")
        talk.send_mail("office@postern.test", "alice@postern.test", message.simple("from the office", sender="office@postern.test"))
    gateway.maildir("alice").find("from the office")
    listed = {u["name"]: u for u in gateway.facts("user", "list")["users"]}
    assert listed[DORA]["atDovecot"] and listed[DORA]["sendAs"] == ["office@postern.test"] and listed[DORA]["messagesInDay"] > 0
    gateway.cli("user", "send-as", "remove", DORA, "office@postern.test")


def test_a_login_in_another_domain_is_no_address_of_ours(gateway: Gateway) -> None:
    with secured(gateway) as talk:
        talk.expect(plain("emil@elsewhere.test", "emil's own password"), 235)
        talk.expect("MAIL FROM:<emil@elsewhere.test>", 553, "5.7.1")


def test_no_login_stands_in_clear_on_the_disk(gateway: Gateway) -> None:
    for path in gateway.data.rglob("*"):
        if path.is_file() and "mail" not in path.relative_to(gateway.data).parts:
            assert b"dora" not in path.read_bytes(), path


def test_the_client_is_not_named_to_dovecot(dovecot: Dovecot, gateway: Gateway) -> None:
    with gateway.connect("submissions", source="127.0.0.9") as talk:
        talk.ehlo()
        talk.expect(plain(DORA, "wrong"), 535)
    assert "auth" in dovecot.log() and "127.0.0.9" not in dovecot.log()


@pytest.fixture
def slow(make_own_gateway) -> Iterator[tuple[Gateway, Dovecot]]:
    """A Dovecot that thinks over a wrong password for longer than anybody waits, and a gateway before it."""
    with machine.folder("ds") as path:
        made = Dovecot(path / "d", USERS, "auth", failure_delay=60).start()
        gateway = make_own_gateway(socket=made.auth).start()
        gateway.add_user("alice")
        yield gateway, made
        made.stop()


def in_background(question: Callable[[], Reply]) -> tuple[threading.Thread, list[Reply]]:
    answers: list[Reply] = []
    thread = threading.Thread(target=lambda: answers.append(question()))
    thread.start()
    return thread, answers


def alarmed(gateway: Gateway) -> bool:
    return any(alarm["name"] == "dovecot-silent" for alarm in gateway.status()["alarms"])


def test_dovecot_killed_in_mid_dialogue(slow: tuple[Gateway, Dovecot]) -> None:
    gateway, dovecot = slow
    with secured(gateway) as talk:
        thread, answers = in_background(lambda: talk.command(plain(DORA, "wrong")))
        # Dovecot has read the question and holds its answer back.
        machine.eventually(lambda: "dora" in dovecot.log(), "Dovecot to judge the password")
        dovecot.kill()
        thread.join(machine.PATIENCE)
        assert [(a.code, a.enhanced) for a in answers] == [(454, "4.7.0")]
        assert alarmed(gateway)
        # The session goes on, and so do our own users.
        talk.expect("NOOP", 250)
        talk.expect(plain(DORA, SECRET), 454, "4.7.0")
        talk.expect(plain("alice", PASSWORD), 235)
    dovecot.auth.unlink(missing_ok=True)
    with secured(gateway) as talk:
        talk.expect(plain(DORA, SECRET), 454, "4.7.0")
        dovecot.start()
        machine.eventually(lambda: talk.command(plain(DORA, SECRET)).code == 235, "Dovecot to be back")
    assert not alarmed(gateway)


def test_a_silent_dovecot_costs_a_time_out_and_not_the_session(slow: tuple[Gateway, Dovecot]) -> None:
    gateway, dovecot = slow
    with secured(gateway) as talk:
        dovecot.freeze()
        thread, answers = in_background(lambda: talk.command(plain(DORA, SECRET)))
        with secured(gateway) as other:
            other.expect(plain("alice", PASSWORD), 235)
        machine.eventually(lambda: advanced(gateway, thread), "an answer after the time-out")
        assert [(a.code, a.enhanced) for a in answers] == [(454, "4.7.0")]
        talk.expect(plain("alice", PASSWORD), 235)
    dovecot.kill()


def advanced(gateway: Gateway, thread: threading.Thread) -> bool:
    """Lets time pass until the thread has its answer."""
    gateway.clock.advance(25)
    thread.join(0.3)
    return not thread.is_alive()


OTHERS = {"an SMTP server": b"220 this is no Dovecot\r\n" * 3, "noise": b"\xff\x00" * 50_000, "a later version": b"VERSION\t9\t0\n",
          "nothing": b""}


@pytest.mark.parametrize("what", OTHERS)
def test_something_else_on_the_socket(make_own_gateway, what: str) -> None:
    with machine.folder("no") as path, socket.socket(socket.AF_UNIX) as listener:
        listener.bind(str(path / "s"))
        listener.listen()
        gateway = make_own_gateway(socket=path / "s").start()
        threading.Thread(target=speak, args=(listener, OTHERS[what]), daemon=True).start()
        with secured(gateway) as talk:
            talk.expect(plain(DORA, SECRET), 454, "4.7.0")
            talk.expect("NOOP", 250)


def speak(listener: socket.socket, words: bytes) -> None:
    peer, _ = listener.accept()
    with contextlib.suppress(OSError), peer:
        peer.sendall(words)
