# SPDX-License-Identifier: Apache-2.0
"""
The first day, on a clean Debian booted by systemd: what docs/install-relay.md and docs/install-mx.md tell to type, and what the files of
`postern init` tell, is read from them and typed, until mail comes and goes; then reload, lock and unlock.

The machine is `mail.example.org` and has ports 25, 587 and 465 to itself. On the other end of its cable lives the rest of the world:
the provider's server at smtp.provider.example, and the machine from which swaks tries it.
"""

import contextlib
import os
import pathlib
import re
import subprocess
from collections.abc import Iterator

import pytest

from harness import machine, network, openpgp
from harness.container import Container, tree
from harness.conversation import Conversation
from harness.gateway import PASSWORD
from harness.mailbox import Maildir
from harness.openpgp import GnuPG
from harness.page import Page, commands
from harness.peers.certificates import Authority, Certificate
from harness.peers.nexthop import NextHop

ADDRESS = "192.0.2.25"
PROVIDER_PASSWORD = "given by the provider"
HOSTS = f"127.0.0.1 localhost\n{ADDRESS} mail.example.org\n{Container.NEIGHBOUR} smtp.provider.example\n"
# The name of its own, as a hoster or Debian's installer would set it.
HOSTNAME = "mail.example.org"

# What is not typed as it stands. A word in capitals is done by `Day` itself.
INSTEAD = {
    # The build that these tests are for is there.
    "scripts/setup build": "", "swift build -c release --product postern": "",
    # Run here, with the container as its root.
    "scripts/install": "",
    # The machine has its name, and no bus to ask for another.
    "hostnamectl set-hostname mail.example.org": "",
    # No authority on the Internet can be asked: a certificate is put where certbot keeps it.
    "apt install certbot": "", "certbot certonly --standalone -d mail.example.org": "CERTIFICATE",
}


