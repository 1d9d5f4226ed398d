# SPDX-License-Identifier: Apache-2.0
"""A private Exim, unpacked and never installed, because Debian's Exim and Postfix exclude each other (scripts/exim)."""

import os
import pathlib
import pwd
import subprocess

from harness import machine
from harness.mailbox import Maildir

ROOT = machine.REPOSITORY / ".build" / "exim"
# Debian's Exim looks itself up by this name; everything here runs as this user, nothing as root.
USER = "Debian-exim"

CONFIGURATION = """\
primary_hostname = exim.test
exim_user = {user}
exim_group = {user}
exim_path = {program}
spool_directory = {folder}/spool
log_file_path = {folder}/log/%s
pid_file_path = {folder}/exim.pid
deliver_drop_privilege
keep_environment = LD_LIBRARY_PATH : PATH
trusted_users = root
local_interfaces = <; {interfaces}
domainlist local_domains = {domains}
host_lookup =
rfc1413_hosts =
tls_advertise_hosts =
dsn_advertise_hosts = *
smtputf8_advertise_hosts = *
smtp_accept_max = 0
smtp_accept_queue_per_connection = 0
acl_smtp_rcpt = rcpt
{main}

begin acl
rcpt:
{acl}

begin routers
{routers}
local:
  driver = accept
  domains = +local_domains
  transport = maildir
outside:
  driver = manualroute
  transport = outside
  route_list = * 127.0.0.1
  self = send

begin transports
{transports}
maildir:
  driver = appendfile
  directory = {folder}/mail/all
  maildir_format
  create_directory
  user = {user}
outside:
  driver = smtp
  port = {outside}
  hosts_avoid_tls = *

begin retry
* * F,1h,1m
"""


def make_user() -> pwd.struct_passwd:
    """The user that Debian's package would make."""
    try:
        return pwd.getpwnam(USER)
    except KeyError:
        subprocess.run(
            [machine.program("useradd"), "--system", "--user-group", "--no-create-home", "--home-dir", "/nonexistent",
             "--shell", "/usr/sbin/nologin", USER], check=True)
        return pwd.getpwnam(USER)


class Exim:
    """
    Every address of `domains` exists unless `acl` says otherwise, all mail in one Maildir; mail for others goes to `outside`.
    `acl`, `routers` and `transports` are Exim's own words, `ports` where it listens.
    """

    def __init__(self, folder: pathlib.Path, domains: list[str], ports: list[int], outside: int = 1, main: str = "",
                 acl: str = "  accept", routers: str = "", transports: str = ""):
        self.program = ROOT / "usr" / "sbin" / "exim4"
        assert self.program.exists(), f"{self.program} is missing; scripts/setup test unpacks it"
        self.folder = folder
        self.ports = ports
        self.process: subprocess.Popen[bytes] | None = None
        user = make_user()
        for name in ("spool", "log", "mail"):
            (folder / name).mkdir(parents=True)
            os.chown(folder / name, user.pw_uid, user.pw_gid)
        os.chown(folder, user.pw_uid, user.pw_gid)
        folder.chmod(0o755)
        self.configuration = folder / "exim.conf"
        self.configuration.write_text(CONFIGURATION.format(
            user=USER, program=self.program, folder=folder, interfaces=" ; ".join(f"127.0.0.1.{port}" for port in ports), domains=" : ".join(domains),
            main=main, acl=acl, routers=routers, transports=transports, outside=outside))

    @property
    def env(self) -> dict[str, str]:
        libraries = ":".join(str(ROOT / path) for path in ("usr/lib/x86_64-linux-gnu", "usr/lib/aarch64-linux-gnu"))
        return {"PATH": os.environ.get("PATH", ""), "LD_LIBRARY_PATH": libraries}

    def start(self) -> "Exim":
        self.process = subprocess.Popen(
            self._command("-bdf"), stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=(self.folder / "stderr").open("wb"),
            env=self.env)
        for port in self.ports:
            machine.eventually(lambda port=port: machine.accepts(port), f"Exim on port {port}: {self.log()}")
        return self

    def stop(self) -> None:
        assert self.process
        self.process.terminate()
        self.process.wait(machine.PATIENCE)

    def run_queue(self) -> None:
        """One run over everything that waits, whatever its time."""
        subprocess.run(self._command("-qff"), env=self.env, check=True, stdin=subprocess.DEVNULL)

    def waiting(self) -> int:
        """Messages in the spool."""
        done = subprocess.run(self._command("-bpc"), env=self.env, check=True, capture_output=True, text=True)
        return int(done.stdout)

    def hand_in(self, sender: str, recipient: str, message: bytes) -> None:
        """What a local program does: `sendmail -f SENDER RECIPIENT`."""
        subprocess.run(self._command("-i", "-f", sender, recipient), env=self.env, check=True, input=message.replace(b"\r\n", b"\n"))

    def _command(self, *arguments: str) -> list[str]:
        return [str(self.program), "-C", str(self.configuration), *arguments]

    def log(self) -> str:
        paths = [*(self.folder / "log").glob("*"), self.folder / "stderr"]
        return "\n".join(path.read_text(errors="replace") for path in paths if path.exists())

    def maildir(self) -> Maildir:
        return Maildir(self.folder / "mail" / "all")
