# SPDX-License-Identifier: Apache-2.0
"""
Certificates in the vault: imported into a running gateway or into its files, chosen by the name that a client asks for (openssl
s_client), renewed without a dropped connection, and never readable on the disk.
"""

import pathlib

import pytest

from harness import message, tls
from harness.gateway import Gateway
from harness.peers.certificates import Authority, Certificate
from harness.peers.nexthop import NextHop

HOST = "gateway.postern.test"
RSA = ("rsa:2048",)


@pytest.fixture
def empty(make_own_gateway, nexthop: NextHop) -> Gateway:
    """A gateway at level 2 whose certificates are in the vault alone."""
    return make_own_gateway(relay_port=nexthop.port, files="")


@pytest.fixture
def with_files(make_own_gateway, nexthop: NextHop, authority: Authority, own_certificate: Certificate, tmp_path_factory) -> Gateway:
    """One with a certificate in files."""
    secret = tmp_path_factory.mktemp("secret") / "passphrase"
    secret.write_text("quiet\n")
    secret.chmod(0o600)
    key = authority.encrypt_key(own_certificate, "quiet")
    files = f'certificate = "{own_certificate.certificate}"\nkey = "{key}"\nkey_passphrase_file = "{secret}"'
    return make_own_gateway(relay_port=nexthop.port, files=files).start()


def take(gateway: Gateway, certificate: Certificate, *options: object) -> str:
    return gateway.cli("tls", "import", str(certificate.certificate), str(certificate.key), *map(str, options)).stdout


def test_level_2_without_a_key_file(empty: Gateway, authority: Authority) -> None:
    """The level is kept, STARTTLS comes with the first import and no restart, and nothing of the key lies on the disk in clear."""
    assert empty.cli("check", "--offline").returncode == 0
    empty.start()
    assert "the vault holds no certificate" in empty.spoken()
    with empty.connect() as before:
        before.ehlo()
        assert "STARTTLS" not in before.extensions
        own = authority.issue("first", HOST)
        assert "is in use" in take(empty, own)
        # Who was there before the certificate goes on.
        before.ehlo()
    assert tls.shown(empty.ports["mx"], HOST) == tls.certificate_digest(own.certificate)
    with empty.connect("submissions") as talk:
        talk.ehlo()
    empty.restart()
    assert tls.shown(empty.ports["mx"]) == tls.certificate_digest(own.certificate)
    secret = openssl_key_bytes(own)
    for file in empty.data.rglob("*"):
        assert not file.is_file() or secret not in file.read_bytes(), f"{file} holds the key in clear"


def openssl_key_bytes(certificate: Certificate) -> bytes:
    """The secret number of an EC key."""
    lines = tls.openssl("pkey", "-in", certificate.key, "-noout", "-text").decode()
    inner = lines.split("priv:")[1].split("pub:")[0]
    return bytes.fromhex("".join(inner.split()).replace(":", ""))


def test_each_name_has_its_own_chain(with_files: Gateway, authority: Authority, own_certificate: Certificate) -> None:
    mx = with_files.ports["mx"]
    shop = authority.issue("shop", "mail.shop.test", "smtp.shop.test")
    wild = authority.issue("wild", "*.wild.test", algorithm=RSA)
    take(with_files, shop)
    take(with_files, wild)
    assert tls.shown(mx, "mail.shop.test") == tls.certificate_digest(shop.certificate)
    assert tls.shown(mx, "SMTP.shop.test") == tls.certificate_digest(shop.certificate)
    assert tls.shown(mx, "any.wild.test") == tls.certificate_digest(wild.certificate)
    # Everybody else gets the chain of the files: no name, our own name, a name that nothing covers, one label too many.
    for name in (None, HOST, "unknown.test", "a.b.wild.test", "wild.test"):
        assert tls.shown(mx, name) == tls.certificate_digest(own_certificate.certificate), name
    # A reload reads the files again and keeps the rest.
    with_files.cli("reload")
    assert tls.shown(mx, "any.wild.test") == tls.certificate_digest(wild.certificate)
    # TLS 1.2, and an RSA chain where the fallback is ECDSA.
    said = tls.s_client(mx, "-servername", "any.wild.test", "-tls1_2").stdout
    assert "ECDHE-RSA" in said


def test_a_renewal_drops_no_connection(empty: Gateway, authority: Authority, nexthop: NextHop) -> None:
    old = authority.issue("old", HOST)
    renewed = authority.issue("renewed", HOST, key=old.key)
    empty.start()
    take(empty, old)
    with empty.connect() as talk, empty.connect("submissions") as user:
        talk.ehlo()
        talk.start_tls()
        talk.envelope("s@example.net", "x@peer.test")
        talk.expect("DATA", 354)
        take(empty, renewed)
        assert tls.shown(empty.ports["mx"]) == tls.certificate_digest(renewed.certificate)
        talk.write(message.simple("over two certificates") + b".\r\n")
        assert talk.reply().code == 250
        user.ehlo()
    facts = empty.facts("tls", "show")
    assert [one["certificate"] for one in facts["certificates"]] == [tls.certificate_digest(renewed.certificate)]


