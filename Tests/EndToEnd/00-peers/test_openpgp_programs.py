# SPDX-License-Identifier: Apache-2.0
"""gpg, sq and rnp read what gpg wrote to every kind of test key, as far as they support the kind."""

import pathlib
from collections.abc import Iterator

import pytest

from harness import machine, openpgp
from harness.openpgp import GnuPG, RNP


@pytest.fixture(scope="module")
def gnupg() -> Iterator[GnuPG]:
    with machine.folder("gpg") as path:
        ring = GnuPG(path / "home").import_kinds()
        yield ring
        ring.close()


@pytest.fixture(scope="module")
def rnp() -> Iterator[RNP]:
    with machine.folder("rnp") as path:
        yield RNP(path / "home").import_kinds(k for k in openpgp.KINDS if k not in openpgp.NOT_BY_RNP)


@pytest.mark.parametrize("kind", openpgp.KINDS)
def test_each_program_reads_what_gpg_wrote(folder: pathlib.Path, gnupg: GnuPG, rnp: RNP, kind: str) -> None:
    text = f"to {kind}\r\n".encode()
    # The cipher is named, because for a key without preferences gpg takes 3DES, which sq no longer reads.
    made = gnupg.run("--armor", "--trust-model", "always", "--cipher-algo", "AES", "--encrypt", "--recipient",
                     openpgp.address(kind), stdin=text)
    file = folder / f"{kind}.asc"
    file.write_bytes(made)
    gnupg.decrypt_files([file])
    assert (folder / kind).read_bytes() == text
    if kind not in openpgp.NOT_BY_SQ:
        assert openpgp.decrypt_with_sq(kind, file) == text
    if kind not in openpgp.NOT_BY_RNP:
        assert rnp.decrypt(file) == text


def test_gpg_makes_and_revokes_keys_for_the_cases(gnupg: GnuPG) -> None:
    made = gnupg.make_key("Dora <dora@made.test>", "1y")
    assert b"BEGIN PGP PUBLIC KEY" in made
    assert len(gnupg.revoke("dora@made.test")) > len(made)
