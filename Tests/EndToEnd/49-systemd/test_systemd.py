# SPDX-License-Identifier: Apache-2.0
"""
The unit that is shipped, booted by a systemd of its own: sockets handed over, the passphrase from a sealed credential, locked without one,
the worker under the unit's filter, reload, watchdog; and nothing of anybody's mail in the journal.
"""

import os
import pathlib
import re
import signal
import subprocess
import time
from collections.abc import Iterator

import pytest

from harness import canary, machine, message, openpgp
from harness.canary import Canaries
from harness.container import Container
from harness.conversation import Closed, Conversation
from harness.gateway import PASSPHRASE
from harness.peers.certificates import Authority
from harness.peers.nexthop import NextHop

UNITS = machine.REPOSITORY / "packaging/systemd"
WORDS = Canaries()
UNIT = "postern.service"

SETTINGS = """level = 1
hostname = "gateway.postern.test"
data = "/var/lib/postern"
accept = ["keys.test", "{domain}"]
[tls]
certificate = "/etc/postern/certificate.pem"
key = "/etc/postern/key.pem"
[[listener]]
role = "mx"
address = "127.0.0.1"
port = {mx}
[[listener]]
role = "submissions"
address = "127.0.0.1"
port = {submissions}
[[listener]]
role = "local"
[[listener]]
role = "filter"
direction = "outbound"
path = "/var/spool/postfix/postern/filter"
next_hop = "127.0.0.1:{hop}"
[[listener]]
role = "filter"
direction = "outbound"
path = "/run/postern-filter/out"
next_hop = "127.0.0.1:{hop}"
[spool]
directory = "/var/spool/postern"
[[route]]
domain = "keys.test"
relay = "127.0.0.1:{hop}"
recipients = ["brainpool@keys.test"]
[[route]]
domain = "{domain}"
relay = "127.0.0.1:{hop}"
recipients = ["{recipient}@{domain}"]
"""


class Service:
    """The gateway as a unit inside the container."""

    def __init__(self, container: Container, hop: NextHop):
        self.container = container
        free = (port for port in range(1022, 500, -1) if not machine.accepts(port))
        # Below 1024: a user of its own needs a right for them.
        self.mx, self.submissions = next(free), next(free)
        self.settings = SETTINGS.format(mx=self.mx, submissions=self.submissions, hop=hop.port, domain=WORDS.domain, recipient=WORDS.recipient)

    def postern(self, *arguments: str, check: bool = True, stdin: str = "") -> subprocess.CompletedProcess[str]:
        return self.container.run("postern", *arguments, "--config", "/etc/postern/postern.toml", check=check, stdin=stdin)

    def systemctl(self, *arguments: str, check: bool = True) -> subprocess.CompletedProcess[str]:
        return self.container.run("systemctl", *arguments, check=check)

    def show(self, name: str) -> str:
        return self.systemctl("show", "--property", name, "--value", UNIT).stdout.strip()

    def wait_for_status(self, words: str) -> None:
        machine.eventually(lambda: words in self.show("StatusText"), f"the status {words!r}; it is {self.show('StatusText')!r}\n{self.journal()[-3000:]}")

    def process(self) -> pathlib.Path:
        """The gateway's process, as this machine sees it."""
        inside = self.show("MainPID")
        for path in pathlib.Path("/proc").glob("[0-9]*"):
            try:
                numbers = re.search(r"^NSpid:\s+(.+)$", (path / "status").read_text(), re.MULTILINE)
                if numbers and numbers[1].split()[1:] == [inside] and (path / "comm").read_text() == "postern\n":
                    return path
            except OSError:
                continue
        raise AssertionError(f"no process {inside}")

    def journal(self) -> str:
        return self.container.run("journalctl", "--no-pager", "--output=export").stdout

    def connect(self) -> Conversation:
        talk = Conversation(self.mx, source=WORDS.client)
        assert talk.reply().code == 220
        talk.ehlo(WORDS.helo)
        return talk


