# SPDX-License-Identifier: Apache-2.0
"""`postern sendmail` as programs call it: its switches, what it makes of a message, who may send as whom, and how it ends."""

import pathlib
import subprocess

import pytest

from harness import machine, message
from harness.gateway import Gateway
from harness.peers.nexthop import NextHop, Received
from harness.programs import NOBODYS_ID, as_user, link, run, sendmail


@pytest.fixture(scope="module")
def gateway(make_gateway, nexthop: NextHop) -> Gateway:
    made = make_gateway(relay_port=nexthop.port).start()
    made.add_user("alice")
    made.add_alias("root@postern.test", "alice@postern.test")
    return made


@pytest.fixture
def hop(nexthop: NextHop) -> NextHop:
    nexthop.received.clear()
    return nexthop


def only(hop: NextHop) -> Received:
    return hop.wait(1)[0]


TEXT = "Subject: hello\nTo: x@far.test\n\nline one\n.\nline two\n"


@pytest.mark.parametrize("switches", [
    ["-t", "-i"], ["-ti"], ["-t", "-oi"], ["-i", "-t", "-oem", "-odi", "-B8BITMIME"], ["-i", "x@far.test"], ["-oi", "--", "x@far.test"],
    ["-bm", "-i", "-t", "-n", "-U", "-G", "-m", "-Am", "-C/etc/other.cf", "-X", "/tmp/never-written", "-L", "tag"],
    ["-FCronDaemon", "-i", "-B8BITMIME", "-oem", "x@far.test"]])
def test_switches_of_every_kind(gateway: Gateway, hop: NextHop, switches: list[str]) -> None:
    sendmail(gateway, "www-data", *switches, stdin=TEXT)
    came = only(hop)
    assert came.sender == "web@postern.test" and came.recipient == "x@far.test"
    assert came.body == b"line one\r\n.\r\nline two\r\n"
    assert not pathlib.Path("/tmp/never-written").exists()


def test_without_i_a_single_dot_ends_the_message(gateway: Gateway, hop: NextHop) -> None:
    sendmail(gateway, "www-data", "-t", stdin=TEXT)
    assert only(hop).body == b"line one\r\n"


@pytest.mark.parametrize(("switches", "sender"), [
    (["-fnews@forum.test"], "news@forum.test"), (["-f", "news@forum.test"], "news@forum.test"), (["-r", "<news@forum.test>"], "news@forum.test"),
    (["-rweb"], "web@postern.test"), (["-f", ""], ""), (["-f<>"], ""), (["-fweb+tag@postern.test"], "web+tag@postern.test")])
def test_the_envelope_sender(gateway: Gateway, hop: NextHop, switches: list[str], sender: str) -> None:
    sendmail(gateway, "www-data", "-i", "-t", *switches, stdin=TEXT)
    came = only(hop)
    assert came.mail.split(">")[0].endswith("<" + sender)


def test_a_from_that_is_missing_is_the_callers_own(gateway: Gateway, hop: NextHop) -> None:
    sendmail(gateway, "www-data", "-t", "-F", "The \"Web\" Site", stdin=TEXT)
    sendmail(gateway, "nobody", "-t", stdin=TEXT)
    first, second = hop.wait(2)[:2]
    values = sorted([message.field(first.content, "From"), message.field(second.content, "From")])
    assert values == ['"The \\"Web\\" Site" <web@postern.test>', "nobody@postern.test"]
    assert all(message.field(m.content, "Date") and message.field(m.content, "Message-ID") for m in (first, second))


def test_bcc_gets_its_copy_and_is_removed(gateway: Gateway, hop: NextHop) -> None:
    text = "From alice Sun Nov 22 08:00:00 2026\nTo: A <a@far.test>, b@far.test\nCc: c@far.test\nBcc: d@far.test,\n e@far.test\n\nhi\n"
    sendmail(gateway, "www-data", "-t", "-i", "f@far.test", stdin=text)
    machine.eventually(lambda: sum(len(m.recipients) for m in hop.received) == 6, "six recipients")
    for came in hop.received:
        assert b"Bcc" not in came.content and b"d@far.test" not in came.header and b"From alice" not in came.content


def test_names_without_a_domain_and_roots_alias(gateway: Gateway) -> None:
    alice = gateway.maildir("alice")
    alice.clear()
    sendmail(gateway, "nobody", "-i", "root", stdin="From: root (Cron Daemon)\nTo: root\nSubject: named\n\nout\n")
    came = alice.find("Subject: named")
    assert message.field(came, "From") == "nobody@postern.test (Cron Daemon)"
    assert message.field(came, "To") == "root@postern.test"


def test_bare_text_is_a_body(gateway: Gateway, hop: NextHop) -> None:
    sendmail(gateway, "www-data", "x@far.test", stdin="no header at all\nhere: neither\n")
    assert only(hop).body == b"no header at all\r\nhere: neither\r\n"


def test_delivery_report_switches(gateway: Gateway, hop: NextHop) -> None:
    sendmail(gateway, "www-data", "-t", "-N", "success,failure", "-Rhdrs", "-Vjob+1", stdin=TEXT)
    came = only(hop)
    assert "RET=HDRS" in came.mail and "ENVID=job+2B1" in came.mail and "NOTIFY=SUCCESS,FAILURE" in came.recipients[0]


def test_verbose_says_the_id(gateway: Gateway) -> None:
    said = sendmail(gateway, "www-data", "-v", "-t", stdin=TEXT).stdout.decode()
    assert said.startswith("queued as ")


