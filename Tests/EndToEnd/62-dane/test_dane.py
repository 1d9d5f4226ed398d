# SPDX-License-Identifier: Apache-2.0
"""
DANE (RFC 7671, 7672): each row of harness/dane.py is a domain in a signed tree, and mail to it goes out by Postern and by Postfix with
`smtp_tls_security_level = dane`. What became of it is checked where it arrives, and where it waits.
"""

import pathlib
import re
from collections.abc import Iterator

import pytest

from harness import machine, message, outcomes
from harness.dane import ADDRESSES, BY_AUTHORITY, BY_KEY, CLEAR, DEFERRED, ENCRYPTED, Matrix, Row
from harness.dns.tree import Tree
from harness.dns.validator import Validator
from harness.gateway import Gateway
from harness.golden import Golden
from harness.outcomes import Outcome
from harness.peers import minting
from harness.peers.mailhosts import MailHosts
from harness.peers.sending_postfix import SendingPostfix, Verdict

MATRIX = Matrix()
BY_POSTFIX = "postfix@sender.test"
# What `postern explain --connect` says of a channel.
PROOFS = {
    DEFERRED: "", CLEAR: "in clear", ENCRYPTED: "encrypted, and nothing had to be proven", BY_KEY: "proven: the certificate matches TLSA",
    BY_AUTHORITY: "of the chain matches TLSA"}


@pytest.fixture(scope="module")
def tree(home: None, folder: pathlib.Path) -> Iterator[Tree]:
    made = Tree(folder / "dns", list(MATRIX.zones.values())).start()
    yield made
    made.stop()


@pytest.fixture(scope="module")
def hosts(home: None, folder: pathlib.Path) -> Iterator[MailHosts]:
    shown = {name: minting.save(folder / "chains", name, *chain) for name, chain in MATRIX.chains.shown.items()}
    made = MailHosts(folder / "hosts", {address: shown.get(name) for name, address in ADDRESSES.items()}).start()
    yield made
    made.stop()


@pytest.fixture(scope="module")
def postfix(tree: Tree, hosts: MailHosts, folder: pathlib.Path) -> Iterator[dict[str, Verdict]]:
    """Postfix's verdict on each row's recipient."""
    validator = Validator(folder / "unbound", tree).start()
    sender = SendingPostfix(folder / "postfix", validator.resolv_conf, "dane").start()
    recipients = [row.recipient for row in MATRIX.rows]
    try:
        sender.send(BY_POSTFIX, recipients, message.simple("by Postfix", sender=BY_POSTFIX))
        yield sender.verdicts(recipients)
    finally:
        sender.stop()
        validator.stop()


def of_postfix(row: Row, verdict: Verdict) -> str:
    """Postfix's verdict in the words of the rows; which usage matched it does not say."""
    if verdict.status != "sent":
        return DEFERRED
    if verdict.channel == "Verified":
        return row.expected if row.expected in (BY_KEY, BY_AUTHORITY) else "proven"
    # What `Trusted` means here: it had to match and did, and the MX records that led to it are not signed.
    return "demanded" if verdict.channel == "Trusted" else ENCRYPTED if verdict.channel else CLEAR


def test_postfix_gives_the_same_verdict_but_where_the_standards_page_says_why(
        postfix: dict[str, Verdict], hosts: MailHosts) -> None:
    page = (machine.REPOSITORY / "docs/standards.md").read_text()
    section = page.partition("### DANE beside Postfix")[2].partition("\n#")[0]
    explained = set(re.findall(r"^\| ([^|]+?) \|", section, re.MULTILINE)) - {"case", "---"}
    differing, wrong = set(), []
    for row in MATRIX.rows:
        verdict = postfix[row.recipient]
        got = of_postfix(row, verdict)
        if got != row.expected:
            differing.add(row.difference)
            if row.difference not in explained:
                wrong.append(f"{row.name}: {row.expected} here, {got} by Postfix: {verdict.reason}")
    assert not wrong, "\n".join(wrong)
    assert differing == explained, "the page explains what does not differ"


def test_what_postfix_says_it_sent_has_arrived_as_it_says(postfix: dict[str, Verdict], hosts: MailHosts) -> None:
    for row in MATRIX.rows:
        verdict = postfix[row.recipient]
        if verdict.status == "sent":
            machine.eventually(lambda: hosts.arrived(row.recipient, BY_POSTFIX), row.name)
        came = [a.tls for a in hosts.arrived(row.recipient, BY_POSTFIX)]
        assert came == ([verdict.channel != ""] if verdict.status == "sent" else []), row.name


@pytest.fixture(scope="module")
def gateway(make_gateway, tree: Tree, hosts: MailHosts) -> Gateway:
    made = make_gateway(stub=tree.stub, anchor=tree.test_anchor).start()
    made.add_user("alice")
    return made


@pytest.fixture(scope="module")
def postern(gateway: Gateway) -> dict[str, Outcome]:
    """What became of mail to each row's recipient."""
    return outcomes.outcomes(gateway, outcomes.submit(gateway, [row.recipient for row in MATRIX.rows]))


def test_row_49_row_50_each_row_ends_as_it_must(postern: dict[str, Outcome], hosts: MailHosts) -> None:
    wrong = []
    for row in MATRIX.rows:
        outcome = postern[row.recipient]
        if not outcome.waits:
            machine.eventually(lambda: hosts.arrived(row.recipient, outcomes.ALICE), row.name)
        came = [a.tls for a in hosts.arrived(row.recipient, outcomes.ALICE)]
        got = DEFERRED if outcome.waits else CLEAR if not came[0] else ENCRYPTED
        wanted = ENCRYPTED if row.expected in (BY_KEY, BY_AUTHORITY) else row.expected
        if got != wanted or (outcome.waits and outcomes.FAULTS[row.fault] not in outcome.reason):
            wrong.append(f"{row.name}: {wanted} {row.fault}, and it was {got} {outcome.reason}")
    assert not wrong, "\n".join(wrong)


def test_row_50_explain_says_of_each_row_what_is_demanded_and_shown(gateway: Gateway, postern: dict[str, Outcome]) -> None:
    golden, wrong = Golden(pathlib.Path(__file__).parent / "explain.txt"), []
    for row in MATRIX.rows:
        said = gateway.cli("explain", "--connect", row.recipient).stdout
        if PROOFS[row.expected] not in " ".join(said.split()):
            wrong.append(f"{row.name}: {row.expected}\n{said}")
        golden.add(row.name, said[said.index("The way to"):], {row.domain.split(".")[0]: "ROW"})
    assert not wrong, "\n".join(wrong)
    golden.check()
