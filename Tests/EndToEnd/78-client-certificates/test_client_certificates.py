# SPDX-License-Identifier: Apache-2.0
"""
Servers that come are asked for a certificate, and `require_inbound` decides by the domain of MAIL FROM: without the pinned one 450 and an
alarm, with it the mail is taken. Everybody else is served as before, whatever they show.
"""

import pathlib
import re
import ssl

import pytest

from harness import machine, tls
from harness.conversation import Closed, Conversation
from harness.gateway import Gateway
from harness.peers.certificates import Authority, Certificate
from harness.peers.nexthop import NextHop
from harness.peers.postfix import Postfix

HOST = "gateway.postern.test"


@pytest.fixture(scope="module")
def theirs(authority: Authority) -> Certificate:
    """What the domain's own server shows."""
    return authority.issue("theirs", "mx.proven.test")


@pytest.fixture(scope="module", params=["spki", "cert"])
def gateway(request: pytest.FixtureRequest, make_gateway, nexthop: NextHop, authority: Authority, theirs: Certificate) -> Gateway:
    digest = tls.key_digest(theirs.certificate) if request.param == "spki" else tls.certificate_digest(theirs.certificate)
    made = make_gateway(relay_port=nexthop.port, pin=f"{request.param}:{digest}").start()
    own = authority.issue("own", HOST)
    made.cli("tls", "import", str(own.certificate), str(own.key))
    return made


def secured(gateway: Gateway, shown: Certificate | None, version: ssl.TLSVersion = ssl.TLSVersion.TLSv1_3) -> Conversation:
    """A session with STARTTLS, by a client that shows a certificate."""
    talk = gateway.connect()
    talk.ehlo()
    talk.expect("STARTTLS", 220)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    context.minimum_version = context.maximum_version = version
    if shown:
        context.load_cert_chain(shown.certificate, shown.key)
    talk.socket = context.wrap_socket(talk.socket, server_hostname=HOST)
    talk.ehlo()
    return talk


def alarms(gateway: Gateway) -> set[str]:
    return {alarm["name"] for alarm in gateway.status()["alarms"]}


@pytest.mark.parametrize("version", [ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3])
def test_with_the_pinned_certificate(gateway: Gateway, theirs: Certificate, version: ssl.TLSVersion) -> None:
    before = gateway.status()["counters"].get("messages from proven servers", 0)
    with secured(gateway, theirs, version) as talk:
        talk.envelope("a@proven.test", "x@peer.test")
        assert talk.data(b"Subject: proven\r\nFrom: a@proven.test\r\n\r\nhi\r\n").code == 250
        talk.envelope("a@other.test", "x@peer.test")
    assert gateway.status()["counters"]["messages from proven servers"] == before + 1


def test_without_it_mail_waits_and_the_operator_hears_of_it(gateway: Gateway, authority: Authority) -> None:
    stranger = authority.issue("stranger", "mx.proven.test")
    for shown in (None, stranger):
        with secured(gateway, shown) as talk:
            talk.expect("MAIL FROM:<a@proven.test>", 450, "4.7.0")
            talk.expect("MAIL FROM:<a@PROVEN.test>", 450, "4.7.0")
            # Other domains, the one with pins alone among them, and reports go on as before.
            for sender in ("a@other.test", "a@known.test", "a@sub.proven.test", ""):
                talk.envelope(sender, "x@peer.test")
                talk.expect("RSET", 250)
    with gateway.connect() as clear:
        clear.ehlo()
        clear.expect("MAIL FROM:<a@proven.test>", 450, "4.7.0")
    machine.eventually(lambda: "client-pin" in alarms(gateway), "the alarm")
    sentence = [a["sentence"] for a in gateway.status()["alarms"] if a["name"] == "client-pin"][0]
    assert "proven.test" not in sentence and "127.0.0.1" not in sentence
    assert "proven.test" not in gateway.log()
    gateway.clock.advance(2 * 3600)
    machine.eventually(lambda: "client-pin" not in alarms(gateway), "the alarm to end")


def test_what_was_shown_before_counts_in_a_resumed_session(gateway: Gateway, theirs: Certificate) -> None:
    """openssl s_client keeps the ticket of a session with the certificate, and comes back with it alone."""
    ticket = gateway.folder / "ticket"
    port = gateway.ports["mx"]
    words = b"EHLO mx.proven.test\nMAIL FROM:<a@proven.test>\nQUIT\n"
    first = tls.s_client(port, "-tls1_2", "-cert", theirs.certificate, "-key", theirs.key, "-sess_out", ticket, "-ign_eof", say=words)
    assert "250 2.1.0" in first.stdout, first.stdout
    second = tls.s_client(port, "-tls1_2", "-sess_in", ticket, "-ign_eof", say=words)
    assert "250 2.1.0" in second.stdout, second.stdout + second.stderr