@pytest.fixture(scope="module")
def hop() -> Iterator[NextHop]:
    peer = NextHop().start()
    yield peer
    peer.stop()


@pytest.fixture(scope="module")
def service(hop: NextHop, authority: Authority) -> Iterator[Service]:
    """Installed as docs/operations.md says, and not started yet."""
    with machine.folder("49") as folder:
        container = Container(folder)
        try:
            container.install(machine.BINARY, "postern")
            made = Service(container, hop)
            etc = container.root / "etc/postern"
            etc.mkdir()
            (etc / "postern.toml").write_text(made.settings)
            certificate = authority.issue("unit", "gateway.postern.test")
            for name, source in (("certificate.pem", certificate.certificate), ("key.pem", certificate.key)):
                (etc / name).write_bytes(source.read_bytes())
                (etc / name).chmod(0o640)
            units = container.root / "etc/systemd/system"
            for unit in ("postern.service", "postern.socket"):
                (units / unit).write_bytes((UNITS / unit).read_bytes())
            (container.root / "usr/lib/sysusers.d/postern.conf").write_bytes((UNITS / "postern.sysusers.conf").read_bytes())
            # The operator's own ports, as `systemctl edit postern.socket` writes them.
            drop_in = units / "postern.socket.d"
            drop_in.mkdir()
            drop_in.joinpath("override.conf").write_text(
                f"[Socket]\nListenStream=\nListenStream=127.0.0.1:{made.mx}\nListenStream=127.0.0.1:{made.submissions}\n")
            container.boot()
            container.run("chgrp", "-R", "postern", "/etc/postern")
            container.run("install", "-d", "-m", "700", "-o", "postern", "-g", "postern", "/var/lib/postern")
            # As the pages say about a filter's socket; `mail` stands for the other server's group.
            container.run("install", "-d", "-o", "postern", "-g", "mail", "-m", "2750", "/var/spool/postfix/postern")
            (container.root / "etc/tmpfiles.d/postern-filter.conf").write_text("d /run/postern-filter 2750 postern mail\n")
            container.run("systemd-tmpfiles", "--create", "postern-filter.conf")
            # As docs/operations.md says about programs.
            container.run("install", "-d", "-m", "1733", "-o", "postern", "-g", "postern", "/var/spool/postern")
            container.run("install", "-m", "600", "-o", "postern", "/dev/stdin", "/run/passphrase", stdin=PASSPHRASE + "\n")
            container.run("runuser", "-u", "postern", "--", "postern", "vault", "init", "--config", "/etc/postern/postern.toml",
                          "--passphrase-file", "/run/passphrase")
            container.run("rm", "/run/passphrase")
            yield made
        finally:
            container.close()


def test_its_exposure_is_at_most_two(service: Service) -> None:
    said = service.container.run("systemd-analyze", "security", "--no-pager", UNIT).stdout
    found = re.search(r"Overall exposure level for \S+: ([\d.]+)", said)
    assert found and float(found[1]) <= 2.0, said


def test_without_a_credential_it_starts_locked(service: Service) -> None:
    service.systemctl("start", UNIT)
    assert service.show("ActiveState") == "active", service.journal()[-3000:]
    service.wait_for_status("locked")
    with Conversation(service.mx) as talk:
        assert talk.reply().code == 421 and talk.closed()
    with Conversation(service.submissions) as talk:
        assert talk.closed()


def test_it_is_unlocked_with_the_passphrase_on_standard_input(service: Service) -> None:
    wrong = service.postern("unlock", stdin="wrong\n", check=False)
    assert wrong.returncode == 1 and "does not open" in wrong.stderr
    service.postern("unlock", stdin=PASSPHRASE + "\n")
    service.wait_for_status("running")
    service.connect().close()
    service.postern("lock")
    service.wait_for_status("locked")


