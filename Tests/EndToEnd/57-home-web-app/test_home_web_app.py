# SPDX-License-Identifier: Apache-2.0
"""
A web server whose PHP, PHPMailer and cron send through Postern, set up in a copy of this machine as docs/install-web-app.md says, with the
files that `postern init` wrote put where they say.
"""

import email
import email.policy
import pathlib
import re
import signal
import subprocess
from collections.abc import Iterator

import pytest

from harness import machine, message, openpgp, setup
from harness.canary import scan_bytes
from harness.openpgp import GnuPG
from harness.peers.nexthop import NextHop
from harness.replica import InstalledGateway, Replica

CASE = pathlib.Path(__file__).parent
HIDDEN = ["magpie57subject", "jackdaw57body", "rook57attachment", "192.0.2.77", "mail.php", "phpmailer"]


@pytest.fixture(scope="module")
def nexthop(home: None) -> Iterator[NextHop]:
    """The mail server that the machine has already, on port 25."""
    hop = NextHop(port=25).start()
    yield hop
    hop.stop()


@pytest.fixture
def hop(nexthop: NextHop) -> NextHop:
    nexthop.received.clear()
    return nexthop


@pytest.fixture(scope="module")
def server(home: None) -> Iterator[Replica]:
    with machine.folder("57") as folder, Replica(folder, "www.home.test") as made:
        yield made


@pytest.fixture(scope="module")
def report(server: Replica, nexthop: NextHop) -> dict:
    return server.init("--for", "web-app", "--level", "1", "--domain", "home.test")


@pytest.fixture(scope="module")
def gateway(server: Replica, report: dict, gnupg: GnuPG) -> Iterator[InstalledGateway]:
    made = server.gateway().start()
    made.import_key(gnupg.make_key("Keyed <keyed@far.test>"))
    yield made
    made.end()


@pytest.fixture(scope="module")
def php_settings(server: Replica, report: dict) -> str:
    """php.txt, put where it says."""
    text = server.written("php.txt")
    place = re.search(r"^; +(/etc/php/\S+)/99-postern\.ini$", text, re.MULTILINE)
    assert place, text
    folders = server.glob(place[1])
    assert folders, f"php.txt names {place[1]}, where nothing is"
    for folder in folders:
        server.write(f"{folder}/99-postern.ini", text)
    return text


@pytest.fixture(scope="module")
def sendmail(server: Replica, report: dict) -> None:
    """sendmail.txt, followed."""
    server.follow("sendmail.txt")


def php(server: Replica, *script: str) -> None:
    server.run("runuser", "-u", "www-data", "--", "php", "-d", "mail.add_x_header=On", CASE / script[0], *script[1:],
               REMOTE_ADDR="192.0.2.77")


def keyed(hop: NextHop, gnupg: GnuPG) -> bytes:
    """The inside of the keyed recipient's copy; its outside shows nothing, and neither tells of scripts, paths and visitors."""
    sealed = hop.wait_for("keyed@far.test").content
    assert openpgp.is_encrypted(sealed) and message.field(sealed, "Subject") == "[...]"
    assert scan_bytes(sealed, HIDDEN, "the encrypted copy") == []
    return clean(gnupg.decrypt(openpgp.armored_part(sealed)))


def clean(content: bytes) -> bytes:
    for telltale in (b"192.0.2.77", b"X-PHP", b"X-Mailer", b"Originating", b".php", b"/Tests/"):
        assert telltale not in content, telltale
    return content


def test_init_finds_the_mail_server_php_and_its_user(server: Replica, report: dict) -> None:
    text = server.written("postern.toml")
    assert 'relay = "127.0.0.1:25"' in text and 'users = ["www-data"]' in text and 'hostname = "www.home.test"' in text
    assert "belongs to the package postfix" in server.written("sendmail.txt")
    assert report["found"]["sendmail"]["php"]


def test_check_finds_no_fault(gateway: InstalledGateway) -> None:
    trials = setup.trials(gateway)
    assert not [t for t in trials if t["state"] == "fault"], trials
    assert any(t["what"] == "next hop" and t["state"] == "ok" for t in trials)


