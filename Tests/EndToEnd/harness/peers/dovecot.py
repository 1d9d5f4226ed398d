# SPDX-License-Identifier: Apache-2.0
"""A private Dovecot with those of its services that a case needs: LMTP, IMAP, and the socket where passwords are verified."""

import contextlib
import imaplib
import os
import pathlib
import signal
import subprocess

from harness import machine
from harness.mailbox import Maildir

COMMON = """\
base_dir = {folder}/base
state_dir = {folder}/state
log_path = {folder}/log
protocols = {protocols}
ssl = no
disable_plaintext_auth = no
listen = 127.0.0.1
default_internal_user = dovecot
default_login_user = dovenull
first_valid_uid = 1
mail_location = maildir:{folder}/mail/%n
recipient_delimiter = +
lmtp_save_to_detail_mailbox = no
auth_mechanisms = plain login
auth_failure_delay = {failure_delay} secs
auth_verbose = yes
userdb {{
  driver = passwd-file
  args = username_format=%u {folder}/users
}}
passdb {{
  driver = passwd-file
  args = username_format=%u {folder}/users
}}
"""
# Each with its sockets where Dovecot has them by default, below base_dir, and open to every user.
SERVICES = {
    "lmtp": """\
service lmtp {{
  inet_listener lmtp {{
    address = 127.0.0.1
    port = {lmtp_port}
  }}
  unix_listener lmtp {{
    mode = 0666
  }}
}}
""",
    "imap": """\
service imap-login {{
  inet_listener imap {{
    port = {imap_port}
  }}
  inet_listener imaps {{
    port = 0
  }}
}}
""",
    "auth": """\
service auth {{
  unix_listener auth-client {{
    mode = 0666
  }}
}}
""",
}
# Whose the mailboxes are.
OWNER = 65534


class Dovecot:
    """`users` are logins with their passwords; `services` some of `lmtp`, `imap` and `auth`."""

    def __init__(self, folder: pathlib.Path, users: dict[str, str], *services: str, failure_delay: int = 0):
        assert os.geteuid() == 0, "Dovecot starts as root only"
        self.folder = folder
        self.users = users
        self.services = services
        self.lmtp_port, self.imap_port = machine.free_port(), machine.free_port()
        self.lmtp, self.auth = folder / "base/lmtp", folder / "base/auth-client"
        self.config = folder / "dovecot.conf"
        self.process: subprocess.Popen[bytes] | None = None
        for name in ("base", "state", "mail"):
            (folder / name).mkdir(parents=True)
        folder.chmod(0o755)
        os.chown(folder / "mail", OWNER, OWNER)
        lines = [f"{login}:{{PLAIN}}{password}:{OWNER}:{OWNER}::{folder}/mail/{login.split('@')[0]}::\n"
                 for login, password in users.items()]
        (folder / "users").write_text("".join(lines))
        (folder / "users").chmod(0o644)
        protocols = " ".join(name for name in services if name != "auth")
        text = COMMON + "".join(SERVICES[name] for name in services)
        self.config.write_text(text.format(folder=folder, protocols=protocols, failure_delay=failure_delay,
                                           lmtp_port=self.lmtp_port, imap_port=self.imap_port))

    # Life

    def start(self) -> "Dovecot":
        with (self.folder / "stderr").open("ab") as errors:
            self.process = subprocess.Popen([machine.program("dovecot"), "-F", "-c", self.config],
                                            stdout=subprocess.DEVNULL, stderr=errors)
        machine.eventually(self._listens, f"Dovecot's {', '.join(self.services)}")
        return self

    def _listens(self) -> bool:
        assert self.process and self.process.poll() is None, self.log()
        ready = {"lmtp": lambda: self.lmtp.exists() and machine.accepts(self.lmtp_port),
                 "imap": lambda: machine.accepts(self.imap_port), "auth": self.auth.exists}
        return all(ready[name]() for name in self.services)

    def _family(self) -> list[int]:
        assert self.process
        children = pathlib.Path(f"/proc/{self.process.pid}/task/{self.process.pid}/children").read_text()
        return [self.process.pid, *map(int, children.split())]

    def freeze(self) -> None:
        """It is there, and says nothing any more."""
        for pid in self._family():
            os.kill(pid, signal.SIGSTOP)

    def kill(self) -> None:
        """kill -9, all of it."""
        for pid in self._family():
            os.kill(pid, signal.SIGKILL)
        assert self.process
        self.process.wait()
        self.process = None

    def stop(self) -> None:
        if self.process and self.process.poll() is None:
            self.process.terminate()
            self.process.wait()
        self.process = None

    # What it has

    def log(self) -> str:
        paths = (self.folder / "stderr", self.folder / "log")
        return "".join(p.read_text(errors="replace") for p in paths if p.exists())

    def maildir(self, name: str) -> Maildir:
        return Maildir(self.folder / "mail" / name)

    def read(self, user: str, text: str) -> bytes:
        """Waits for the message that holds `text`, as a mail program would fetch it by IMAP."""
        def fetched() -> bytes | None:
            with contextlib.closing(imaplib.IMAP4("127.0.0.1", self.imap_port)) as imap:
                imap.login(user, self.users[user])
                imap.select("INBOX", readonly=True)
                for number in imap.search(None, "ALL")[1][0].split():
                    content = imap.fetch(number, "(BODY.PEEK[])")[1][0][1]
                    if text.encode() in content:
                        return content
                imap.logout()
            return None

        return machine.eventually(fetched, f"{text!r} in the INBOX of {user}")
