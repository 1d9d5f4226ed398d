# SPDX-License-Identifier: Apache-2.0
"""
Programs that expect a mail server at /usr/sbin/sendmail: Debian's cron, run in a mount namespace of its own where that is the gateway's
program, and git send-email.
"""

import shutil
import signal
import subprocess
from collections.abc import Iterator

import pytest

from harness import machine, message
from harness.gateway import Gateway
from harness.mailbox import Maildir
from harness.peers.nexthop import NextHop
from harness.programs import link, run

# What changes for cron stays in its own namespace: its pid file, its crontabs, PAM's and sendmail's places.
CRON = """
set -e
mount -t tmpfs -o mode=755 tmpfs /run
mkdir /run/postern
mount --bind "$1/runtime" /run/postern
mount -t tmpfs -o mode=1730 tmpfs /var/spool/cron/crontabs
cp "$1/crontab" "/var/spool/cron/crontabs/$2"
chown "$2" "/var/spool/cron/crontabs/$2"
chmod 600 "/var/spool/cron/crontabs/$2"
mount --bind "$1/pam" /etc/pam.d/cron
mount --bind "$3" /usr/sbin/sendmail
exec cron -f
"""


@pytest.fixture(scope="module")
def gateway(make_gateway, nexthop: NextHop) -> Gateway:
    made = make_gateway(relay_port=nexthop.port).start()
    made.add_user("alice")
    made.add_alias("root@postern.test", "alice@postern.test")
    return made


@pytest.fixture
def cron(gateway: Gateway) -> Iterator[Maildir]:
    """A job of nobody's runs every minute; the mailbox behind root's alias."""
    (gateway.folder / "crontab").write_text("MAILTO=root\n* * * * * echo output of the heron job\n")
    # The machine's own rules ask for an audit system that a container lacks.
    (gateway.folder / "pam").write_text("auth required pam_permit.so\naccount required pam_permit.so\nsession required pam_permit.so\n")
    process = subprocess.Popen(
        [machine.program("unshare"), "--mount", "--propagation", "private", "sh", "-c", CRON, "sh", str(gateway.folder), "nobody",
         str(machine.BINARY)], start_new_session=True)
    yield gateway.maildir("alice")
    process.send_signal(signal.SIGTERM)
    process.wait(machine.PATIENCE)


def test_the_output_of_a_cron_job_reaches_root(cron: Maildir) -> None:
    machine.eventually(lambda: any(b"heron" in m for m in cron.messages()), "mail from cron", machine.PATIENCE + 120)
    came = cron.find("heron")
    assert message.field(came, "To") == "root@postern.test"
    assert message.field(came, "From") in ("nobody@postern.test (Cron Daemon)", "dev@postern.test (Cron Daemon)")
    assert message.split(came)[1] == b"output of the heron job\r\n"
    assert not message.fields(came, "X-Cron-Env"), "what cron tells of the job's environment is gone"


def test_git_send_email(gateway: Gateway, nexthop: NextHop) -> None:
    work = gateway.folder / "work"
    work.mkdir()
    shutil.chown(work, "nobody")
    program = link(gateway.folder)
    script = gateway.folder / "sendmail-for-git"
    script.write_text(f'#!/bin/sh\nexec "{program}" --config "{gateway.config}" "$@"\n')
    script.chmod(0o755)
    commands = f"""
        set -e
        cd "{work}"
        git init -q .
        echo heron > file && git add file
        git commit -qm "Count the herons"
        git send-email --quiet --confirm=never --suppress-cc=all --smtp-server="{script}" --to=list@far.test -1
    """
    identity = {name: "dev@postern.test" if "EMAIL" in name else "Dev" for name in
                ("GIT_AUTHOR_NAME", "GIT_AUTHOR_EMAIL", "GIT_COMMITTER_NAME", "GIT_COMMITTER_EMAIL")}
    done = run("nobody", ["sh", "-c", commands], env={"HOME": str(work), "PATH": "/usr/sbin:/usr/bin:/sbin:/bin", **identity})
    assert done.returncode == 0, done.stderr.decode()
    came = nexthop.wait_for("list@far.test")
    assert came.sender == "dev@postern.test" and message.field(came.content, "From") == "Dev <dev@postern.test>"
    assert message.field(came.content, "Subject") == "[PATCH] Count the herons" and b"+heron\r\n" in came.body
    assert not message.fields(came.content, "X-Mailer")
