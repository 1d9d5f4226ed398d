# SPDX-License-Identifier: Apache-2.0
"""Fixtures that every case may use. A case's folder holds its settings as `postern.toml`, with `${name}` where a test fills in."""

import pathlib
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from harness import machine, network
from harness.gateway import Gateway
from harness.openpgp import GnuPG
from harness.peers.certificates import Authority, Certificate
from harness.peers.nexthop import NextHop
from harness.peers.providers import Operator

MakeGateway = Callable[..., Gateway]
MakeOperator = Callable[[str], Operator]


@pytest.fixture(scope="module")
def folder(request: pytest.FixtureRequest) -> Iterator[pathlib.Path]:
    """The case's own folder, gone after it."""
    with machine.folder(request.path.parent.name[:2]) as path:
        yield path


@pytest.fixture(scope="session")
def authority() -> Iterator[Authority]:
    """A certificate authority that nobody but the tests knows."""
    with machine.folder("ca") as path:
        yield Authority(path)


@pytest.fixture(scope="session")
def own_certificate(authority: Authority) -> Certificate:
    """The gateway's own certificate."""
    return authority.issue("gateway", "gateway.postern.test", "localhost", "127.0.0.1")


@pytest.fixture(scope="module")
def nexthop() -> Iterator[NextHop]:
    """A next hop that keeps every message it is sent."""
    hop = NextHop().start()
    yield hop
    hop.stop()


@pytest.fixture(scope="module")
def home() -> Iterator[None]:
    """A network of the module's own, where every port is free."""
    with network.private():
        yield


@pytest.fixture(scope="module")
def gnupg() -> Iterator[GnuPG]:
    """An empty keyring of the module's own."""
    with machine.folder("gpg") as path:
        made = GnuPG(path / "home")
        yield made
        made.close()


@pytest.fixture(scope="module")
def make_operator(folder: pathlib.Path) -> Iterator[MakeOperator]:
    """Makes the operator of a provider, with a keyring that ends with the module."""
    made: list[Operator] = []

    def make(domain: str) -> Operator:
        made.append(Operator(folder / f"operator-{len(made)}", domain))
        return made[-1]

    yield make
    for operator in made:
        operator.close()


@pytest.fixture(scope="module")
def make_gateway(request: pytest.FixtureRequest, own_certificate: Certificate) -> Iterator[MakeGateway]:
    """Makes a gateway from the case's `postern.toml` (or another template); it is not started yet. It ends with the module."""
    with _Gateways(request.path.parent, own_certificate) as made:
        yield made.make


@pytest.fixture
def make_own_gateway(request: pytest.FixtureRequest, own_certificate: Certificate) -> Iterator[MakeGateway]:
    """The same, but it ends with the test."""
    with _Gateways(request.path.parent, own_certificate) as made:
        yield made.make


class _Gateways:
    def __init__(self, case: pathlib.Path, certificate: Certificate):
        self.case = case
        self.certificate = certificate
        self.made: list[tuple[Any, Gateway]] = []

    def __enter__(self) -> "_Gateways":
        return self

    def make(self, template: str = "postern.toml", **values: Any) -> Gateway:
        scope = machine.folder(self.case.name[:2])
        path = scope.__enter__()
        own = {"certificate": self.certificate.certificate, "key": self.certificate.key}
        gateway = Gateway(path, self.case / template, own | values)
        self.made.append((scope, gateway))
        return gateway

    def __exit__(self, *_: object) -> None:
        problems = []
        for scope, gateway in reversed(self.made):
            try:
                gateway.end()
            except AssertionError as error:
                problems.append(str(error))
            finally:
                scope.__exit__(None, None, None)
        assert not problems, "\n".join(problems)
