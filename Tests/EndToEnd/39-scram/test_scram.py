# SPDX-License-Identifier: Apache-2.0
"""SCRAM-SHA-256 and -PLUS over real TLS, with scramp as the client, and what somebody in the middle might try."""

import base64
import hashlib
import ssl

import pytest

from harness import message, scram
from harness.conversation import Conversation
from harness.gateway import PASSWORD, Gateway
from harness.peers.certificates import Authority, openssl

END_POINT = "tls-server-end-point"


@pytest.fixture(scope="module")
def gateway(make_gateway) -> Gateway:
    made = make_gateway().start()
    made.add_user("alice")
    made.cli("user", "add", "carol", "--address", "carol@postern.test", "--scram", "--password-stdin", stdin=f"{PASSWORD}\n")
    return made


def secured(gateway: Gateway, role: str = "submissions") -> Conversation:
    talk = gateway.connect(role)
    talk.ehlo()
    if role == "submission":
        talk.start_tls()
    return talk


def test_it_is_offered_inside_tls_only_and_once_somebody_asked_for_it(gateway: Gateway, make_own_gateway) -> None:
    with gateway.connect("submission") as talk:
        talk.ehlo()
        assert "AUTH" not in talk.extensions
        talk.expect("AUTH SCRAM-SHA-256 " + scram.encoded("n,,n=carol,r=abc"), 538)
        talk.start_tls()
        assert talk.extensions["AUTH"].split() == ["SCRAM-SHA-256-PLUS", "SCRAM-SHA-256", "PLAIN", "LOGIN"]
    other = make_own_gateway().start()
    other.add_user("alice")
    with secured(other) as talk:
        assert talk.extensions["AUTH"].split() == ["PLAIN", "LOGIN"]
        talk.expect("AUTH SCRAM-SHA-256 " + scram.encoded("n,,n=alice,r=abc"), 504)


@pytest.mark.parametrize("role", ["submission", "submissions"])
@pytest.mark.parametrize("name", ["carol", "carol@postern.test"])
def test_scramp_signs_in(gateway: Gateway, role: str, name: str) -> None:
    text = f"scram {role} {name}"
    with secured(gateway, role) as talk:
        assert scram.authenticate(talk, scram.client(name, PASSWORD)).code == 235
        talk.send_mail("carol@postern.test", "alice@postern.test", message.simple(text, sender="carol@postern.test"))
    gateway.maildir("alice").find(text)


@pytest.mark.parametrize("role", ["submission", "submissions"])
def test_scramp_signs_in_bound_to_the_channel(gateway: Gateway, role: str) -> None:
    with secured(gateway, role) as talk:
        assert isinstance(talk.socket, ssl.SSLSocket)
        client = scram.client("carol", PASSWORD, scram.PLUS, (END_POINT, talk.socket))
        assert scram.authenticate(talk, client, scram.PLUS).code == 235
        talk.expect("MAIL FROM:<carol@postern.test>", 250)


def test_without_an_initial_response(gateway: Gateway) -> None:
    with secured(gateway) as talk:
        client = scram.client("carol", PASSWORD)
        talk.expect("AUTH SCRAM-SHA-256", 334)
        client.set_server_first(scram.decoded(talk.expect(scram.encoded(client.get_client_first()), 334)))
        client.set_server_final(scram.decoded(talk.expect(scram.encoded(client.get_client_final()), 334)))
        talk.expect("", 235)


def test_another_servers_certificate_between_us_and_the_client(gateway: Gateway, authority: Authority) -> None:
    wrong = authority.issue("mallory", "mallory.test")
    der = ssl.PEM_cert_to_DER_cert(wrong.certificate.read_text())
    with secured(gateway) as talk:
        client = scram.client("carol", PASSWORD, scram.PLUS, (END_POINT, bytes(32)))
        assert scram.authenticate(talk, client, scram.PLUS).code == 535
        client = scram.client("carol", PASSWORD, scram.PLUS, (END_POINT, hashlib.sha256(der).digest()))
        assert scram.authenticate(talk, client, scram.PLUS).code == 535


def test_a_list_of_mechanisms_that_somebody_shortened(gateway: Gateway) -> None:
    """A client that could bind, and was told that we can't, says `y`."""
    with secured(gateway) as talk:
        talk.expect("AUTH SCRAM-SHA-256 " + scram.encoded("y,,n=carol,r=abcdefgh"), 535, "5.7.8")
        talk.expect("AUTH SCRAM-SHA-256-PLUS " + scram.encoded("n,,n=carol,r=abcdefgh"), 535)
        talk.expect("AUTH SCRAM-SHA-256-PLUS " + scram.encoded("p=tls-unique,,n=carol,r=abcdefgh"), 535)
        talk.expect("AUTH SCRAM-SHA-256 " + scram.encoded("p=tls-server-end-point,,n=carol,r=abcdefgh"), 535)