class Day:
    """A clean machine, and somebody who types."""

    def __init__(self, folder: pathlib.Path, authority: Authority):
        self.folder = folder
        self.certificate = authority.issue("first-day", HOSTNAME)
        self.passphrase = ""
        self.container = Container(folder, ADDRESS)
        root = self.container.root
        subprocess.run([machine.REPOSITORY / "scripts/install", root], check=True, capture_output=True,
                       env={**os.environ, "POSTERN_RELEASE_BINARY": str(machine.BINARY)})
        for place in (root / "etc/hosts", folder / "hosts"):
            place.write_text(HOSTS)
        (root / "etc/hostname").write_text(HOSTNAME + "\n")
        # The provider's certificate is from an authority that this machine knows.
        (root / "usr/local/share/ca-certificates/world.crt").write_bytes(authority.root.certificate.read_bytes())
        self.container.boot()
        self.container.run("update-ca-certificates")

    def close(self) -> None:
        self.container.close()

    def run(self, command: str, stdin: str = "", check: bool = True) -> str:
        done = self.container.run("bash", "-c", f"cd /root; {command}", stdin=stdin, check=check)
        return done.stdout + done.stderr

    def type(self, command: str) -> str:
        """Types a command as it stands, unless INSTEAD says otherwise; what it prints."""
        command = INSTEAD.get(command, command)
        if command == "CERTIFICATE":
            self.put_certificate()
        elif "/dev/stdin" in command:
            return self.run(command, stdin=PROVIDER_PASSWORD + "\n")
        elif command.startswith("postern user add"):
            return self.container.type(f"cd /root; {command}", ("New password", PASSWORD), ("The same again", PASSWORD)).stdout
        elif command.startswith("postern unlock"):
            return self.container.type(f"cd /root; {command}", ("Passphrase of the vault", self.passphrase)).stdout
        elif command:
            said = self.run(command)
            if command.startswith("cat /run/postern-passphrase"):
                self.passphrase = said.strip()
            return said
        return ""

    def type_all(self, lines: list[str]) -> None:
        for line in lines:
            self.type(line)

    def follow(self, name: str) -> None:
        """Types the commands of a file that `init` wrote."""
        self.type_all(commands(self.run(f"cat /etc/postern/{name}")))

    def put_certificate(self) -> None:
        live = self.container.root / "etc/letsencrypt/live" / HOSTNAME
        live.mkdir(parents=True)
        live.parent.chmod(0o700)
        (live / "fullchain.pem").write_bytes(self.certificate.certificate.read_bytes())
        (live / "privkey.pem").write_bytes(self.certificate.key.read_bytes())
        (live / "privkey.pem").chmod(0o600)

    def from_elsewhere(self, command: str) -> str:
        """Typed on the other machine; it is asked for alice's password there."""
        password = f" --auth-password '{PASSWORD}'" if "--auth-user" in command else ""
        done = subprocess.run(
            [machine.program("unshare"), "--mount", "sh", "-c", f"mount --bind {self.folder}/hosts /etc/hosts && exec {command}{password}"],
            capture_output=True, text=True, timeout=machine.PATIENCE, stdin=subprocess.DEVNULL)
        assert done.returncode == 0, done.stdout + done.stderr
        return done.stdout

    def serve_ssh(self) -> None:
        """Lets the operator's key in, as a hoster sets a machine up."""
        key = subprocess.run([machine.program("dropbearkey"), "-t", "ed25519", "-f", self.folder / "ssh-key"], capture_output=True, text=True, check=True)
        home = self.container.root / "root/.ssh"
        home.mkdir(mode=0o700, exist_ok=True)
        (home / "authorized_keys").write_text(next(line for line in key.stdout.splitlines() if line.startswith("ssh-")) + "\n")
        (home / "authorized_keys").chmod(0o600)
        self.run("mkdir -p /etc/dropbear && dropbear -R -s -E -p 22 >/dev/null 2>&1")

    def over_ssh(self, command: str, stdin: str) -> str:
        """A command that begins with `ssh`, typed on the operator's own machine."""
        client = f"{machine.program('dbclient')} -y -y -i {self.folder}/ssh-key"
        done = subprocess.run(
            [machine.program("unshare"), "--mount", "sh", "-c",
             f"mount --bind {self.folder}/hosts /etc/hosts && exec {command.replace('ssh', client, 1)}"],
            input=stdin, capture_output=True, text=True, timeout=machine.PATIENCE)
        assert done.returncode == 0, done.stdout + done.stderr
        return done.stdout

    def status_of_unit(self) -> str:
        return self.run("systemctl show --property StatusText --value postern").strip()


@contextlib.contextmanager
def first_day(authority: Authority) -> Iterator[Day]:
    # Made while there is a mirror to be reached.
    tree()
    with machine.folder("60") as folder, network.private():
        day = None
        try:
            day = Day(folder, authority)
            yield day
        finally:
            if day:
                day.close()


def no_fault(said: str) -> None:
    assert "No fault was found" in said and not re.search(r"^fault", said, re.MULTILINE), said


