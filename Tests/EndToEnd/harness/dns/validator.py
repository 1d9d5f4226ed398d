# SPDX-License-Identifier: Apache-2.0
"""A resolver (Unbound) that starts at the tree's root, for peers: it validates, and they trust its AD bit; or it believes what it hears."""

import pathlib
import subprocess

from harness import machine
from harness.dns.tree import Tree

CONFIG = """\
server:
  interface: {address}
  port: 53
  access-control: 127.0.0.0/8 allow
  username: ""
  chroot: ""
  directory: "{folder}"
  pidfile: "{folder}/unbound.pid"
  logfile: "{folder}/unbound.log"
  use-syslog: no
  do-daemonize: no
  do-ip6: no
  do-not-query-localhost: no
  root-hints: "{folder}/root.hints"
  module-config: "{modules}"
  trust-anchor-file: "{anchor}"
  local-zone: "test." nodefault
  edns-buffer-size: 1232
remote-control:
  control-enable: no
"""


class Validator:
    def __init__(self, folder: pathlib.Path, tree: Tree, validates: bool = True):
        self.address = "127.0.53.53" if validates else "127.0.53.54"
        folder.mkdir(parents=True, exist_ok=True)
        self.folder = folder
        self.process: subprocess.Popen[bytes] | None = None
        (folder / "root.hints").write_text(f". 3600 IN NS ns.root-servers.test.\nns.root-servers.test. 3600 IN A {tree.address}\n")
        (folder / "unbound.conf").write_text(CONFIG.format(
            folder=folder, address=self.address, anchor=tree.root_anchor, modules="validator iterator" if validates else "iterator"))
        self.resolv_conf = folder / "resolv.conf"
        self.resolv_conf.write_text(f"nameserver {self.address}\noptions trust-ad timeout:10 attempts:2\n")

    def start(self) -> "Validator":
        self.process = subprocess.Popen(
            [machine.program("unbound"), "-d", "-c", self.folder / "unbound.conf"],
            stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        machine.eventually(lambda: machine.accepts(53, self.address), "unbound")
        return self

    def stop(self) -> None:
        if self.process:
            self.process.terminate()
            self.process.wait()

    def ask(self, name: str, type: str) -> str:
        """What DNSSEC says about a question: secure, insecure, bogus or failed; for the tests of the tree itself."""
        done = subprocess.run(
            [machine.program("unbound-host"), "-C", self.folder / "unbound.conf", "-v", "-t", type, name],
            capture_output=True, text=True, timeout=machine.PATIENCE)
        if "SERVFAIL" in done.stdout and "BOGUS" not in done.stdout:
            return "failed"
        for word in ("secure", "insecure", "BOGUS"):
            if f"({word}" in done.stdout:
                return word.lower()
        return "failed"