def test_an_encrypted_key_and_the_hooks_of_acme_clients(empty: Gateway, authority: Authority, folder: pathlib.Path) -> None:
    own = authority.issue("encrypted", HOST)
    encrypted = authority.encrypt_key(own, "in the hook")
    empty.start()
    refused = empty.cli("tls", "import", str(own.certificate), str(encrypted), check=False)
    assert refused.returncode == 1 and "--passphrase-file" in refused.stderr
    secret = folder / "key-passphrase"
    secret.write_text("in the hook\n")
    secret.chmod(0o600)
    take(empty, Certificate(own.certificate, encrypted), "--passphrase-file", secret)
    assert tls.shown(empty.ports["mx"]) == tls.certificate_digest(own.certificate)
    # certbot names a folder, lego two files.
    lineage = folder / "live"
    lineage.mkdir(exist_ok=True)
    next_one = authority.issue("lineage", HOST)
    (lineage / "fullchain.pem").write_text(next_one.certificate.read_text() + authority.root.certificate.read_text())
    (lineage / "privkey.pem").write_text(next_one.key.read_text())
    empty.environment["RENEWED_LINEAGE"] = str(lineage)
    assert "is in use" in empty.cli("tls", "import").stdout
    assert tls.shown(empty.ports["mx"]) == tls.certificate_digest(next_one.certificate)
    del empty.environment["RENEWED_LINEAGE"]
    for prefix in ("LEGO_", "LEGO_HOOK_"):
        other = authority.issue(f"by-{prefix}", HOST)
        empty.environment |= {f"{prefix}CERT_PATH": str(other.certificate), f"{prefix}CERT_KEY_PATH": str(other.key)}
        empty.cli("tls", "import")
        assert tls.shown(empty.ports["mx"]) == tls.certificate_digest(other.certificate)


def test_into_the_files_while_no_gateway_runs(empty: Gateway, authority: Authority) -> None:
    own = authority.issue("offline", HOST)
    empty.initialise()
    take(empty, own)
    assert empty.facts("tls", "show")["certificates"][0]["publicKey"] == tls.key_digest(own.certificate)
    empty.start()
    assert tls.shown(empty.ports["mx"], HOST) == tls.certificate_digest(own.certificate)


def test_what_show_says_can_be_published_as_it_stands(empty: Gateway, authority: Authority) -> None:
    own = authority.issue("shown", HOST, "mx2.postern.test")
    empty.start()
    take(empty, own)
    facts = empty.facts("tls", "show")
    digest = tls.key_digest(own.certificate)
    assert facts["certificates"][0]["names"] == [HOST, "mx2.postern.test"]
    assert facts["tlsa"] == [f"_25._tcp.{host}. IN TLSA 3 1 1 {digest}" for host in (HOST, "mx2.postern.test")]
    policy = facts["policies"][0]
    assert policy["address"] == "https://mta-sts.peer.test/.well-known/mta-sts.txt"
    assert policy["file"] == f"version: STSv1\r\nmode: enforce\r\nmx: {HOST}\r\nmax_age: 604800\r\n"
    assert policy["record"].startswith('_mta-sts.peer.test. IN TXT "v=STSv1; id=')
    text = empty.cli("tls", "show").stdout
    assert digest in text and tls.certificate_digest(own.certificate) in text and HOST in text


def test_what_is_refused(empty: Gateway, authority: Authority, folder: pathlib.Path) -> None:
    empty.start()
    own, other = authority.issue("a", HOST), authority.issue("b", HOST)
    nameless = authority.issue("nameless", "127.0.0.1")
    odd = authority.issue("odd", HOST, algorithm=("ed25519",))
    weak = authority.issue("weak", HOST, algorithm=("rsa:1024",))
    garbage = folder / "garbage.pem"
    garbage.write_text("-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n")
    cases = [
        ((own.certificate, other.key), "do not belong together"), ((nameless.certificate, nameless.key), "names no host"),
        ((odd.certificate, odd.key), "ECDSA P-256"), ((weak.certificate, weak.key), "2048"),
        ((garbage, own.key), "no certificate"), ((own.certificate, garbage), "no private key"), ((own.certificate,), "no key for this")]
    for files, words in cases:
        done = empty.cli("tls", "import", *map(str, files), check=False)
        assert done.returncode == 1 and words in done.stderr, (files, done.stderr)
    assert empty.cli("tls", "import", "/nowhere", "/nowhere", check=False).returncode == 66
    assert empty.cli("tls", "import", check=False).returncode == 64
    assert not empty.facts("tls", "show")["certificates"]
    empty.clock.advance(40 * 86_400)
    expired = empty.cli("tls", "import", str(own.certificate), str(own.key), check=False)
    assert expired.returncode == 1 and "expired" in expired.stderr


def test_a_lock_takes_the_certificates_along(empty: Gateway, authority: Authority) -> None:
    own = authority.issue("locked", HOST)
    empty.start()
    take(empty, own)
    empty.cli("lock")
    assert tls.s_client(empty.ports["mx"]).stdout.count("BEGIN CERTIFICATE") == 0
    empty.cli("unlock", "--as-configured")
    assert tls.shown(empty.ports["mx"]) == tls.certificate_digest(own.certificate)
    assert "removed" in empty.cli("tls", "remove", HOST).stdout
    with empty.connect() as talk:
        talk.ehlo()
        assert "STARTTLS" not in talk.extensions
    assert empty.cli("tls", "remove", HOST, check=False).returncode == 1


def test_level_3_keeps_no_key_in_the_vault(empty: Gateway, authority: Authority) -> None:
    own = authority.issue("three", HOST)
    text = empty.config.read_text()
    empty.initialise()
    empty.config.write_text(text.replace("level = 2", "level = 3", 1))
    done = empty.cli("check", "--offline", check=False)
    assert done.returncode == 1 and "the vault, on a disk of this machine" in done.stdout
    refused = empty.cli("tls", "import", str(own.certificate), str(own.key), check=False)
    assert refused.returncode == 1 and "off-site" in refused.stderr
