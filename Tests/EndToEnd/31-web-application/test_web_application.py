# SPDX-License-Identifier: Apache-2.0
"""
What web applications send is protected: PHP's mail(), PHPMailer and Python hand over mail; a recipient with a key gets it encrypted, HTML
and attachments whole, and nothing tells of scripts, paths and visitors.
"""

import email
import email.policy
import re
import subprocess
import sys

import pytest

from harness import machine, message, openpgp
from harness.canary import scan_bytes
from harness.gateway import Gateway
from harness.openpgp import GnuPG
from harness.peers.nexthop import NextHop
from harness.programs import run

HIDDEN = ["magpie55subject", "jackdaw66body", "rook77attachment", "192.0.2.77", "wp-mail", "mail.php", "phpmailer"]
VISITOR = {"REMOTE_ADDR": "192.0.2.77", "PATH": "/usr/sbin:/usr/bin:/sbin:/bin"}


@pytest.fixture(scope="module")
def gateway(make_gateway, nexthop: NextHop, gnupg: GnuPG) -> Gateway:
    made = make_gateway(relay_port=nexthop.port).start()
    made.import_key(gnupg.make_key("Keyed <keyed@far.test>"))
    return made


@pytest.fixture
def hop(nexthop: NextHop) -> NextHop:
    nexthop.received.clear()
    return nexthop


def php(gateway: Gateway, script: str, *arguments: str) -> None:
    """Debian's php as a web server's user, sent through `sendmail_path`."""
    path = f"{machine.BINARY} sendmail --config {gateway.config} -t -i"
    source = machine.REPOSITORY / "Tests/EndToEnd/31-web-application" / script
    done = run("www-data", [machine.program("php"), "-d", f"sendmail_path={path}", "-d", "mail.add_x_header=On", source, *arguments],
               env=VISITOR)
    assert done.returncode == 0, done.stdout + done.stderr


def keyed(hop: NextHop, gnupg: GnuPG) -> bytes:
    """The inside of the keyed recipient's copy; its outside shows nothing."""
    sealed = hop.wait_for("keyed@far.test").content
    assert openpgp.is_encrypted(sealed) and message.field(sealed, "Subject") == "[...]"
    assert scan_bytes(sealed, HIDDEN, "the encrypted copy") == []
    inside = gnupg.decrypt(openpgp.armored_part(sealed))
    for telltale in (b"192.0.2.77", b"X-PHP", b"X-Mailer", b"Originating", b"hidden@far.test", b"/work/", b".php"):
        assert telltale not in inside, telltale
    return inside


def clear(hop: NextHop, recipient: str) -> bytes:
    """The copy of a recipient without a key, which only loses what betrays."""
    content = hop.wait_for(recipient).content
    for telltale in (b"192.0.2.77", b"X-PHP", b"X-Mailer", b"Originating", b"Bcc"):
        assert telltale not in content, telltale
    return content


def test_php_mail(gateway: Gateway, hop: NextHop, gnupg: GnuPG) -> None:
    php(gateway, "mail.php")
    inside = keyed(hop, gnupg)
    assert re.search(rb"(?im)^Content-Type: text/html; charset=\"?utf-8", inside)
    assert openpgp.inner_body(inside).strip() == b"<html><body><p>jackdaw66body</p></body></html>"
    assert message.field(inside, "Subject") == "magpie55subject"
    plain = clear(hop, "plain@far.test")
    assert message.field(plain, "Content-Type") == "text/html; charset=utf-8"
    assert hop.wait_for("plain@far.test").sender == "site@web.test"


def test_php_mail_with_a_sender(gateway: Gateway, hop: NextHop) -> None:
    php(gateway, "mail.php", "-fbounces@blog.test")
    assert hop.wait_for("plain@far.test").sender == "bounces@blog.test"


def test_php_mail_learns_of_a_refusal(gateway: Gateway, hop: NextHop) -> None:
    with pytest.raises(AssertionError):
        php(gateway, "mail.php", "-fceo@elsewhere.test")
    assert not hop.received


@pytest.mark.parametrize("way", ["sendmail", "smtp"])
def test_phpmailer(gateway: Gateway, hop: NextHop, gnupg: GnuPG, way: str) -> None:
    php(gateway, "phpmailer.php", way, str(gateway.ports["mx"]))
    parsed = email.message_from_bytes(keyed(hop, gnupg), policy=email.policy.default)
    assert parsed["Subject"] == "magpie55subject"
    kinds = {part.get_content_type() for part in parsed.walk()}
    assert {"text/html", "text/plain", "application/pdf"} <= kinds
    attachment = next(part for part in parsed.walk() if part.get_content_type() == "application/pdf")
    assert attachment.get_content() == b"%PDF-1.4 rook77attachment" and attachment.get_filename() == "rook77.pdf"
    html = next(part for part in parsed.walk() if part.get_content_type() == "text/html")
    assert html.get_content().strip() == "<html><body><p>jackdaw66body</p></body></html>"
    for recipient in ("plain@far.test", "hidden@far.test"):
        assert b"hidden@far.test" not in clear(hop, recipient)


PYTHON = """
import email.message, smtplib, subprocess, sys
mail = email.message.EmailMessage()
mail["From"], mail["To"], mail["Subject"] = "site@web.test", "keyed@far.test, plain@far.test", "magpie55subject"
mail["X-Originating-IP"] = "192.0.2.77"
mail.set_content("jackdaw66body\\n.\\nand on\\n")
if sys.argv[1] == "smtp":
    with smtplib.SMTP("127.0.0.1", int(sys.argv[2])) as server:
        server.send_message(mail)
else:
    subprocess.run(sys.argv[2:], input=mail.as_bytes(), check=True)
"""


@pytest.mark.parametrize("way", ["sendmail", "smtp"])
def test_python(gateway: Gateway, hop: NextHop, gnupg: GnuPG, way: str) -> None:
    sendmail = [machine.BINARY, "sendmail", "--config", gateway.config, "-t", "-oi"]
    more = sendmail if way == "sendmail" else [gateway.ports["mx"]]
    done = run("www-data", [sys.executable, "-c", PYTHON, way, *more])
    assert done.returncode == 0, done.stderr
    assert openpgp.inner_body(keyed(hop, gnupg)) == b"jackdaw66body\r\n.\r\nand on\r\n"
    assert message.split(clear(hop, "plain@far.test"))[1] == b"jackdaw66body\r\n.\r\nand on\r\n"


def test_a_message_is_never_on_a_command_line(gateway: Gateway) -> None:
    """While `sendmail` waits for its message, the process list shows its switches and nothing else."""
    from harness.programs import as_user
    waiting = subprocess.Popen(as_user("www-data") + [str(machine.BINARY), "sendmail", "--config", str(gateway.config), "-t"],
                               stdin=subprocess.PIPE, cwd="/")
    assert waiting.stdin
    waiting.stdin.write(b"To: plain@far.test\nSubject: magpie55subject\n\njackdaw66body\n")
    waiting.stdin.flush()
    shown = open(f"/proc/{waiting.pid}/cmdline", "rb").read()
    waiting.stdin.close()
    assert waiting.wait(machine.PATIENCE) == 0
    assert scan_bytes(shown, [*HIDDEN[:3], "plain@far.test"], "the command line") == []