def test_a_sealed_credential_opens_it_at_the_start(service: Service) -> None:
    service.container.run("mkdir", "-p", "-m", "700", "/etc/credstore.encrypted")
    service.container.run("systemd-creds", "encrypt", "--with-key=host", "--name=postern-vault", "-", "/etc/credstore.encrypted/postern-vault",
                          stdin=PASSPHRASE)
    service.systemctl("restart", UNIT)
    service.wait_for_status("running")
    service.connect().close()


def test_it_serves_low_ports_with_no_other_right(service: Service) -> None:
    status = (service.process() / "status").read_text()
    facts = {line.split(":")[0]: line.split()[1:] for line in status.splitlines() if ":" in line}
    assert "0" not in facts["Uid"] and facts["NoNewPrivs"] == ["1"] and facts["Seccomp"] == ["2"]
    # CAP_NET_BIND_SERVICE is number 10.
    assert all(int(facts[name][0], 16) in (0, 1 << 10) for name in ("CapEff", "CapPrm", "CapInh", "CapBnd", "CapAmb"))
    limits = (service.process() / "limits").read_text()
    # The soft limit is raised to the hard one, whatever the container was given.
    assert re.search(r"Max open files\s+(\d+)\s+\1\s", limits) and re.search(r"Max core file size\s+0\s+0", limits), limits
    service.connect().close()


def test_a_message_to_a_brainpool_key_goes_through_the_worker(service: Service, hop: NextHop) -> None:
    service.postern("keys", "import", "-", stdin=openpgp.public_key("brainpool").read_text())
    content = message.simple(WORDS.body, subject=WORDS.subject, sender=f"{WORDS.sender}@far77.test", to="brainpool@keys.test")
    with service.connect() as talk:
        talk.send_mail(f"{WORDS.sender}@far77.test", "brainpool@keys.test", content)
    arrived = hop.wait(1)[0].content
    assert openpgp.is_encrypted(arrived) and WORDS.body.encode() not in arrived
    with machine.folder("gpg") as path:
        gnupg = openpgp.GnuPG(path / "home").import_kinds(["brainpool"])
        assert WORDS.body.encode() in gnupg.decrypt(openpgp.armored_part(arrived))
        gnupg.close()


def test_a_program_of_another_user_sends(service: Service, hop: NextHop) -> None:
    before = len(hop.received)
    content = f"To: {WORDS.recipient}@{WORDS.domain}\nSubject: {WORDS.subject}\n\n{WORDS.body}\n"
    service.container.run("runuser", "-u", "nobody", "--", "postern", "sendmail", "-t", stdin=content)
    arrived = hop.wait(before + 1)[before]
    assert arrived.sender == "nobody@gateway.postern.test" and WORDS.body.encode() in arrived.content


@pytest.mark.parametrize("place", ["/var/spool/postfix/postern/filter", "/run/postern-filter/out"])
def test_a_filters_socket_is_open_to_its_group_alone(service: Service, place: str) -> None:
    facts = service.container.run("stat", "--format=%U %G %a", place).stdout.split()
    assert facts == ["postern", "mail", "660"]


def test_what_a_program_leaves_while_it_is_locked_leaves_after_the_unlock(service: Service, hop: NextHop) -> None:
    before = len(hop.received)
    service.postern("lock")
    content = f"To: {WORDS.recipient}@{WORDS.domain}\nSubject: {WORDS.subject}\n\n{WORDS.body}\n"
    service.container.run("runuser", "-u", "nobody", "--", "postern", "sendmail", "-t", stdin=content)
    spool = service.container.root / "var/spool/postern"
    assert len(list(spool.iterdir())) == 3 and canary.scan_folder(spool, WORDS.all()) == []
    service.postern("unlock", stdin=PASSPHRASE + "\n")
    hop.wait(before + 1)
    machine.eventually(lambda: len(list(spool.iterdir())) == 2, "the spool to be empty")


