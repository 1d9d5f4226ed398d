# SPDX-License-Identifier: Apache-2.0
"""
An Exim as Debian sets it up, on its own ports, gets Postern beside it in both directions as docs/install-exim-filter.md says: the lines that
`postern init` wrote go into Debian's configuration unchanged, in one file and split, in a copy of this machine.
"""

import re
import subprocess
from collections.abc import Iterator

import pytest

from harness import home_filter, machine, message, openpgp, setup
from harness.home_filter import ALICE, BOB, maildir, stranger, write
from harness.openpgp import GnuPG
from harness.peers import exim
from harness.peers.nexthop import NextHop
from harness.replica import InstalledGateway, Replica, block

# What Debian asks at the installation: users of this machine write from 127.0.0.1 and have Maildirs, strangers come from elsewhere.
ANSWERS = """\
dc_eximconfig_configtype='smarthost'
dc_other_hostnames='home.test'
dc_local_interfaces=''
dc_readhost=''
dc_relay_domains=''
dc_minimaldns='true'
dc_relay_nets=''
dc_smarthost='{outside}'
CFILEMODE='644'
dc_use_split_config='{split}'
dc_hide_mailname=''
dc_mailname_in_oh='true'
dc_localdelivery='maildir_home'
"""
# What the package's scripts do, and two users.
INSTALL = """
    tar -C "{root}" -c . | tar -C / -x --keep-directory-symlink
    getent passwd {user} > /dev/null || useradd --system --user-group --home-dir /var/spool/exim4 --shell /usr/sbin/nologin {user}
    install -d -o {user} -g {user} -m 2750 /var/log/exim4
    install -d -o {user} -g {user} -m 750 /var/spool/exim4 /var/lib/exim4
    chown root:root /usr/sbin/exim4
    chmod 4755 /usr/sbin/exim4
    rm -f /etc/aliases
    touch /etc/aliases
    useradd -m alice
    useradd -m bob
"""
# More of Postern's own trace fields than it takes, and fewer than Exim does.
LOOPED = b"".join(b"Received: by mail.home.test with ESMTP id %d; Sun, 22 Nov 2026 08:37:42 +0100\r\n" % n for n in range(12))


@pytest.fixture(scope="module")
def outside(home: None) -> Iterator[NextHop]:
    """The provider's server, at an address that Exim does not take for its own."""
    hop = NextHop(address="127.0.0.25").start()
    yield hop
    hop.stop()


class Server(Replica):
    """Exim, installed and running, without Postern."""

    daemon: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        self.daemon = subprocess.Popen(self.words("exim4", "-bdf", "-q30m"), env=self.env, stdin=subprocess.DEVNULL)
        machine.eventually(lambda: machine.accepts(25), f"Exim: {self.log()}")

    def stop(self) -> None:
        if self.daemon:
            self.daemon.terminate()
            self.daemon.wait(machine.PATIENCE)
            self.daemon = None

    def waiting(self) -> int:
        return int(self.run("exim4", "-bpc").stdout)

    def log(self) -> str:
        place = self.path("/var/log/exim4/mainlog")
        return place.read_text(errors="replace") if place.exists() else ""


@pytest.fixture(scope="module", params=["false", "true"], ids=["one-file", "split"])
def server(request: pytest.FixtureRequest, home: None, outside: NextHop) -> Iterator[Server]:
    assert exim.ROOT.exists(), f"{exim.ROOT} is missing; scripts/setup test unpacks it"
    with machine.folder("59") as folder, Server(folder, "mail.home.test") as made:
        made.shell(INSTALL.format(root=exim.ROOT, user=exim.USER))
        made.write("/etc/exim4/update-exim4.conf.conf", ANSWERS.format(split=request.param, outside=f"127.0.0.25::{outside.port}"))
        made.shell("update-exim4.conf")
        try:
            made.start()
            yield made
        finally:
            made.stop()


@pytest.fixture(scope="module")
def report(server: Server) -> dict:
    return server.init("--for", "exim-filter", "--level", "1")


@pytest.fixture(scope="module")
def gnupg() -> Iterator[GnuPG]:
    with machine.folder("gpg") as path:
        made = GnuPG(path / "home")
        for name in (ALICE, "zoe@far.test"):
            made.make_key(f"Keyed <{name}>")
        yield made
        made.close()


@pytest.fixture(scope="module")
def gateway(server: Server, report: dict, gnupg: GnuPG) -> Iterator[InstalledGateway]:
    """The gateway on what `init` wrote, and Exim with the lines of exim.txt."""
    made = server.gateway().start()
    for name in (ALICE, "zoe@far.test"):
        made.import_key(gnupg.export(f"<{name}>"))
    follow(server)
    yield made
    made.end()


