# SPDX-License-Identifier: Apache-2.0
"""Delivery reports (RFC 3461, 3464): who gets one, when, and what stands in it."""

import email
import email.policy
import pathlib
import time
from collections.abc import Callable, Iterator
from email.message import EmailMessage

import pytest

from harness import machine, message
from harness.gateway import Gateway
from harness.openpgp import GnuPG
from harness.peers.nexthop import NextHop

ALICE = "alice@postern.test"
HOUR, DAY = 3600, 86400


def answers(verb: str, line: str) -> str | None:
    """The next hop's mood is in the recipient's name."""
    if verb == "RCPT":
        if "refused" in line:
            return "550 5.1.1 no such person here"
        if "busy" in line:
            return "451 4.3.0 come back later"
    return None


@pytest.fixture(scope="module")
def hop() -> Iterator[NextHop]:
    peer = NextHop(answer=answers).start()
    yield peer
    peer.stop()


@pytest.fixture(scope="module")
def gateway(make_gateway, hop: NextHop) -> Gateway:
    made = make_gateway(relay_port=hop.port).start()
    made.add_user("alice")
    made.add_user("bob")
    return made


@pytest.fixture
def patient(make_own_gateway, hop: NextHop) -> Gateway:
    """A gateway of its own, for tests that let days pass."""
    made = make_own_gateway(relay_port=hop.port).start()
    made.add_user("alice")
    return made


def submit(gateway: Gateway, recipient: str, rcpt_options: str = "", mail_options: str = "", text: str = "lost words",
           login: str = "alice") -> str:
    sender = f"{login}@postern.test"
    with gateway.sign_in(login) as talk:
        talk.expect(f"MAIL FROM:<{sender}>{mail_options}", 250)
        talk.expect(f"RCPT TO:<{recipient}>{rcpt_options}", 250)
        reply = talk.data(message.simple(text, sender=sender, subject="marked subject"))
        assert reply.code == 250
        return reply.id


def report_about(gateway: Gateway, recipient: str, login: str = "alice") -> EmailMessage:
    raw = gateway.maildir(login).find(recipient)
    parsed = email.message_from_bytes(raw, policy=email.policy.default)
    assert isinstance(parsed, EmailMessage)
    assert parsed.get_content_type() == "multipart/report" and parsed.get_param("report-type") == "delivery-status"
    assert parsed["Return-Path"] in ("<>", None)
    return parsed


def status_of(report: EmailMessage) -> dict[str, str]:
    """The fields of the machine part, those of the message and of its one recipient together."""
    part = next(p for p in report.walk() if p.get_content_type() == "message/delivery-status")
    payload = part.get_payload()
    assert isinstance(payload, list)
    return {name: str(value) for block in payload for name, value in block.items()}


def test_a_refusal_comes_back_in_words_and_in_machine_form(gateway: Gateway) -> None:
    submit(gateway, "refused1@far.test")
    report = report_about(gateway, "refused1@far.test")
    status = status_of(report)
    assert status["Action"] == "failed" and status["Status"] == "5.1.1"
    assert status["Final-Recipient"].endswith("refused1@far.test") and "gateway.postern.test" in status["Reporting-MTA"]
    assert "no such person here" in status["Diagnostic-Code"]
    words = next(p for p in report.walk() if p.get_content_type() == "text/plain").get_content()
    assert "refused1@far.test" in words and len(words.split()) > 15
    assert report["Auto-Submitted"] == "auto-replied"


def test_envid_and_orcpt_come_back(gateway: Gateway) -> None:
    submit(gateway, "refused2@far.test", " ORCPT=rfc822;first+2Bchoice@far.test", " ENVID=QQ314159 RET=HDRS")
    status = status_of(report_about(gateway, "refused2@far.test"))
    assert status["Original-Envelope-Id"] == "QQ314159"
    assert status["Original-Recipient"].replace(" ", "") == "rfc822;first+choice@far.test"


def test_ret_hdrs_returns_no_body(gateway: Gateway) -> None:
    submit(gateway, "refused3@far.test", "", " RET=HDRS", text="not to be returned")
    assert "not to be returned" not in report_about(gateway, "refused3@far.test").as_string()


