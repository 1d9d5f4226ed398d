# SPDX-License-Identifier: Apache-2.0
"""
A cached `enforce` ends by its age or by a valid `none` and by nothing else. Each row's domain has such a policy in the cache; then what it
publishes changes, and its mail host shows a certificate that proves nothing: mail waits until the policy has expired.
"""

import pathlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass

import pytest

from harness import machine, outcomes
from harness.dns.tree import Tree
from harness.dns.zone import Signing, Zone
from harness.gateway import Gateway
from harness.peers import minting
from harness.peers.certificates import Certificate
from harness.peers.mailhosts import MailHosts
from harness.peers.policyhost import PolicyHost, Served, policy

ZONE = "sts.test"
GOOD, BAD = "127.1.0.1", "127.1.0.2"
AGE = 3 * 86_400
ROOT = minting.authority("Public root of these tests")


@dataclass
class Row:
    """`record` is the TXT record's data afterwards, and `served` what the policy host answers then. `holds`: the policy still does."""

    name: str
    served: Callable[[dict[str, Certificate]], Served]
    record: str | None = '"v=STSv1; id=2;"'
    holds: bool = True

    @property
    def domain(self) -> str:
        return f"{self.name}.{ZONE}"

    def records(self, record: str | None, address: str) -> list[str]:
        """The mail host changes its name with its certificate, as its connections are kept for a while."""
        host = f"{self.name}-{'mx' if address == GOOD else 'other-mx'}"
        lines = [f"{self.name} 0 IN MX 10 {host}", f"{host} 0 IN A {address}", f"mta-sts.{self.name} 0 IN A {PolicyHost.address}"]
        return lines + ([f"_mta-sts.{self.name} 0 IN TXT {record}"] if record else [])


def served(body: bytes | None, status: str = "200 OK", certificate: str = "", endless: bool = False, type: str = "text/plain",
           *headers: str) -> Callable[[dict[str, Certificate]], Served]:
    return lambda certificates: Served(body, status, [f"Content-Type: {type}", *headers], certificates.get(certificate), endless)


OTHER = policy("none")
ROWS = [
    Row("record-gone", served(OTHER), record=None),
    Row("record-broken", served(OTHER), record='"v=STSv1; id=not!valid;"'),
    Row("two-records", served(OTHER), record='"v=STSv1; id=2;"\n_mta-sts.two-records 0 IN TXT "v=STSv1; id=3;"'),
    Row("host-closes", served(None)),
    Row("error", served(OTHER, "500 Internal Server Error")),
    Row("not-found", served(OTHER, "404 Not Found")),
    Row("redirect", served(
        OTHER, "302 Found", "", False, "text/plain", "Location: https://mta-sts.ended.sts.test/.well-known/mta-sts.txt")),
    Row("none-by-wrong-name", served(OTHER, certificate="stranger")),
    Row("none-by-expired", served(OTHER, certificate="expired")),
    Row("none-by-selfsigned", served(OTHER, certificate="selfsigned")),
    Row("html", served(b"<html><body>Welcome</body></html>", type="text/html")),
    Row("html-as-text", served(b"<html><body>Welcome</body></html>")),
    Row("wrong-syntax", served(b"version: STSv1\nmode none\nmax_age: 86400\n")),
    Row("wrong-version", served(b"version: STSv2\nmode: none\nmax_age: 86400\n")),
    Row("no-age", served(b"version: STSv1\nmode: testing\nmx: *.sts.test\n")),
    Row("age-zero", served(policy("testing", f"*.{ZONE}", max_age=0))),
    Row("age-over-a-year", served(policy("testing", f"*.{ZONE}", max_age=31_557_601))),
    Row("too-large", served(OTHER + b"x: " + b"y" * 70_000 + b"\r\n")),
    Row("endless", served(b"mx: a.sts.test\r\n" * 64, endless=True)),
    Row("compressed", served(b"\x1f\x8b\x08" + b"\x00" * 64, "200 OK", "", False, "text/plain", "Content-Encoding: gzip")),
    # What does end it, or keep it by itself.
    Row("ended", served(OTHER), holds=False),
    Row("testing-now", served(policy("testing", f"*.{ZONE}")), holds=False),
    # RFC 8461 section 4.1: a certificate for a name of the policy does not help a host that is not in it.
    Row("row-54-host-not-listed", served(policy("enforce", f"row-54-host-not-listed-mx.{ZONE}"))),
]