def follow(server: Server) -> None:
    """What exim.txt says: its lines into the sections that it names, its command, and its last line."""
    text = server.written("exim.txt")
    main = re.search(r"A file of its own: (\S+)$", text, re.MULTILINE)
    then = re.search(r"^# Then: (.+) && systemctl restart exim4$", text, re.MULTILINE)
    assert main and then, text
    server.write(main[1], block(text, "Main section"))
    server.shell(block(text, "A command"))
    place = text.splitlines()[1].lstrip("# ")
    if place.endswith(".template"):
        acl = place
        lines = server.path(place).read_text()
        for section, words in [("routers", "Routers, before all others"), ("transports", "Transports.")]:
            assert lines.count(f"\nbegin {section}\n") == 1
            lines = lines.replace(f"\nbegin {section}\n", f"\nbegin {section}\n\n{block(text, words)}\n")
        server.path(place).write_text(lines)
    else:
        names = re.fullmatch(r"(\S+): (\S+), and new files (\S+) and (\S+)", place)
        assert names, place
        acl = f"{names[1]}/{names[2]}"
        server.write(f"{names[1]}/{names[3]}", block(text, "Routers, before all others"))
        server.write(f"{names[1]}/{names[4]}", block(text, "Transports."))
    lines = server.path(acl).read_text()
    before, rest = lines.split("\nacl_check_rcpt:\n")
    rcpt, mark, after = rest.partition("\nacl_check_data:\n")
    earlier, plain, later = rcpt.rpartition("\n  accept\n")
    assert plain and not re.search(r"^ *[a-z]", later, re.MULTILINE), "Debian's last accept has conditions"
    rcpt = block(text, "first: what comes back") + earlier + "\n" + block(text, "in place of the plain accept") + later
    server.path(acl).write_text(f"{before}\nacl_check_rcpt:\n{rcpt}{mark}{after}")
    server.shell(then[1])
    server.stop()
    server.start()


def quiet(server: Server, gateway: InstalledGateway) -> None:
    """Exim's spool and Postern's queue run empty, and nobody got a report."""
    machine.eventually(lambda: server.waiting() == 0, f"an empty spool: {server.log()}")
    gateway.wait_until_empty()
    reports = [m for user in ("alice", "bob") for m in maildir(server, user).messages() if message.fields(m, "Return-path") == ["<>"]]
    assert not reports, reports


def test_init_finds_exim_and_its_way_of_configuration(server: Server, report: dict) -> None:
    found = report["found"]["exim"]
    assert found["isGenerated"] and f"split_config='{str(found['isSplit']).lower()}'" in server.written("../exim4/update-exim4.conf.conf")


def test_check_finds_no_fault(gateway: InstalledGateway) -> None:
    trials = setup.trials(gateway)
    assert not [t for t in trials if t["state"] == "fault"], trials
    assert any(t["what"] == "next hop" and t["state"] == "ok" for t in trials)


def test_a_users_mail_leaves_protected(gateway: InstalledGateway, server: Server, outside: NextHop, gnupg: GnuPG) -> None:
    outside.received.clear()
    home_filter.leaves_protected(outside, gnupg)
    quiet(server, gateway)


def test_a_users_mail_to_another_user_goes_through_once(gateway: InstalledGateway, server: Server) -> None:
    home_filter.goes_through_once(server)
    quiet(server, gateway)


def test_what_a_local_program_hands_in_is_protected_too(gateway: InstalledGateway, server: Server, outside: NextHop) -> None:
    """The lines that docs/install-exim-filter.md has for a try."""
    assert "router = postern_out" in server.run("exim4", "-bt", "zoe@far.test").stdout
    outside.received.clear()
    server.shell(f"echo test | exim4 -i -f {ALICE} zoe@far.test")
    assert openpgp.is_encrypted(outside.wait_for("zoe@far.test").content)
    quiet(server, gateway)


def test_a_strangers_mail_is_protected_before_the_answer(gateway: InstalledGateway, server: Server, gnupg: GnuPG) -> None:
    with stranger() as talk:
        assert "CHUNKING" not in talk.extensions and "PRDR" not in talk.extensions and "SMTPUTF8" in talk.extensions
        home_filter.comes_protected(talk, server, gnupg)
    assert f">> {ALICE}" in server.log(), "it was not cut through"
    quiet(server, gateway)


def test_the_stranger_hears_every_refusal_in_the_session(gateway: InstalledGateway, server: Server) -> None:
    """Exim's before Postern, Exim's behind it, and Postern's own, at RCPT and after the content."""
    settings = server.path("/etc/postern/postern.toml")
    settings.write_text(settings.read_text() + '\n[[protection.rule]]\nfor = "bob@home.test"\nmode = "required"\n')
    gateway.cli("reload")
    with stranger() as talk:
        talk.expect("MAIL FROM:<s@example.net>", 250)
        talk.expect("RCPT TO:<x@far.test>", 550)
        talk.expect("RCPT TO:<nobody-here@home.test>", 550)
        talk.expect(f"RCPT TO:<{BOB}>", 550)
    with stranger() as talk:
        talk.envelope("s@example.net", ALICE)
        reply = talk.data(LOOPED + write("round and round"))
        assert reply.code == 554 and "5.4.6" in reply.text
    quiet(server, gateway)


def test_beside_a_refused_recipient_exim_spools_and_the_mail_is_protected_all_the_same(
        gateway: InstalledGateway, server: Server) -> None:
    """One of the cases in which Exim does not cut through, as the page says."""
    with stranger() as talk:
        talk.expect("MAIL FROM:<s@example.net>", 250)
        talk.expect("RCPT TO:<nobody-here@home.test>", 550)
        talk.expect(f"RCPT TO:<{ALICE}>", 250)
        assert talk.data(write("beside another", "s@example.net", "X-Number: 4")).code == 250
    assert openpgp.is_encrypted(maildir(server, "alice").find("X-Number: 4"))
    quiet(server, gateway)


def test_while_postern_is_down_users_mail_waits_and_strangers_come_again(
        gateway: InstalledGateway, server: Server, outside: NextHop) -> None:
    outside.received.clear()
    assert gateway.stop() == 0
    home_filter.hand_in_while_down()
    machine.eventually(lambda: server.waiting() == 1 and "Connection refused" in server.log(), "a message in Exim's spool")
    gateway.start()
    server.shell("exim4 -qff")
    assert openpgp.is_encrypted(outside.wait_for("zoe@far.test").content)
    quiet(server, gateway)
