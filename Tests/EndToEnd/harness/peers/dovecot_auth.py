# SPDX-License-Identifier: Apache-2.0
"""A private Dovecot that only verifies passwords, on an auth-client socket."""

import os
import pathlib
import signal
import subprocess

from harness import machine

CONFIG = """\
base_dir = {folder}/base
state_dir = {folder}/state
log_path = {folder}/log
protocols = lmtp
ssl = no
listen = 127.0.0.1
default_internal_user = dovecot
default_login_user = dovenull
first_valid_uid = 1
auth_mechanisms = plain login
auth_failure_delay = {delay} secs
auth_verbose = yes
mail_location = maildir:{folder}/mail/%n
userdb {{
  driver = passwd-file
  args = username_format=%u {folder}/users
}}
passdb {{
  driver = passwd-file
  args = username_format=%u {folder}/users
}}
service auth {{
  unix_listener {folder}/auth-client {{
    mode = 0666
  }}
}}
service lmtp {{
  unix_listener {folder}/lmtp {{
    mode = 0666
  }}
}}
"""


class DovecotAuth:
    def __init__(self, folder: pathlib.Path, users: dict[str, str], failure_delay: int = 0):
        assert os.geteuid() == 0, "Dovecot starts as root only"
        self.folder = folder
        self.socket = folder / "auth-client"
        self.process: subprocess.Popen[bytes] | None = None
        for name in ("base", "state", "mail"):
            (folder / name).mkdir(parents=True)
        folder.chmod(0o755)
        lines = [f"{login}:{{PLAIN}}{password}:65534:65534::{folder}/mail::\n" for login, password in users.items()]
        (folder / "users").write_text("".join(lines))
        (folder / "users").chmod(0o644)
        (folder / "dovecot.conf").write_text(CONFIG.format(folder=folder, delay=failure_delay))

    def start(self) -> "DovecotAuth":
        self.process = subprocess.Popen(
            [machine.program("dovecot"), "-F", "-c", self.folder / "dovecot.conf"],
            stdout=subprocess.DEVNULL, stderr=(self.folder / "stderr").open("ab"))
        machine.eventually(self._listens, "Dovecot's auth socket")
        return self

    def _listens(self) -> bool:
        assert self.process and self.process.poll() is None, self.log()
        return self.socket.exists()

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
        assert self.process
        for pid in self._family():
            os.kill(pid, signal.SIGKILL)
        self.process.wait()
        self.process = None

    def stop(self) -> None:
        if self.process and self.process.poll() is None:
            self.process.terminate()
            self.process.wait()
        self.process = None

    def log(self) -> str:
        paths = (self.folder / "stderr", self.folder / "log")
        return "".join(p.read_text(errors="replace") for p in paths if p.exists())