class TestRelay:
    PAGE = Page("install-relay.md")

    @pytest.fixture(scope="class")
    def day(self, authority: Authority) -> Iterator[Day]:
        with first_day(authority) as day:
            yield day

    @pytest.fixture(scope="class")
    def provider(self, day: Day, authority: Authority) -> Iterator[NextHop]:
        """It takes mail on port 587 with STARTTLS, from those who sign in."""
        made = authority.issue("provider", "smtp.provider.example")
        hop = NextHop(certificate=Certificate(made.certificate, made.key), address=Container.NEIGHBOUR, port=587)
        hop.extensions += ("AUTH PLAIN",)
        hop.start()
        yield hop
        hop.stop()

    def test_installation_certificate_and_settings(self, day: Day, provider: NextHop) -> None:
        for title in ("1. Install", "2. A certificate", "3. Settings"):
            day.type_all(self.PAGE.section(title).commands)
        # The page names the files in the order in which they are to be followed.
        files = re.findall(r"^\d\. `/etc/postern/(\S+)`", self.PAGE.section("3. Settings").text, re.MULTILINE)
        written = day.run("ls /etc/postern").split()
        assert files == ["certificate.txt", "systemd.txt", "programs.txt"] and set(files) < set(written)
        # The last is for other programs.
        for name in files[:2]:
            day.follow(name)
        assert day.status_of_unit() == "running" and day.passphrase

    def test_check_finds_no_fault(self, day: Day) -> None:
        said, = map(day.type, self.PAGE.section("4. Check").commands)
        no_fault(said)
        assert "unknown" not in said.split("how it is")[1], said
        assert "proves its name with TLS, takes the sign-in" in said

    def test_people_and_keys(self, day: Day, gnupg: GnuPG) -> None:
        (day.container.root / "root/friends.asc").write_bytes(gnupg.make_key("Friend <friend@example.net>"))
        add, load, explain = self.PAGE.section("5. People").commands
        said = day.type(add)
        assert "alice is added" in said and "Note" not in said, said
        assert "friend@example.net" in day.type(load)
        assert "encrypted" in day.type(explain)

    def test_mail_goes_out_through_the_provider(self, day: Day, provider: NextHop, gnupg: GnuPG) -> None:
        swaks, status, trace = self.PAGE.section("6. See").commands
        said = day.from_elsewhere(swaks)
        arrived = provider.wait_for("you@example.net")
        assert arrived.tls and arrived.sender == "alice@example.org" and b"This is a test mailing" in arrived.body
        assert any(line.startswith("AUTH PLAIN") for line in provider.commands)
        identifier = re.search(r"queued as (\w+)", said)
        assert identifier and "ID" in trace
        machine.eventually(lambda: "1 delivered" in day.type(status), "status to tell of the delivery")
        assert "delivered" in day.type(trace.replace("ID", identifier[1]))
        day.from_elsewhere(swaks.replace("you@example.net", "friend@example.net"))
        sealed = provider.wait_for("friend@example.net").content
        assert openpgp.is_encrypted(sealed) and b"This is a test mailing" in gnupg.decrypt(openpgp.armored_part(sealed))

    def test_reload_lock_and_unlock(self, day: Day, provider: NextHop) -> None:
        reload, lock, unlock = self.PAGE.section("7. From now on").commands
        day.type(reload)
        day.type(lock)
        assert day.status_of_unit().startswith("locked")
        with Conversation(587, ADDRESS, Container.NEIGHBOUR) as talk:
            assert talk.reply().code == 421
        day.type(unlock)
        assert day.status_of_unit() == "running"
        before = len(provider.received)
        day.from_elsewhere(self.PAGE.section("6. See").commands[0])
        provider.wait(before + 1)

    def test_lock_and_unlock_from_the_operators_own_machine(self, day: Day) -> None:
        """The passphrase comes over the wire of SSH and never lies on the gateway's machine."""
        lock, _, unlock = Page("operations.md").section("Lock and unlock").commands
        day.serve_ssh()
        assert "locked" in day.over_ssh(lock, "")
        assert day.status_of_unit().startswith("locked")
        told, _, unlock = unlock.partition(" | ")
        assert told == "pass show postern"
        assert "open" in day.over_ssh(unlock, day.passphrase + "\n")
        assert day.status_of_unit() == "running"
        assert day.passphrase not in day.run("cat /proc/[0-9]*/cmdline | tr '\\0' ' '; journalctl --no-pager")

    def test_commands_find_the_gateway_of_the_machine_by_themselves(self, day: Day) -> None:
        """As docs/operations.md writes them."""
        for command in ("status", "queue list", "keys list", "user list", "lock"):
            day.run(f"postern {command}")
        day.type("postern unlock")
        day.run("systemctl stop postern")
        assert "systemctl start postern" in day.run("postern status", check=False)
        assert "systemctl start postern" in day.run("postern user list", check=False)
        day.run("systemctl start postern")

    def test_postern_socket_takes_the_ports_over(self, day: Day) -> None:
        section = Page("operations.md").section("As a service").text
        lines = re.findall(r"^      (systemctl .*)$", section, re.MULTILINE)
        assert len(lines) == 3
        # A relay has no port 25.
        drop_in = day.container.root / "etc/systemd/system/postern.socket.d"
        drop_in.mkdir()
        words = re.search(r"the lines (`\[Socket\]`[^.]*)\. A listener", section)
        assert words
        drop_in.joinpath("override.conf").write_text("\n".join(re.findall(r"`([^`]+)`", words[1])) + "\n")
        day.run("systemctl daemon-reload")
        day.type_all(lines)
        assert "alarms:      none" in day.run("postern status")
        assert "postern.socket" in day.run("systemctl list-sockets --no-pager")

    def test_the_toolchain_is_not_needed(self, day: Day) -> None:
        assert not (day.container.root / "opt").joinpath("swift").exists()
        assert "not found" not in day.run("ldd /usr/lib/postern/postern")

    def test_undo(self, day: Day) -> None:
        day.type_all(self.PAGE.section("Undo").commands)
        assert day.run("systemctl is-active postern", check=False).strip() == "inactive"


