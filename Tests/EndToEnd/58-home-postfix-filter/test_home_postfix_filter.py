# SPDX-License-Identifier: Apache-2.0
"""
A Postfix as Debian sets it up, on its own ports, gets Postern beside it in both directions as docs/install-postfix-filter.md says: the lines
that `postern init` wrote go into its master.cf unchanged, in a copy of this machine.
"""

import re
from collections.abc import Iterator

import pytest

from harness import home_filter, machine, message, openpgp, setup
from harness.home_filter import ALICE, BOB, maildir, stranger, write
from harness.openpgp import GnuPG
from harness.peers.nexthop import NextHop
from harness.replica import InstalledGateway, Replica, block

# The server as it was before: users of this machine write from 127.0.0.1 and have Maildirs, strangers come from elsewhere.
MAIN = """\
compatibility_level = 3.6
myhostname = mail.home.test
mydestination = home.test, localhost
mynetworks = 127.0.0.1/32
inet_protocols = ipv4
alias_maps =
home_mailbox = Maildir/
smtpd_relay_restrictions = permit_mynetworks, reject_unauth_destination
header_checks = regexp:/etc/postfix/header_checks
maillog_file = /var/log/postfix.log
# The rest of the Internet.
default_transport = smtp:[127.0.0.1]:{outside}
"""
SUBMISSION = """\
submission inet n - y - - smtpd
    -o syslog_name=postfix/submission
    -o smtpd_relay_restrictions=permit_mynetworks,reject
"""


@pytest.fixture(scope="module")
def outside(home: None) -> Iterator[NextHop]:
    hop = NextHop().start()
    yield hop
    hop.stop()


@pytest.fixture(scope="module")
def server(home: None, outside: NextHop) -> Iterator[Replica]:
    """Postfix, installed and running, without Postern."""
    with machine.folder("58") as folder, Replica(folder, "mail.home.test") as made:
        made.write("/etc/postfix/main.cf", MAIN.format(outside=outside.port))
        made.write("/etc/postfix/header_checks", "/^X-Refuse-Me:/ REJECT not with this field\n")
        made.write("/etc/postfix/master.cf", made.path("/usr/share/postfix/master.cf.dist").read_text() + SUBMISSION)
        # What waits in the machine's own queue stays there; then what Debian's unit calls before it starts.
        made.shell("""
            useradd -m alice
            useradd -m bob
            install -m 644 -o postfix /dev/null /var/log/postfix.log
            postfix check
            postsuper -d ALL
            /usr/lib/postfix/configure-instance.sh -
            postfix start
        """)
        try:
            machine.eventually(lambda: machine.accepts(25) and machine.accepts(587), "Postfix")
            yield made
        finally:
            made.shell("postfix stop")


@pytest.fixture(scope="module")
def report(server: Replica) -> dict:
    return server.init("--for", "postfix-filter", "--level", "1")


@pytest.fixture(scope="module")
def gateway(server: Replica, report: dict, gnupg: GnuPG) -> Iterator[InstalledGateway]:
    """The gateway on what `init` wrote, and Postfix with the lines of postfix.txt."""
    made = server.gateway().start()
    for name in (ALICE, "zoe@far.test"):
        made.import_key(gnupg.make_key(f"Keyed <{name}>"))
    follow(server)
    yield made
    made.end()


def follow(server: Replica) -> None:
    """What postfix.txt says: its lines below the services that it names, and at the end; then its command."""
    text = server.written("postfix.txt")
    master = server.path("/etc/postfix/master.cf").read_text()
    outgoing, incoming = block(text, "Below each of the services"), block(text, "Below the service smtp inet")
    for service, options in [("submission inet", outgoing), ("pickup unix", outgoing), ("smtp inet", incoming)]:
        master = below(master, service, options)
    for back in ("the way there and the way back", "the end of the file, the way back:"):
        master += block(text, back)
    server.path("/etc/postfix/master.cf").write_text(master)
    then = re.search(r"^# Then: (.+)$", text, re.MULTILINE)
    assert then, text
    server.shell(then[1])
    for port in re.findall(r"^127\.0\.0\.1:(\d+) inet", text, re.MULTILINE):
        machine.eventually(lambda port=port: machine.accepts(int(port)), f"Postfix on port {port}")