def test_without_a_key_only_the_header_goes_back(gateway: Gateway) -> None:
    """RET=FULL or not: what would return in clear is the outer header alone."""
    submit(gateway, "refused4@far.test", "", " RET=FULL", text="stays sealed")
    assert "stays sealed" not in report_about(gateway, "refused4@far.test").as_string()


def test_with_a_key_the_message_goes_back_encrypted(gateway: Gateway) -> None:
    with machine.folder("gpg") as path:
        gnupg = GnuPG(path / "home")
        gateway.import_key(gnupg.make_key("Bob <bob@postern.test>"))
        submit(gateway, "refused5@far.test", "", " RET=FULL", text="returned sealed", login="bob")
        raw = gateway.maildir("bob").find("Action: failed")
        assert b"returned sealed" not in raw and b"marked subject" not in raw
        begin = raw.index(b"-----BEGIN PGP MESSAGE-----")
        assert b"returned sealed" in gnupg.decrypt(raw[begin:])
        gnupg.close()


def test_notify_never_means_never(gateway: Gateway) -> None:
    submit(gateway, "refused6@far.test", " NOTIFY=NEVER")
    submit(gateway, "refused7@far.test")
    report_about(gateway, "refused7@far.test")
    gateway.wait_until_empty()
    assert not any(b"refused6@far.test" in m for m in gateway.maildir("alice").messages())


def test_notify_success_reports_delivery_into_a_maildir(gateway: Gateway) -> None:
    submit(gateway, "bob@postern.test", " NOTIFY=SUCCESS", text="for bob")
    assert status_of(report_about(gateway, "Action: delivered"))["Action"] == "delivered"


def test_dsn_options_travel_on_to_a_next_hop_that_knows_them(gateway: Gateway, hop: NextHop) -> None:
    submit(gateway, "fine1@far.test", " NOTIFY=SUCCESS,DELAY ORCPT=rfc822;other@far.test", " ENVID=E77 RET=FULL")
    came = hop.wait_for("fine1@far.test")
    assert "ENVID=E77" in came.mail.upper() and "RET=FULL" in came.mail.upper()
    assert "NOTIFY=SUCCESS,DELAY" in came.recipients[0].upper() and "other@far.test" in came.recipients[0]


def test_a_next_hop_without_dsn_makes_us_say_relayed(make_own_gateway) -> None:
    plain = NextHop(extensions=("8BITMIME",)).start()
    gateway = make_own_gateway(relay_port=plain.port).start()
    gateway.add_user("alice")
    submit(gateway, "fine2@far.test", " NOTIFY=SUCCESS")
    assert status_of(report_about(gateway, "fine2@far.test"))["Action"] == "relayed"
    assert "NOTIFY" not in plain.received[0].recipients[0]
    plain.stop()


def test_one_report_tells_of_each_refused_recipient(gateway: Gateway, hop: NextHop) -> None:
    with gateway.sign_in() as talk:
        talk.send_mail(ALICE, ["refused8@far.test", "fine8@far.test", "refused9@far.test"], message.simple("x", sender=ALICE))
    hop.wait_for("fine8@far.test")
    report_about(gateway, "refused8@far.test")
    report_about(gateway, "refused9@far.test")
    assert not any(b"fine8@far.test" in m and b"Action: failed" in m and b"refused" not in m for m in gateway.maildir("alice").messages())


def test_the_null_sender_gets_no_report_and_the_discard_is_counted_and_readable(gateway: Gateway, hop: NextHop) -> None:
    """A double bounce: the report about the first failure fails too."""
    before = discards(gateway)
    gateway.add_alias("gone@postern.test", "refused10@far.test")
    gateway.send("", "gone@postern.test", message.simple("double bounce"))
    machine.eventually(lambda: discards(gateway) == before + 1, "a counted discard")
    assert not any(m.sender == "" and b"multipart/report" in m.content for m in hop.received)


def discards(gateway: Gateway) -> int:
    return len(gateway.facts("queue", "discarded"))


def test_a_stranger_gets_no_report_for_what_was_refused_in_the_session(gateway: Gateway, hop: NextHop) -> None:
    count = len(hop.received)
    with gateway.connect() as talk:
        talk.ehlo()
        talk.expect("MAIL FROM:<s@example.net>", 250)
        talk.expect("RCPT TO:<nobody@postern.test>", 550)
    gateway.wait_until_empty()
    assert len(hop.received) == count


