# SPDX-License-Identifier: Apache-2.0
"""The test tree itself, without a gateway: what a validating resolver says about each zone. When this fails, look here first."""

import pathlib
from collections.abc import Iterator

import pytest

from harness.dns.tree import Tree
from harness.dns.validator import Validator
from harness.dns.zone import Damage, Signing, Tampering, Zone

ZONES = [
    Zone("secure.test", ["@ IN MX 10 mx", "mx IN A 127.1.0.1", "forged IN A 127.1.0.1", "stripped IN A 127.1.0.1", "broken IN A 127.1.0.1",
                         "plain IN CNAME mx.insecure.test.", "*.wild IN A 127.1.0.1"],
         tampered=[Tampering("forged", "A", Damage.FORGE, ("127.9.9.9",)), Tampering("stripped", "A", Damage.STRIP),
                   Tampering("broken", "A", Damage.BREAK), Tampering("planted", "A", Damage.PLANT, ("127.9.9.9",))]),
    Zone("deep.secure.test", ["mx IN A 127.1.0.1"]),
    Zone("insecure.test", ["mx IN A 127.1.0.1"], Signing.INSECURE),
    Zone("island.test", ["mx IN A 127.1.0.1"], Signing.ISLAND),
    Zone("expired.test", ["mx IN A 127.1.0.1"], Signing.EXPIRED),
    Zone("stripped.test", ["mx IN A 127.1.0.1"], Signing.STRIPPED),
    Zone("lame.test", ["mx IN A 127.1.0.1"], Signing.LAME),
]


@pytest.fixture(scope="module")
def tree(home: None, folder: pathlib.Path) -> Iterator[Tree]:
    made = Tree(folder / "dns", ZONES).start()
    yield made
    made.stop()


@pytest.fixture(scope="module")
def validator(tree: Tree, folder: pathlib.Path) -> Validator:
    return Validator(folder / "unbound", tree)


@pytest.mark.parametrize("name, type, said", [
    ("test", "NS", "secure"), ("secure.test", "MX", "secure"), ("mx.secure.test", "A", "secure"), ("mx.deep.secure.test", "A", "secure"),
    ("any.wild.secure.test", "A", "secure"), ("absent.secure.test", "A", "secure"), ("mx.secure.test", "TLSA", "secure"),
    ("plain.secure.test", "A", "insecure"), ("mx.insecure.test", "A", "insecure"), ("mx.island.test", "A", "insecure"),
    ("forged.secure.test", "A", "bogus"), ("stripped.secure.test", "A", "bogus"), ("broken.secure.test", "A", "bogus"),
    ("planted.secure.test", "A", "bogus"), ("mx.expired.test", "A", "bogus"), ("mx.stripped.test", "A", "bogus"),
    ("mx.lame.test", "A", "failed")])
def test_a_validator_sees_each_zone_as_it_is_meant(validator: Validator, name: str, type: str, said: str) -> None:
    assert validator.ask(name, type) == said


def test_a_zone_that_is_published_anew_is_served_with_new_signatures(tree: Tree, validator: Validator) -> None:
    zone = tree.zones["deep.secure.test"]
    zone.records.append("fresh IN A 127.1.0.2")
    assert validator.ask("fresh.deep.secure.test", "TXT") == "secure"
    tree.publish(zone)
    assert validator.ask("fresh.deep.secure.test", "A") == "secure"