def test_users_are_not_asked(gateway: Gateway) -> None:
    assert "Acceptable client certificate CA names" not in tls.s_client(gateway.ports["submission"]).stdout
    said = tls.s_client(gateway.ports["submission"], "-tls1_2", "-msg").stdout
    assert "CertificateRequest" not in said
    assert "CertificateRequest" in tls.s_client(gateway.ports["mx"], "-tls1_2", "-msg").stdout


def hostile(folder: pathlib.Path) -> list[Certificate]:
    """Certificates that nobody should have to read. Their signatures are wrong too, which a client can show all the same."""
    names = ",".join(f"DNS:{'x' * 60}{i}.test" for i in range(600))
    made = []
    for name, extra, dates in [
        ("huge", ["-addext", f"subjectAltName={names}"], None),
        ("odd", ["-addext", "subjectAltName=DNS:*.*,DNS:..,URI:http://x\x01y,email:a@b"], b"500101000000Z"),
        ("critical", ["-addext", "1.2.3.4=critical,DER:0500"], b"491231235959Z"),
        ("undated", [], b"999999999999Z"),
    ]:
        key, pem, settings = folder / f"{name}.key", folder / f"{name}.pem", folder / f"{name}.cnf"
        settings.write_text("[req]\ndistinguished_name=dn\nstring_mask=utf8only\n[dn]\n")
        tls.openssl("req", "-x509", "-config", settings, "-utf8", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes",
                    "-keyout", key, "-out", pem, "-subj", "/CN=<script>\u202emx\u0007/O=" + "y" * 60, "-days", "5", *extra)
        if dates:
            der = ssl.PEM_cert_to_DER_cert(pem.read_text())
            # UTCTime, both ends of the validity.
            pem.write_text(ssl.DER_cert_to_PEM_cert(re.sub(rb"\x17\x0d\d{12}Z", b"\x17\x0d" + dates, der)))
        made.append(Certificate(pem, key))
    return made


def test_hostile_certificates_do_nothing(gateway: Gateway, authority: Authority, folder: pathlib.Path) -> None:
    ended = []
    for shown in hostile(folder):
        try:
            with secured(gateway, shown) as talk:
                talk.expect("MAIL FROM:<a@proven.test>", 450, "4.7.0")
                talk.envelope("a@other.test", "x@peer.test")
        except (Closed, ssl.SSLError):
            ended.append(shown.certificate.stem)
    # One of 40 KiB, and one that is no certificate at all, end their own sessions.
    assert set(ended) <= {"huge", "undated"} and "undated" in ended
    # A chain of a megabyte ends its own handshake and nothing else.
    chain = folder / "chain.pem"
    one = authority.issue("filler", *[f"{'z' * 40}{i}.test" for i in range(400)])
    chain.write_text(one.certificate.read_text() * 60)
    said = tls.s_client(gateway.ports["mx"], "-cert", one.certificate, "-key", one.key, "-cert_chain", chain)
    assert "250 2.1.0" not in said.stdout
    with secured(gateway, None) as talk:
        talk.envelope("a@other.test", "x@peer.test")
    assert gateway.alive


def test_postfix_as_the_other_side(gateway: Gateway, authority: Authority, theirs: Certificate, folder: pathlib.Path, nexthop: NextHop) -> None:
    """A real Postfix delivers with smtp_tls_cert_file, and waits without."""
    relay = f"relayhost = [127.0.0.1]:{gateway.ports['mx']}\nsmtp_tls_security_level = encrypt\n"
    identity = f"smtp_tls_cert_file = {theirs.certificate}\nsmtp_tls_key_file = {theirs.key}\n"
    before = len(nexthop.received)
    for index, main in enumerate((relay + identity, relay)):
        postfix = Postfix(folder / f"postfix-{gateway.ports['mx']}-{index}", ["nobody.test"], main="mynetworks = 127.0.0.0/8\n"
                          "smtpd_relay_restrictions = permit_mynetworks, reject\n" + main).start()
        try:
            with Conversation(postfix.port) as talk:
                assert talk.reply().code == 220
                talk.ehlo()
                talk.envelope("a@proven.test", "x@peer.test")
                assert talk.data(b"Subject: by postfix\r\nFrom: a@proven.test\r\n\r\nhi\r\n").code == 250
            if index == 0:
                nexthop.wait(before + 1)
            else:
                machine.eventually(lambda: "450 4.7.0" in postfix.log(), f"Postfix to be put off: {postfix.log()}")
        finally:
            postfix.stop()
    assert len(nexthop.received) == before + 1
