# SPDX-License-Identifier: Apache-2.0
"""`postern probe` shows one SMTP conversation line by line, with what TLS came to; it takes swaks's options and hides every password."""

import base64
import hashlib
import pathlib
import re
import socket
import subprocess
import threading
from collections.abc import Iterator

import pytest

from harness import machine, terminal
from harness.gateway import PASSWORD, Gateway
from harness.peers.certificates import Authority, Certificate
from harness.peers.names import NameServer
from harness.peers.postfix import Postfix
from harness.peers.swaks import swaks

HOST = "mx.signed.test"


@pytest.fixture(scope="module")
def certificate(authority: Authority) -> Certificate:
    return authority.issue("probed", HOST, "localhost")


@pytest.fixture(scope="module")
def postfix(certificate: Certificate) -> Iterator[Postfix]:
    with machine.folder("probe-postfix") as folder:
        server = Postfix(folder / "postfix", ["signed.test"], certificate).start()
        yield server
        server.stop()


def spki(certificate: Certificate) -> str:
    public = subprocess.run(["openssl", "x509", "-in", certificate.certificate, "-noout", "-pubkey"], capture_output=True, check=True)
    key = subprocess.run(["openssl", "pkey", "-pubin", "-outform", "DER"], input=public.stdout, capture_output=True, check=True)
    return hashlib.sha256(key.stdout).hexdigest()


@pytest.fixture(scope="module")
def names(postfix: Postfix, certificate: Certificate) -> Iterator[NameServer]:
    tlsa = f"_{postfix.port}._tcp.{{}} IN TLSA 3 1 1 {{}}"
    right, wrong = spki(certificate), "00" * 32
    hosts = [f"{name} IN A 127.0.0.1" for name in ("mx", "rolled", "bare")]
    zones = {
        "signed.test": [*hosts, tlsa.format("mx", right), tlsa.format("rolled", wrong)],
        "broken.test": ["mx IN A 127.0.0.1", tlsa.format("mx", wrong)],
    }
    with machine.folder("probe-dns") as folder:
        server = NameServer(folder / "zones", zones, bogus={"broken.test": (wrong, right)}, signed=("signed.test",))
        yield server.start()
        server.stop()


@pytest.fixture(scope="module")
def gateway(make_gateway, names: NameServer, authority: Authority) -> Gateway:
    made = make_gateway(dns_port=names.port, anchors=names.anchors, roots=authority.root.certificate).start()
    made.add_user("alice")
    return made


def probe(gateway: Gateway, *arguments: object, code: int = 0, **more) -> str:
    done = gateway.cli("probe", *map(str, arguments), check=False, **more)
    assert done.returncode == code, done.stdout + done.stderr
    return done.stdout + done.stderr


def said(shown: str) -> list[str]:
    """The client's commands, first words."""
    return [line[4:].split(" ")[0] for line in shown.splitlines() if line[:3] in (" ->", " ~>")]


def scripted(*answers: bytes) -> int:
    """A server that gives one answer for each thing it is told, the first one at once, and closes; its port."""
    listener = socket.create_server(("127.0.0.1", 0))

    def serve() -> None:
        connection, _ = listener.accept()
        with connection, listener:
            connection.settimeout(machine.PATIENCE)
            for position, answer in enumerate(answers):
                if position:
                    connection.recv(65536)
                connection.sendall(answer)
            connection.recv(65536)

    threading.Thread(target=serve, daemon=True).start()
    return listener.getsockname()[1]


def test_a_conversation_with_postfix(gateway: Gateway, postfix: Postfix, certificate: Certificate) -> None:
    shown = probe(gateway, f"{HOST}:{postfix.port}", "--starttls", "--quit-after", "helo")
    lines = shown.splitlines()
    assert lines[0] == f"=== Trying {HOST}:{postfix.port}..." and lines[1] == f"=== Connected to {HOST}."
    assert lines[2].startswith("<-  220 ") and lines[3] == " -> EHLO gateway.postern.test" and " -> STARTTLS" in lines
    assert said(shown) == ["EHLO", "STARTTLS", "EHLO", "QUIT"] and " ~> QUIT" in lines
    assert lines[-2].startswith("<~  221 ") and lines[-1] == "=== Connection closed."
    assert re.search(r"^=== TLS started with TLSv1\.3, cipher TLS_[A-Z0-9_]+, key exchange \w+$", shown, re.M)
    assert '=== TLS peer certificate 0: subject "CN=mx.signed.test", issuer "CN=Test root"' in lines
    assert "===   for mx.signed.test, localhost" in lines
    assert re.search(r"^===   valid from \d{4}-\d\d-\d\dT\S+Z until \d{4}-\d\d-\d\dT\S+Z$", shown, re.M)
    assert f"=== TLS peer SPKI SHA-256 {spki(certificate)}" in lines
    assert "=== TLS peer trust: a public authority vouches for mx.signed.test" in lines
    assert any(line.startswith("=== DANE match: ") for line in lines)


