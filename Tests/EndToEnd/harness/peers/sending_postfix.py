# SPDX-License-Identifier: Apache-2.0
"""A Postfix that sends: in a mount namespace of its own, where /etc/resolv.conf names a validating resolver that it may trust."""

import pathlib
import re
import smtplib
import subprocess
from dataclasses import dataclass

from harness import machine
from harness.peers.mailhosts import PORT
from harness.peers.postfix import Postfix

MAIN = """
inet_protocols = ipv4
relay_domains =
mynetworks = 127.0.0.0/8
smtpd_relay_restrictions = permit_mynetworks, reject
virtual_mailbox_domains =
smtp_tls_security_level = {level}
smtp_dns_support_level = dnssec
smtp_host_lookup = dns
smtp_tcp_port = {port}
smtp_tls_loglevel = 1
smtp_helo_timeout = 20s
smtp_starttls_timeout = 20s
smtp_connection_cache_on_demand = no
default_process_limit = 40
smtpd_peername_lookup = no
smtpd_client_connection_count_limit = 0
minimal_backoff_time = {backoff}
"""
# $1 the resolv.conf, the rest the command.
ENTER = 'mount --bind "$1" /etc/resolv.conf && shift && exec "$@"'


@dataclass
class Verdict:
    """What became of a recipient: `sent`, `deferred` or `bounced`; how the server was known; Postfix's own words."""

    status: str
    # `Verified` (by DANE), `Trusted`, `Untrusted`, `Anonymous`, or nothing for a channel in clear.
    channel: str
    reason: str


class SendingPostfix:
    """
    Opportunistic TLS (`level` is `may`) falls back to clear text once a message is older than `backoff` and a handshake failed; `flush`
    makes it try again at once.
    """

    def __init__(self, folder: pathlib.Path, resolv_conf: pathlib.Path, level: str, backoff: str = "4000s"):
        self.postfix = Postfix(folder, [], main=MAIN.format(level=level, port=PORT, backoff=backoff))
        self.resolv_conf = resolv_conf

    def start(self) -> "SendingPostfix":
        self._run("start")
        machine.eventually(lambda: machine.accepts(self.postfix.port), f"the sending Postfix: {self.postfix.log()}")
        return self

    def stop(self) -> None:
        self._run("stop")

    def _run(self, verb: str) -> None:
        done = subprocess.run(
            [machine.program("unshare"), "--mount", "--propagation", "private", "sh", "-c", ENTER, "sh", self.resolv_conf,
             machine.program("postfix"), "-c", self.postfix.config, verb], capture_output=True, text=True)
        assert done.returncode == 0, f"postfix {verb}: {done.stderr} {self.postfix.log()}"

    def flush(self) -> None:
        subprocess.run([machine.program("postqueue"), "-c", self.postfix.config, "-f"], check=True)

    def send(self, sender: str, recipients: list[str], content: bytes) -> None:
        """Takes a message for each recipient by itself, so that each has its own fate."""
        try:
            with smtplib.SMTP("127.0.0.1", self.postfix.port, "localhost", timeout=machine.PATIENCE) as session:
                for recipient in recipients:
                    session.sendmail(sender, [recipient], content)
        except (OSError, smtplib.SMTPException) as error:
            raise AssertionError(f"the sending Postfix: {error}: {self.postfix.log()[-4000:]}") from error

    def verdicts(self, recipients: list[str]) -> dict[str, Verdict]:
        """Waits until each recipient's first attempt has ended."""
        wanted = set(recipients)
        # A zone whose server never answers costs the resolver its whole patience.
        machine.eventually(lambda: wanted <= set(self.known()), f"Postfix's verdicts on {len(wanted)} recipients", machine.PATIENCE * 2)
        return {r: v for r, v in self.known().items() if r in wanted}

    def known(self) -> dict[str, Verdict]:
        """The first verdict on each recipient so far."""
        found: dict[str, Verdict] = {}
        channels: dict[str, str] = {}
        for line in self.postfix.log().splitlines():
            if not (sender := re.search(r"postfix/(?:smtp|error|retry|qmgr)\[\d+\]", line)):
                continue
            process = sender.group()
            if tls := re.search(r"(Verified|Trusted|Untrusted|Anonymous) TLS connection established to", line):
                channels[process] = tls.group(1)
            if not (end := re.search(r"to=<([^>]+)>,.* relay=(\S+),.* status=(\w+) \((.*)\)$", line)):
                continue
            channel = channels.pop(process, "")
            found.setdefault(end.group(1), Verdict(end.group(3), channel if end.group(3) == "sent" else "", end.group(4)))
        return found