def test_mail_in_clear_waits_and_leaves(service: Service, hop: NextHop) -> None:
    before = len(hop.received)
    content = message.simple(WORDS.body, subject=WORDS.subject, sender=f"{WORDS.sender}@far77.test", to=f"{WORDS.recipient}@{WORDS.domain}")
    with service.connect() as talk:
        talk.send_mail(f"{WORDS.sender}@far77.test", f"{WORDS.recipient}@{WORDS.domain}", content)
    hop.wait(before + 1)


def test_reload(service: Service) -> None:
    file = service.container.root / "etc/postern/postern.toml"
    with service.connect() as old:
        file.write_text(service.settings.replace('hostname = "gateway.postern.test"', 'hostname = 7'))
        assert service.systemctl("reload", UNIT, check=False).returncode != 0
        assert "postern.toml:2" in service.journal() and "old ones hold on" in service.journal()
        old.expect("NOOP", 250)
        file.write_text(service.settings.replace("level = 1\n", "level = 1\ntag_separator = \"-\"\n"))
        service.systemctl("reload", UNIT)
        old.expect("NOOP", 250)
    service.wait_for_status("running")
    # The same by the signal.
    file.write_text(service.settings)
    service.systemctl("kill", "--signal=HUP", "--kill-who=main", UNIT)
    service.connect().close()
    machine.eventually(lambda: service.show("ActiveState") == "active", "the reload to end")
    assert service.show("NRestarts") == "0"


def test_the_socket_keeps_connections_while_it_restarts(service: Service) -> None:
    # Till now it has bound its ports itself.
    service.systemctl("stop", UNIT)
    service.systemctl("start", "postern.socket", UNIT)
    service.wait_for_status("running")
    restarting = service.systemctl("restart", "--no-block", UNIT)
    assert restarting.returncode == 0
    for _ in range(20):
        try:
            service.connect().close()
        except (Closed, AssertionError):
            # Let in just before the old one ended.
            continue
    service.wait_for_status("running")


def test_when_it_hangs_the_watchdog_starts_it_anew(service: Service) -> None:
    units = service.container.root / "etc/systemd/system/postern.service.d"
    units.mkdir()
    units.joinpath("watchdog.conf").write_text("[Service]\nWatchdogSec=6\nRestartSec=0\nTimeoutAbortSec=3\n")
    service.systemctl("daemon-reload")
    service.systemctl("restart", UNIT)
    service.wait_for_status("running")
    before = service.show("MainPID")
    # Signs of life keep it: longer than one interval without a restart.
    time.sleep(14)
    assert service.show("MainPID") == before and service.show("NRestarts") == "0", service.journal()[-3000:]
    os.kill(int(service.process().name), signal.SIGSTOP)
    machine.eventually(lambda: service.show("NRestarts") == "1" and service.show("MainPID") not in ("0", before), "the watchdog")
    service.wait_for_status("running")
    service.connect().close()


def test_nothing_of_the_mail_is_left_behind(service: Service) -> None:
    words = WORDS.all()
    assert canary.scan_bytes(service.journal().encode(), words, "the journal") == []
    assert canary.scan_bytes(service.systemctl("status", "--no-pager", "--lines=1000", UNIT).stdout.encode(), words, "systemctl status") == []
    assert canary.scan_folder(service.container.root / "var/lib/postern", words) == []
    for name in ("cmdline", "environ"):
        assert canary.scan_bytes((service.process() / name).read_bytes(), [*words, *PASSPHRASE.split()[1:3]], name) == []
    assert PASSPHRASE not in service.journal()


def test_it_stops_when_asked_to(service: Service) -> None:
    service.systemctl("stop", UNIT, "postern.socket")
    assert service.show("Result") == "success" and service.show("ActiveState") == "inactive", service.journal()[-3000:]
    assert not os.path.exists(service.container.root / "run/postern")
