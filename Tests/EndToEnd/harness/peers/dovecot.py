# SPDX-License-Identifier: Apache-2.0
"""A private Dovecot that takes mail by LMTP, over TCP and over a unix socket."""

import os
import pathlib
import subprocess

from harness import machine
from harness.mailbox import Maildir

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
mail_location = maildir:{folder}/mail/%n
recipient_delimiter = +
lmtp_save_to_detail_mailbox = no
userdb {{
  driver = passwd-file
  args = username_format=%u {folder}/users
}}
passdb {{
  driver = passwd-file
  args = username_format=%u {folder}/users
}}
service lmtp {{
  inet_listener lmtp {{
    address = 127.0.0.1
    port = {port}
  }}
  unix_listener {folder}/lmtp {{
    mode = 0666
  }}
}}
"""


class Dovecot:
    def __init__(self, folder: pathlib.Path, addresses: list[str]):
        assert os.geteuid() == 0, "Dovecot starts as root only"
        self.folder = folder
        self.port = machine.free_port()
        self.socket = folder / "lmtp"
        self.process: subprocess.Popen[bytes] | None = None
        for name in ("base", "state", "mail"):
            (folder / name).mkdir(parents=True)
        folder.chmod(0o755)
        os.chown(folder / "mail", 65534, 65534)
        lines = [f"{address}:{{PLAIN}}unused:65534:65534::{folder}/mail/{address.split('@')[0]}::\n" for address in addresses]
        (folder / "users").write_text("".join(lines))
        (folder / "users").chmod(0o644)
        (folder / "dovecot.conf").write_text(CONFIG.format(folder=folder, port=self.port))

    def start(self) -> "Dovecot":
        self.process = subprocess.Popen(
            [machine.program("dovecot"), "-F", "-c", self.folder / "dovecot.conf"],
            stdout=subprocess.DEVNULL, stderr=(self.folder / "stderr").open("wb"))
        machine.eventually(lambda: self._listens(), "Dovecot's LMTP")
        return self

    def _listens(self) -> bool:
        assert self.process and self.process.poll() is None, self.log()
        return self.socket.exists() and machine.accepts(self.port)

    def stop(self) -> None:
        if self.process:
            self.process.terminate()
            self.process.wait()

    def log(self) -> str:
        paths = (self.folder / "stderr", self.folder / "log")
        return "".join(p.read_text(errors="replace") for p in paths if p.exists())

    def maildir(self, name: str) -> Maildir:
        return Maildir(self.folder / "mail" / name)