@pytest.fixture(scope="module")
def certificates(folder: pathlib.Path) -> dict[str, Certificate]:
    names = [f"mta-sts.{row.domain}" for row in ROWS]
    made = {
        "root": ROOT, "policies": minting.server(names, ROOT), "stranger": minting.server(["elsewhere.test"], ROOT),
        "expired": minting.server(names, ROOT, days=(-20, -10)), "selfsigned": minting.server(names, None),
        "mail": minting.server([f"*.{ZONE}"], ROOT),
        # For row 54: valid, for the name that the policy lists.
        "bad": minting.server([f"row-54-host-not-listed-mx.{ZONE}"], ROOT)}
    return {name: minting.save(folder / "certificates", name, *one.chain()) for name, one in made.items()}


@pytest.fixture(scope="module")
def tree(home: None, folder: pathlib.Path) -> Iterator[Tree]:
    lines = [line for row in ROWS for line in row.records('"v=STSv1; id=1;"', GOOD)]
    made = Tree(folder / "dns", [Zone(ZONE, lines, Signing.INSECURE)]).start()
    yield made
    made.stop()


@pytest.fixture(scope="module")
def hosts(home: None, certificates: dict[str, Certificate], folder: pathlib.Path) -> Iterator[MailHosts]:
    made = MailHosts(folder / "hosts", {GOOD: certificates["mail"], BAD: certificates["bad"]}).start()
    yield made
    made.stop()


@pytest.fixture(scope="module")
def policies(home: None, certificates: dict[str, Certificate]) -> Iterator[PolicyHost]:
    made = PolicyHost(certificates["policies"]).start()
    for row in ROWS:
        made.served[row.domain] = Served(policy("enforce", f"{row.name}-mx.{ZONE}", f"{row.name}-other-mx.{ZONE}", max_age=AGE))
    yield made
    made.stop()


@pytest.fixture(scope="module")
def gateway(make_gateway, tree: Tree, policies: PolicyHost, hosts: MailHosts, certificates: dict[str, Certificate]) -> Gateway:
    made = make_gateway(stub=tree.stub, anchor=tree.test_anchor, ca=certificates["root"].certificate).start()
    made.add_user("alice")
    return made


def test_row_53_row_54_a_cached_enforce_ends_by_its_age_or_a_valid_none(
        gateway: Gateway, hosts: MailHosts, tree: Tree, policies: PolicyHost, certificates: dict[str, Certificate]) -> None:
    def send(name: str) -> dict[str, outcomes.Outcome]:
        return outcomes.outcomes(gateway, outcomes.submit(gateway, [f"{name}@{row.domain}" for row in ROWS]))

    first = send("first")
    for row in ROWS:
        assert not first[f"first@{row.domain}"].waits, f"{row.name}: {first[f'first@{row.domain}'].reason}"
        assert machine.eventually(lambda: hosts.arrived(f"first@{row.domain}", outcomes.ALICE), row.name)[0].tls

    for row in ROWS:
        policies.served[row.domain] = row.served(certificates)
    zone = tree.zones[ZONE]
    zone.records = [line for row in ROWS for line in row.records(row.record, BAD)]
    tree.publish(zone)
    second = send("second")
    wrong = []
    for row in ROWS:
        if bool(second[f"second@{row.domain}"].waits) != row.holds:
            wrong.append(f"{row.name}: {second[f'second@{row.domain}']}")
        if not row.holds:
            machine.eventually(lambda: hosts.arrived(f"second@{row.domain}", outcomes.ALICE), row.name)
    assert not wrong, "\n".join(wrong)

    # Its age ends it, unless a new policy has come, which holds in its turn.
    gateway.clock.advance(AGE + 60)
    for outcome in second.values():
        if outcome.waits:
            gateway.cli("queue", "retry", outcome.id, check=False)
    for row in ROWS:
        if row.name != "row-54-host-not-listed":
            machine.eventually(lambda: hosts.arrived(f"second@{row.domain}", outcomes.ALICE), row.name)
    assert not hosts.arrived("second@row-54-host-not-listed.sts.test", outcomes.ALICE)