# Time passes


def pass_time(gateway: Gateway, seconds: int, step: int, until: Callable[[], bool]) -> bool:
    """Lets time pass in steps, each long enough for one more try, until something happens."""
    for _ in range(seconds // step):
        gateway.clock.advance(step)
        try:
            machine.eventually(until, "", patience=1)
            return True
        except AssertionError:
            continue
    return False


def reports(gateway: Gateway, action: str) -> int:
    return sum(f"Action: {action}".encode() in m for m in gateway.maildir("alice").messages())


def test_after_four_hours_one_warning_and_after_five_days_the_end(patient: Gateway) -> None:
    identifier = submit(patient, "busy1@far.test")
    machine.eventually(lambda: patient.trace(identifier)[0]["attempts"] >= 1, "a first try")
    assert "come back later" in patient.trace(identifier)[0]["lastReply"]
    assert not pass_time(patient, 3 * HOUR, HOUR, lambda: reports(patient, "delayed") > 0)
    assert pass_time(patient, 6 * HOUR, HOUR, lambda: reports(patient, "delayed") == 1)
    assert not pass_time(patient, 4 * DAY, DAY, lambda: reports(patient, "delayed") > 1 or reports(patient, "failed") > 0)
    assert pass_time(patient, 2 * DAY, DAY // 2, lambda: reports(patient, "failed") == 1)
    assert status_of(report_about(patient, "Action: failed"))["Status"][:2] in ("4.", "5.")
    patient.wait_until_empty()


def test_tries_come_less_and_less_often(patient: Gateway, hop: NextHop) -> None:
    identifier = submit(patient, "busy2@far.test")
    seen = []
    for _ in range(6):
        count = machine.eventually(lambda: patient.trace(identifier)[0]["attempts"] > len(seen), "another try")
        copy = machine.eventually(lambda: next((c for c in patient.trace(identifier) if c["nextTry"]), None), "a next try")
        seen.append(copy["nextTry"])
        patient.clock.advance(max(60, int(copy["nextTry"] - wall(patient)) + 1))
        assert count
    waits = [b - a for a, b in zip(seen, seen[1:])]
    assert all(wait <= 4 * HOUR * 1.5 for wait in waits) and waits[-1] > waits[0], waits


def wall(gateway: Gateway) -> float:
    return time.time() + gateway.clock.wall


def test_a_wall_clock_that_jumps_expires_nothing_early(patient: Gateway, hop: NextHop) -> None:
    identifier = submit(patient, "busy3@far.test")
    machine.eventually(lambda: patient.trace(identifier)[0]["attempts"] >= 1, "a first try")
    patient.clock.set(wall=400 * DAY, boot=120)
    machine.eventually(lambda: patient.trace(identifier)[0]["attempts"] >= 2, "a second try")
    assert reports(patient, "failed") == 0
    patient.clock.set(wall=-400 * DAY, boot=20 * 60)
    machine.eventually(lambda: patient.trace(identifier)[0]["attempts"] >= 3, "a third try")
    assert reports(patient, "failed") == 0


def test_two_gateways_that_point_at_each_other_stop(make_own_gateway) -> None:
    first = make_own_gateway("loop.toml", hostname="one.postern.test", relay_port=0)
    second = make_own_gateway("loop.toml", hostname="two.postern.test", relay_port=first.ports["mx"])
    first.write_settings(pathlib.Path(__file__).parent / "loop.toml", {
        "hostname": "one.postern.test", "relay_port": second.ports["mx"], "certificate": tls(second)[0], "key": tls(second)[1]})
    for one in (first, second):
        one.start()
        one.add_user("alice")
    submit(first, "round@peer.test")
    # Whichever of them has had enough, the other one reports it.
    boxes = [first.maildir("alice"), second.maildir("alice")]
    report = machine.eventually(lambda: [m for box in boxes for m in box.messages()], "a report about the loop")
    assert len(report) == 1 and b"Status: 5.4.6" in report[0]
    first.wait_until_empty()
    second.wait_until_empty()


def tls(gateway: Gateway) -> list[str]:
    """The files that its settings name as certificate and key."""
    return [line.split('"')[1] for line in gateway.config.read_text().splitlines() if line.startswith(("certificate =", "key ="))]