class TestMailServer:
    PAGE = Page("install-mx.md")

    @pytest.fixture(scope="class")
    def day(self, authority: Authority) -> Iterator[Day]:
        with first_day(authority) as day:
            yield day

    def test_installation_and_settings(self, day: Day) -> None:
        # Without Dovecot, which is a section of its own.
        for title in ("1. Install", "2. A name", "3. Settings"):
            day.type_all(self.PAGE.section(title).commands)
        assert "example.org.     IN MX    10 mail.example.org." in day.run("cat /etc/postern/dns.txt")
        files = re.findall(r"^\d\. `(\w+\.txt)`", self.PAGE.section("3. Settings").text, re.MULTILINE)
        assert files == ["dns.txt", "dovecot.txt", "certificate.txt", "systemd.txt"]
        for name in files[2:]:
            day.follow(name)
        assert day.status_of_unit() == "running"

    def test_check_finds_no_fault(self, day: Day) -> None:
        """Names can't be looked up here: that is unknown, and no fault."""
        for command in self.PAGE.section("4. Check").commands:
            no_fault(day.type(command))

    def test_users_and_keys(self, day: Day, gnupg: GnuPG) -> None:
        (day.container.root / "root/alice.asc").write_bytes(gnupg.make_key("Alice <alice@example.org>"))
        day.type_all(self.PAGE.section("5. Users and keys").commands)

    def test_a_strangers_mail_lies_encrypted_in_the_mailbox(self, day: Day, gnupg: GnuPG) -> None:
        swaks, *others = self.PAGE.section("6. See").commands
        day.from_elsewhere(swaks)
        content = Maildir(day.container.root / "var/lib/postern/mail/alice").find("PGP MESSAGE")
        assert b"This is a test mailing" in gnupg.decrypt(openpgp.armored_part(content))
        day.type_all(others)

    def test_a_user_writes_to_the_alias(self, day: Day) -> None:
        """By port 465, as her mail program would."""
        day.from_elsewhere("swaks --server mail.example.org:465 --tls-on-connect --auth-user alice --from alice@example.org "
                           "--to postmaster@example.org")
        mailbox = day.container.root / "var/lib/postern/mail/alice/new"
        machine.eventually(lambda: len(list(mailbox.iterdir())) == 2, "the second message")


def test_nothing_of_the_table_is_out_of_date() -> None:
    typed = {line for name in ("install-relay.md", "install-mx.md") for section in Page(name).sections for line in section.commands}
    missing = [line for line in INSTEAD if not any(command.split("  ")[0] == line for command in typed)]
    assert not missing
