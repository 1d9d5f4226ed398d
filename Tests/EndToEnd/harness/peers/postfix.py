# SPDX-License-Identifier: Apache-2.0
"""A private Postfix that takes mail for its domains into Maildirs, and its load tools."""

import os
import pathlib
import subprocess

from harness import machine
from harness.mailbox import Maildir
from harness.peers.certificates import Certificate

MAIN = """\
compatibility_level = 3.6
queue_directory = {folder}/queue
data_directory = {folder}/state
maillog_file = {folder}/log
maillog_file_prefixes = {folder}
inet_interfaces = 127.0.0.1
inet_protocols = ipv4
myhostname = localhost
mydestination =
mynetworks =
alias_maps =
local_recipient_maps =
smtpd_relay_restrictions = reject_unauth_destination
message_size_limit = 104857600
mailbox_size_limit = 0
virtual_mailbox_limit = 0
virtual_mailbox_domains = {domains}
virtual_mailbox_base = {folder}/mail
virtual_mailbox_maps = {mailbox_maps}
virtual_minimum_uid = 1
virtual_uid_maps = static:{uid}
virtual_gid_maps = static:{gid}
smtpd_tls_security_level = {tls}
smtpd_tls_cert_file = {certificate}
smtpd_tls_key_file = {key}
smtpd_tls_received_header = yes
smtputf8_enable = yes
smtpd_client_connection_rate_limit = 0
"""

MASTER = """\
{port} inet n - n - - smtpd
postlog unix-dgram n - n - 1 postlogd
pickup unix n - n 60 1 pickup
cleanup unix n - n - 0 cleanup
qmgr unix n - n 300 1 qmgr
tlsmgr unix - - n 1000? 1 tlsmgr
rewrite unix - - n - - trivial-rewrite
bounce unix - - n - 0 bounce
defer unix - - n - 0 bounce
trace unix - - n - 0 bounce
verify unix - - n - 1 verify
flush unix n - n 1000? 0 flush
proxymap unix - - n - - proxymap
proxywrite unix - - n - 1 proxymap
smtp unix - - n - - smtp
relay unix - - n - - smtp
showq unix n - n - - showq
error unix - - n - - error
retry unix - - n - - error
discard unix - - n - - discard
virtual unix - n n - - virtual
lmtp unix - - n - - lmtp
anvil unix - - n - 1 anvil
scache unix - - n - 1 scache
"""


class Postfix:
    """`mailboxes` empty: every address of the domains exists, all mail in one Maildir named `all`."""

    def __init__(self, folder: pathlib.Path, domains: list[str], certificate: Certificate | None = None,
                 mailboxes: dict[str, str] | None = None, services: str = "", main: str = ""):
        """`services` are lines for master.cf, `main` for main.cf, where they take the place of others; both may say `{folder}`."""
        assert os.geteuid() == 0, "Postfix starts as root only"
        self.folder = folder
        self.port = machine.free_port()
        self.boxes = folder / "mail"
        self.config = folder / "etc"
        self._lay_out(domains, certificate, mailboxes)
        self._override(main.format(folder=folder))
        with (self.config / "master.cf").open("a") as file:
            file.write(services.format(folder=folder))

    def _lay_out(self, domains: list[str], certificate: Certificate | None, mailboxes: dict[str, str] | None) -> None:
        for name in ("etc", "queue", "state", "mail"):
            (self.folder / name).mkdir(parents=True)
        self.folder.chmod(0o755)
        maps = "static:all/"
        if mailboxes is not None:
            table = self.config / "mailboxes"
            table.write_text("".join(f"{address} {box}/\n" for address, box in mailboxes.items()))
            maps = f"texthash:{table}"
        subprocess.run(["chown", "postfix", self.folder / "state"], check=True)
        uid, gid = 65534, 65534
        os.chown(self.boxes, uid, gid)
        (self.config / "main.cf").write_text(MAIN.format(
            folder=self.folder, domains=" ".join(domains), mailbox_maps=maps, uid=uid, gid=gid,
            tls="may" if certificate else "none",
            certificate=certificate.certificate if certificate else "", key=certificate.key if certificate else ""))
        (self.config / "master.cf").write_text(MASTER.format(port=f"127.0.0.1:{self.port}"))

    def _override(self, main: str) -> None:
        """
        A parameter given twice makes every daemon warn as it starts, postlogd too, to itself: when its queue is full at that moment, all of
        them wait for ever.
        """
        path = self.config / "main.cf"
        own = {line.split("=")[0].strip() for line in main.splitlines() if "=" in line}
        kept = [line for line in path.read_text().splitlines() if line.split("=")[0].strip() not in own]
        path.write_text("\n".join([*kept, main, ""]))

    def start(self) -> "Postfix":
        self._run("start")
        machine.eventually(lambda: machine.accepts(self.port), f"Postfix on port {self.port}: {self.log()}")
        return self

    def stop(self) -> None:
        self._run("stop")

    def _run(self, verb: str) -> None:
        done = subprocess.run([machine.program("postfix"), "-c", self.config, verb], capture_output=True, text=True)
        assert done.returncode == 0, f"postfix {verb}: {done.stderr} {self.log()}"

    def log(self) -> str:
        path = self.folder / "log"
        return path.read_text(errors="replace") if path.exists() else ""

    def maildir(self, name: str = "all") -> Maildir:
        return Maildir(self.boxes / name)


class Sink:
    """smtp-sink, which takes everything and, with `keep`, writes each message to a file."""

    def __init__(self, folder: pathlib.Path, *options: str):
        self.folder = folder
        self.port = machine.free_port()
        self.options = options
        self.process: subprocess.Popen[bytes] | None = None
        folder.mkdir(parents=True)
        os.chown(folder, 65534, 65534)

    def __enter__(self) -> "Sink":
        # -d writes each message to a file of its own, whose name begins like this.
        self.process = subprocess.Popen(
            [machine.program("smtp-sink"), "-u", "nobody", "-d", "message.", *self.options, f"127.0.0.1:{self.port}", "256"],
            cwd=self.folder,
            stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        machine.eventually(lambda: machine.accepts(self.port), "smtp-sink")
        return self

    def __exit__(self, *_: object) -> None:
        assert self.process
        self.process.terminate()
        self.process.wait()

    def messages(self) -> list[bytes]:
        return [f.read_bytes() for f in sorted(self.folder.iterdir()) if f.name.startswith("message.")]


def smtp_source(port: int, sender: str, recipient: str, count: int = 100, sessions: int = 10, length: int = 2048) -> None:
    """Sends `count` messages over `sessions` connections at a time; fails if one is refused."""
    done = subprocess.run(
        [machine.program("smtp-source"), "-m", str(count), "-s", str(sessions), "-l", str(length), "-f", sender, "-t", recipient,
         f"127.0.0.1:{port}"],
        capture_output=True, text=True, timeout=machine.PATIENCE * 3)
    assert done.returncode == 0, f"smtp-source: {done.stdout} {done.stderr}"