def test_a_large_message(gateway: Gateway, hop: NextHop) -> None:
    body = "0123456789abcdef" * 4 + "\n"
    sendmail(gateway, "www-data", "-i", "-t", stdin=TEXT + body * 100_000)
    assert len(only(hop).body) == 66 * 100_000 + len("line one\r\n.\r\nline two\r\n")


@pytest.mark.parametrize(("arguments", "stdin", "code"), [
    (["-i", "x@far.test"], "Subject: x\n\none\rtwo\n", 65),
    (["-t"], "Subject: nobody named\n\ntext\n", 65),
    (["-i", "two@ats@far.test"], TEXT, 65),
    ([], TEXT, 64), (["-bd", "x@far.test"], TEXT, 64), (["-Z", "x@far.test"], TEXT, 64), (["--frobnicate"], TEXT, 64), (["-t", "-f"], TEXT, 64),
    (["-N", "sometimes", "-t"], TEXT, 64),
    (["-i", "unknown@postern.test"], TEXT, 67),
    (["-i", "x@far.test", "unknown@postern.test"], TEXT, 67),
    (["-i", "-fceo@postern.test", "x@far.test"], TEXT, 77),
    (["-i", "-t"], "From: ceo@postern.test\n" + TEXT, 77),
    (["-i", "-t"], "Sender: ceo@postern.test\n" + TEXT, 77)])
def test_how_it_ends(gateway: Gateway, hop: NextHop, arguments: list[str], stdin: str, code: int) -> None:
    before = len(gateway.queue())
    sendmail(gateway, "www-data", *arguments, stdin=stdin, code=code)
    assert not hop.received and len(gateway.queue()) == before, "nothing went to anybody"


def test_a_user_that_nobody_knows(gateway: Gateway) -> None:
    done = sendmail(gateway, NOBODYS_ID, "-i", "x@far.test", stdin=TEXT, code=77)
    assert "550 5.7.1" not in done.stdout.decode() and "[[caller]]" in done.stderr.decode()


def test_what_a_message_claims_does_not_count(gateway: Gateway) -> None:
    """Another user's name in the environment, the switches and the header changes nothing."""
    command = [machine.BINARY, "sendmail", "--config", gateway.config, "-i", "-fweb@postern.test", "x@far.test"]
    done = run("nobody", command, TEXT, env={"USER": "www-data", "LOGNAME": "www-data", "HOME": "/var/www"})
    assert done.returncode == 77, done.stderr


def test_a_group_may_send_as_its_address(gateway: Gateway, hop: NextHop) -> None:
    sendmail(gateway, "games", "-t", stdin=TEXT)
    assert only(hop).sender == "player@postern.test"


def test_messages_per_hour(gateway: Gateway, hop: NextHop) -> None:
    for _ in range(3):
        sendmail(gateway, "daemon", "-t", stdin=TEXT)
    done = sendmail(gateway, "daemon", "-t", stdin=TEXT, code=75)
    assert "450" not in done.stdout.decode() and "hour" in done.stderr.decode()
    sendmail(gateway, "www-data", "-t", stdin=TEXT)
    gateway.clock.advance(3700)
    sendmail(gateway, "daemon", "-t", stdin=TEXT)
    assert len(hop.wait(5)) == 5


def test_smtp_on_standard_input(gateway: Gateway, hop: NextHop) -> None:
    dialogue = ("EHLO me\r\nMAIL FROM:<web@postern.test>\r\nRCPT TO:<x@far.test>\r\nDATA\r\n"
                "From: root\r\nTo: x@far.test\r\n\r\nspoken\r\n.\r\nQUIT\r\n")
    # Each command waits for its answer, as RFC 5321 asks of who has not seen PIPELINING.
    talk = subprocess.Popen(as_user("www-data") + [str(machine.BINARY), "sendmail", "--config", str(gateway.config), "-bs"],
                            stdin=subprocess.PIPE, stdout=subprocess.PIPE, cwd="/")
    assert talk.stdin and talk.stdout
    assert talk.stdout.readline().startswith(b"220 ")
    for line in dialogue.split("DATA\r\n")[0].splitlines(keepends=True) + ["DATA\r\n"]:
        talk.stdin.write(line.encode())
        talk.stdin.flush()
        while (answer := talk.stdout.readline())[3:4] == b"-":
            assert b"AUTH" not in answer and b"STARTTLS" not in answer
        assert answer[:1] in b"23", (line, answer)
    talk.stdin.write(dialogue.split("DATA\r\n")[1].encode())
    talk.stdin.close()
    assert talk.stdout.read().startswith(b"250 ") and talk.wait(machine.PATIENCE) == 0
    came = only(hop)
    assert came.body == b"spoken\r\n" and message.field(came.content, "From") == "web@postern.test"


def test_called_by_other_names(gateway: Gateway, hop: NextHop) -> None:
    path = link(gateway.folder)
    done = run("www-data", [path, "--config", gateway.config, "-t", "-i"], TEXT)
    assert done.returncode == 0, done.stderr
    assert only(hop).recipient == "x@far.test"
    for name in ("mailq", "newaliases"):
        done = run("www-data", [link(gateway.folder, name)])
        assert done.returncode == 0 and b"`postern " in done.stdout, done
    assert "Exit codes" in gateway.cli("sendmail", "--help").stdout


def test_the_socket_is_open_to_all_and_no_other_file_is(gateway: Gateway) -> None:
    socket = gateway.folder / "sendmail.socket"
    assert socket.stat().st_mode & 0o777 == 0o666


def test_the_log_names_nobody(gateway: Gateway) -> None:
    said = gateway.log() + gateway.spoken()
    for word in ("web@postern.test", "x@far.test", "www-data", "unknown@postern.test"):
        assert word not in said, word