def below(master: str, service: str, options: str) -> str:
    """master.cf with these options after a service's own."""
    name, kind = service.split()
    pattern = rf"^{name}\s+{kind}\s.*\n(?:[ \t]+\S.*\n)*"
    assert len(re.findall(pattern, master, re.MULTILINE)) == 1, f"no single {service} in master.cf"
    return re.sub(pattern, lambda found: found[0] + options, master, count=1, flags=re.MULTILINE)


def quiet(server: Replica, gateway: InstalledGateway) -> None:
    """Both queues run empty, and Postfix has made no report of its own."""
    machine.eventually(lambda: "Mail queue is empty" in server.run("postqueue", "-p").stdout, "an empty queue of Postfix")
    gateway.wait_until_empty()
    reports = [m for user in ("alice", "bob") for m in maildir(server, user).messages() if message.fields(m, "Return-Path") == ["<>"]]
    assert not reports, reports


def test_init_finds_postfix_and_this_machines_name(server: Replica, report: dict) -> None:
    assert report["found"]["postfix"]["hostname"] == "mail.home.test"
    assert 'hostname = "mail.home.test"' in server.written("postern.toml")


def test_check_finds_no_fault(gateway: InstalledGateway) -> None:
    trials = setup.trials(gateway)
    assert not [t for t in trials if t["state"] == "fault"], trials
    assert sum(t["what"] == "next hop" and t["state"] == "ok" for t in trials) == 2


def test_a_users_mail_leaves_protected(gateway: InstalledGateway, server: Replica, outside: NextHop, gnupg: GnuPG) -> None:
    home_filter.leaves_protected(outside, gnupg)
    quiet(server, gateway)


def test_a_users_mail_to_another_user_goes_through_once(gateway: InstalledGateway, server: Replica) -> None:
    home_filter.goes_through_once(server)
    quiet(server, gateway)


def test_what_a_local_program_hands_in_is_protected_too(gateway: InstalledGateway, server: Replica, outside: NextHop) -> None:
    """The line that docs/install-postfix-filter.md has for a try."""
    outside.received.clear()
    server.shell(f"echo test | sendmail -f {ALICE} zoe@far.test")
    assert openpgp.is_encrypted(outside.wait_for("zoe@far.test").content)
    quiet(server, gateway)


def test_a_strangers_mail_is_protected_before_the_answer(gateway: InstalledGateway, server: Replica, gnupg: GnuPG) -> None:
    with stranger() as talk:
        home_filter.comes_protected(talk, server, gnupg)
    quiet(server, gateway)


def test_the_stranger_hears_every_refusal_in_the_session(gateway: InstalledGateway, server: Replica) -> None:
    """Postfix's before Postern, Postern's own, and Postfix's behind it."""
    settings = server.path("/etc/postern/postern.toml")
    settings.write_text(settings.read_text() + '\n[[protection.rule]]\nfor = "bob@home.test"\nmode = "required"\n')
    gateway.cli("reload")
    with stranger() as talk:
        talk.expect("MAIL FROM:<s@example.net>", 250)
        talk.expect("RCPT TO:<nobody-here@home.test>", 550, "5.1.1")
        talk.expect("RCPT TO:<x@far.test>", 554, "5.7.1")
        talk.expect(f"RCPT TO:<{BOB}>", 550, "5.7.1")
        talk.expect(f"RCPT TO:<{ALICE}>", 250)
        reply = talk.data(write("refused", "s@example.net", "X-Refuse-Me: yes"))
        assert reply.code == 550 and "not with this field" in reply.text
    quiet(server, gateway)


def test_while_postern_is_down_users_mail_waits_and_strangers_come_again(
        gateway: InstalledGateway, server: Replica, outside: NextHop) -> None:
    outside.received.clear()
    assert gateway.stop() == 0
    home_filter.hand_in_while_down()
    machine.eventually(lambda: "status=deferred" in server.path("/var/log/postfix.log").read_text(), "Postfix to keep it")
    gateway.start()
    server.shell("postqueue -f")
    assert openpgp.is_encrypted(outside.wait_for("zoe@far.test").content)
    quiet(server, gateway)