def test_nobody_can_tell_an_unknown_login_or_one_without_a_record(gateway: Gateway) -> None:
    """The salt is the same each time it is asked for, also after a restart; the answer is the same as to a wrong password."""
    def asked(name: str) -> dict[str, str]:
        with secured(gateway) as talk:
            first = scram.decoded(talk.expect("AUTH SCRAM-SHA-256 " + scram.encoded(f"n,,n={name},r=abcdefgh"), 334))
            proof = base64.b64encode(bytes(32)).decode()
            parts = dict(part.split("=", 1) for part in first.split(","))
            parts["said"] = str(talk.expect(scram.encoded(f"c=biws,r={parts.pop('r')},p={proof}"), 535))
        return parts

    answers = {name: asked(name) for name in ("carol", "alice", "nobody")}
    assert len({(a["i"], a["said"], len(a["s"])) for a in answers.values()}) == 1
    assert len({a["s"] for a in answers.values()}) == 3
    gateway.restart()
    assert {name: asked(name) for name in answers} == answers


def test_wrong_passwords_and_broken_exchanges(gateway: Gateway) -> None:
    gateway.clock.advance(7200)
    with secured(gateway) as talk:
        assert scram.authenticate(talk, scram.client("carol", "wrong")).code == 535
        talk.expect("AUTH SCRAM-SHA-256", 334)
        talk.expect("*", 501)
        talk.expect("AUTH SCRAM-SHA-256", 334)
        talk.expect("!", 501)
        talk.expect("AUTH SCRAM-SHA-256 " + scram.encoded("rubbish"), 535)
        talk.expect("MAIL FROM:<carol@postern.test>", 530)
        assert scram.authenticate(talk, scram.client("carol", PASSWORD)).code == 235


def test_a_new_password_and_the_end_of_scram(gateway: Gateway) -> None:
    gateway.clock.advance(7200)
    gateway.cli("user", "add", "erin", "--password-stdin", stdin=f"{PASSWORD}\n")
    said = gateway.cli("user", "passwd", "erin", "--scram", "--password-stdin", stdin="a quite new password\n").stdout
    assert "SCRAM" in said
    gateway.cli("user", "passwd", "erin", "--password-stdin", stdin="and one more after it\n")
    with secured(gateway) as talk:
        assert scram.authenticate(talk, scram.client("erin", "and one more after it")).code == 235
    refused = gateway.cli("user", "passwd", "erin", "--password-stdin", stdin="gr\u00fcne Katze im Gras\n", check=False)
    assert refused.returncode == 1 and "ASCII" in refused.stderr
    gateway.cli("user", "passwd", "erin", "--no-scram", "--password-stdin", stdin="gr\u00fcne Katze im Gras\n")
    with secured(gateway) as talk:
        talk.login("erin", "gr\u00fcne Katze im Gras")


@pytest.mark.parametrize("digest, hashed", [("sha256", "sha256"), ("sha384", "sha384"), ("sha512", "sha512")])
def test_the_binding_follows_the_hash_of_the_certificate(make_own_gateway, authority: Authority, digest: str, hashed: str) -> None:
    key, made = authority.folder / f"{digest}.key", authority.folder / f"{digest}.pem"
    openssl("req", "-x509", f"-{digest}", "-newkey", "rsa:2048", "-nodes", "-keyout", key, "-out", made, "-subj", "/CN=localhost",
            "-days", "30")
    gateway = make_own_gateway(certificate=made, key=key).start()
    gateway.cli("user", "add", "carol", "--scram", "--password-stdin", stdin=f"{PASSWORD}\n")
    with secured(gateway) as talk:
        assert isinstance(talk.socket, ssl.SSLSocket)
        der = talk.socket.getpeercert(binary_form=True)
        assert der
        client = scram.client("carol", PASSWORD, scram.PLUS, (END_POINT, hashlib.new(hashed, der).digest()))
        assert scram.authenticate(talk, client, scram.PLUS).code == 235


def test_both_records_are_sealed(gateway: Gateway) -> None:
    for path in gateway.data.rglob("*"):
        if path.is_file() and "mail" not in path.relative_to(gateway.data).parts:
            data = path.read_bytes()
            assert b"carol" not in data and b"storedKey" not in data, path