def test_php_mail(gateway: InstalledGateway, server: Replica, php_settings: str, hop: NextHop, gnupg: GnuPG) -> None:
    php(server, "mail.php")
    inside = keyed(hop, gnupg)
    assert openpgp.inner_body(inside) == b"jackdaw57body\r\n" and message.field(inside, "Subject") == "magpie57subject"
    plain = hop.wait_for("plain@far.test")
    assert clean(plain.content) and plain.body == b"jackdaw57body\r\n"


@pytest.mark.parametrize("way", ["mail", "sendmail"])
def test_phpmailer(way: str, gateway: InstalledGateway, server: Replica, php_settings: str, hop: NextHop, gnupg: GnuPG) -> None:
    php(server, "phpmailer.php", way)
    parsed = email.message_from_bytes(keyed(hop, gnupg), policy=email.policy.default)
    attachment = next(part for part in parsed.walk() if part.get_content_type() == "application/pdf")
    assert attachment.get_content() == b"%PDF-1.4 rook57attachment"
    assert clean(hop.wait_for("plain@far.test").content)
    assert hop.wait_for("plain@far.test").sender == "blog@home.test"


def test_a_sender_of_another_domain_is_refused(gateway: InstalledGateway, server: Replica, hop: NextHop) -> None:
    done = server.run("runuser", "-u", "www-data", "--", "/usr/bin/postern", "sendmail", "-f", "ceo@elsewhere.test", "x@far.test",
                      stdin="Subject: x\n\nx\n", check=False)
    assert done.returncode in (69, 77) and not hop.received


def test_what_calls_sendmail_goes_through_postern_as_sendmail_txt_says(
        gateway: InstalledGateway, server: Replica, sendmail: None, hop: NextHop) -> None:
    words = server.written("sendmail.txt").split("# Try:\n")[1]
    server.shell(words.replace("#", ""))
    came = hop.wait_for("you@example.net")
    assert came.sender == "web@home.test" and came.body == b"hello\r\n"
    assert b"www.home.test" in came.header, "it came by the gateway"


@pytest.fixture
def cron(server: Replica, sendmail: None) -> Iterator[None]:
    """The copy's own cron, with one job of root's and one of the web server's, and none of the machine's."""
    server.shell("""
        rm -rf /etc/crontab /etc/cron.d /etc/cron.hourly /etc/cron.daily /etc/cron.weekly /etc/cron.monthly
        mkdir -p /etc/cron.d
        echo '* * * * * echo output of the heron job' | crontab -u root -
        printf 'MAILTO=root\\n* * * * * echo output of the egret job\\n' | crontab -u www-data -
    """)
    # The machine's own rules ask for an audit system that a container lacks.
    server.write("/etc/pam.d/cron", "auth required pam_permit.so\naccount required pam_permit.so\nsession required pam_permit.so\n")
    process = subprocess.Popen(server.words("cron", "-f"), env=server.env, start_new_session=True)
    yield
    process.send_signal(signal.SIGTERM)
    process.wait(machine.PATIENCE)


def test_mail_of_cron_goes_to_whom_roots_alias_names(
        gateway: InstalledGateway, server: Replica, cron: None, hop: NextHop, gnupg: GnuPG) -> None:
    gateway.add_alias("root@home.test", "keyed@far.test")

    def came() -> set[bytes]:
        insides = [gnupg.decrypt(openpgp.armored_part(m.content)) for m in list(hop.received) if m.recipient == "keyed@far.test"]
        return {name for name in (b"heron", b"egret") for inside in insides if name in inside}

    machine.eventually(lambda: came() == {b"heron", b"egret"}, f"mail from cron: {gateway.log()}", machine.PATIENCE + 120)


def test_undone_as_sendmail_txt_says(server: Replica, sendmail: None) -> None:
    undo = server.written("sendmail.txt").split("# Undo:\n")[1].split("\n\n")[0]
    server.shell(undo.replace("#", ""))
    assert server.run("dpkg-divert", "--list", "/usr/sbin/sendmail").stdout == ""
    assert server.path("/usr/sbin/sendmail").read_bytes()[:4] == b"\x7fELF"