def test_the_invocation_that_people_know(gateway: Gateway, postfix: Postfix) -> None:
    """`swaks -a -tls -q HELO -s mail.example.com -au test -ap '<>'`: the same commands, and as good an end."""
    options = ["-a", "-tls", "-q", "HELO", "-s", "localhost", "-au", "test", "-ap", "<>", "-p", str(postfix.port)]
    known = swaks(*options)
    assert known.returncode == 0, known.stdout
    ours = probe(gateway, *options)
    assert said(ours) == said(known.stdout) == ["EHLO", "STARTTLS", "EHLO", "QUIT"]
    assert "=== Trying localhost:" in ours and "=== TLS started" in ours and "<>" not in ours


def test_facts_as_json(gateway: Gateway, postfix: Postfix, certificate: Certificate) -> None:
    facts = gateway.facts("probe", f"{HOST}:{postfix.port}", "-q", "tls")
    assert "failure" not in facts and facts["channel"]["version"] == "TLSv1.3" and facts["channel"]["isTrusted"]
    leaf = facts["channel"]["certificates"][0]
    assert leaf["spkiSHA256"] == spki(certificate) and leaf["names"] == [HOST, "localhost"]
    assert facts["channel"]["dane"] | {"sentence": ""} == {
        "word": "match", "sentence": "", "records": [f"3 1 1 {spki(certificate)}"]}
    assert [line["text"] for line in facts["lines"] if line["kind"] == "said"][-1] == "QUIT"


@pytest.mark.parametrize("host, word, code", [
    ("rolled.signed.test", "mismatch", 1), ("bare.signed.test", "none", 0), ("mx.broken.test", "unavailable", 0)])
def test_what_dane_says(gateway: Gateway, postfix: Postfix, host: str, word: str, code: int) -> None:
    shown = probe(gateway, f"{host}:{postfix.port}", "-q", "helo", code=code)
    mark = "***" if word == "mismatch" else "==="
    assert re.search(rf"^{re.escape(mark)} DANE {word}: ", shown, re.M), shown
    # Nothing is hidden because of it.
    assert said(shown) == ["EHLO", "STARTTLS", "EHLO", "QUIT"]


@pytest.mark.parametrize("mechanism", ["PLAIN", "LOGIN"])
def test_a_sign_in_never_shows_the_password(gateway: Gateway, folder: pathlib.Path, mechanism: str) -> None:
    file = folder / f"password-{mechanism}"
    file.write_text(PASSWORD + "\n")
    place = f"127.0.0.1:{gateway.ports['submission']}"
    shown = probe(gateway, place, "--auth", mechanism, "-au", "alice", "--password-file", file, "-q", "auth")
    assert f" ~> AUTH {mechanism}" in shown and "****" in shown and "<~  235 " in shown
    encoded = [base64.b64encode(text.encode()).decode() for text in (PASSWORD, f"\0alice\0{PASSWORD}")]
    assert not any(secret in shown for secret in [PASSWORD, *encoded])


def test_a_password_that_is_asked_for(gateway: Gateway) -> None:
    place = f"127.0.0.1:{gateway.ports['submission']}"
    spoken = terminal.run(gateway, "probe", place, "-au", "alice", "-q", "auth", "--auth",
                          typed=PASSWORD + "\n", prompt="Password of alice: ")
    assert spoken.returncode == 0 and "<~  235 " in spoken.text and PASSWORD not in spoken.text


def test_a_wrong_password_is_a_refusal(gateway: Gateway) -> None:
    shown = probe(gateway, f"127.0.0.1:{gateway.ports['submission']}", "-au", "alice", "-ap", "wrong password", "-a", code=1)
    assert "<~* 535 " in shown and "wrong password" not in shown and " ~> QUIT" in shown


def test_no_password_goes_out_in_clear(gateway: Gateway) -> None:
    port = scripted(b"220 x\r\n", b"250-x\r\n250 AUTH PLAIN LOGIN\r\n", b"221 bye\r\n")
    shown = probe(gateway, f"127.0.0.1:{port}", "-au", "alice", "-ap", "open sesame", "-a", code=1)
    assert "*** The password is not sent without TLS." in shown and "AUTH" not in said(shown) and "sesame" not in shown


def test_mail_is_sent_when_there_is_a_message(gateway: Gateway, postfix: Postfix, folder: pathlib.Path) -> None:
    mail = folder / "mail.eml"
    mail.write_text("From: a@postern.test\nTo: b@signed.test\nSubject: probe\n\n.one\nlast line\n")
    shown = probe(gateway, f"{HOST}:{postfix.port}", "--from", "a@postern.test", "--to", "b@signed.test", "--message", mail)
    assert re.search(r"^<~  250 2.0.0 Ok: .*queued", shown, re.M)
    content = postfix.maildir().find(b"Subject: probe")
    assert b"\r\n\r\n.one\r\nlast line\r\n" in content


def test_rcpt_is_the_end_without_a_message(gateway: Gateway, postfix: Postfix) -> None:
    count = len(postfix.maildir().files())
    shown = probe(gateway, f"{HOST}:{postfix.port}", "--from", "a@postern.test", "--to", "b@signed.test", "--to", "c@signed.test")
    assert said(shown)[-4:] == ["MAIL", "RCPT", "RCPT", "QUIT"]
    refused = probe(gateway, f"{HOST}:{postfix.port}", "-t", "b@elsewhere.test", code=1)
    assert "<~* 454 " in refused or "<~* 554 " in refused
    assert len(postfix.maildir().files()) == count


@pytest.mark.parametrize("alert, sentence", [
    (70, "there is no TLS version that both sides have"), (40, "there is no cipher that both sides have")])
def test_a_failed_handshake_says_what_was_offered(gateway: Gateway, alert: int, sentence: str) -> None:
    port = scripted(b"220 x\r\n", b"250-x\r\n250 STARTTLS\r\n", b"220 go\r\n", bytes([21, 3, 3, 0, 2, 2, alert]))
    shown = probe(gateway, f"127.0.0.1:{port}", code=1)
    line, = [line for line in shown.splitlines() if line.startswith("*** TLS startup failed: ")]
    assert sentence in line and "we offered TLSv1.3, TLSv1.2 with TLS_" in line and f"({alert})." in line


@pytest.mark.parametrize("answers, line", [
    ([b"554 5.7.1 no\r\n", b"221 x\r\n"], "<** 554 5.7.1 no"),
    ([b"220 x\r\n", b"250-x\r\n250 SIZE\r\n", b"221 x\r\n"], "*** The server does not offer STARTTLS."),
    ([b"220 x\r\n", b"250-x\r\n250 STARTTLS\r\n", b"220 go\r\n250 evil\r\n"], "*** The server said more in clear behind"),
    ([b"220 x\r\n", b"250-x\x1b[2J\r\n250 x\r\n", b"221 x\r\n"], "<-  250-x?[2J"),
    ([b"SSH-2.0-x\r\n"], "*** What the server said is no SMTP reply"),
])
def test_what_goes_wrong_is_said(gateway: Gateway, answers: list[bytes], line: str) -> None:
    assert line in probe(gateway, f"127.0.0.1:{scripted(*answers)}", "--starttls", code=1)


def test_nothing_listens(gateway: Gateway) -> None:
    assert "can't be connected to: connection refused." in probe(gateway, f"127.0.0.1:{machine.free_port()}", code=1)


def test_through_a_proxy(gateway: Gateway, postfix: Postfix) -> None:
    port = machine.free_port()
    proxy = subprocess.Popen([machine.program("microsocks"), "-i", "127.0.0.1", "-p", str(port)],
                             stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        machine.eventually(lambda: machine.accepts(port), "microsocks")
        shown = probe(gateway, f"localhost:{postfix.port}", "--socks", f"127.0.0.1:{port}", "-q", "helo")
        assert "through the proxy" in shown and "=== TLS started" in shown and "DANE" not in shown
        refused = probe(gateway, f"127.0.0.1:{machine.free_port()}", "--socks", f"127.0.0.1:{port}", code=1)
        assert "the host refused the proxy's connection" in refused
    finally:
        proxy.terminate()
        proxy.wait()


@pytest.mark.parametrize("arguments, words", [
    ([], "Name the server"), (["a b"], "place"), (["x.test", "-s", "y.test"], "named twice"),
    (["x.test", "--starttls", "--tls"], "Choose one"), (["x.test", "-au", "alice"], "--auth"),
    (["x.test", "-a", "-q", "auth"], "--auth-user"), (["x.test", "-q", "tea"], "first-helo"),
    (["x.test", "--message", "/dev/null"], "--to"), (["a" * 56 + ".onion"], "--socks"),
    (["x.test", "-p", "70000"], "no port"), (["x.test", "-a", "-au", "alice"], "--password-file")])
def test_wrong_usage(gateway: Gateway, arguments: list[str], words: str) -> None:
    assert words in probe(gateway, *arguments, code=64)


def test_a_missing_file(gateway: Gateway) -> None:
    assert "/nonexistent" in probe(gateway, "x.test", "-t", "a@x.test", "--message", "/nonexistent", code=66)
