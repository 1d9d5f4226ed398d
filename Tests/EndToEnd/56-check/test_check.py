# SPDX-License-Identifier: Apache-2.0
"""`postern check` tries the settings for real: each fault is told with its place and its remedy, and ends it with 1."""

import pathlib
import socket
import subprocess
from collections.abc import Iterator

import pytest

from harness import machine, setup
from harness.gateway import Gateway
from harness.peers.certificates import Authority, Certificate, openssl
from harness.peers.nexthop import NextHop


@pytest.fixture(scope="module")
def hop() -> Iterator[NextHop]:
    server = NextHop().start()
    yield server
    server.stop()


@pytest.fixture
def gateway(make_own_gateway, hop: NextHop) -> Gateway:
    return make_own_gateway(relay_port=hop.port, relay_tls="opportunistic", dns_port=machine.free_port()).initialise()


def change(gateway: Gateway, old: object, new: object) -> None:
    text = gateway.config.read_text()
    assert str(old) in text
    gateway.config.write_text(text.replace(str(old), str(new)))


def the_fault(gateway: Gateway, what: str) -> dict[str, str]:
    """The only one, with a remedy, which the plain table shows too."""
    fault, = setup.faults(gateway)
    assert fault["what"] == what and fault["remedy"]
    done = gateway.cli("check", check=False)
    assert done.returncode == 1 and fault["detail"] in done.stdout and "-> " + fault["remedy"] in done.stdout
    return fault


def test_settings_without_fault(gateway: Gateway) -> None:
    assert {t["state"] for t in setup.trials(gateway)} == {"ok"}
    assert "No fault was found." in gateway.cli("check").stdout


def test_the_running_gateways_own_ports_are_no_fault(gateway: Gateway) -> None:
    gateway.start()
    ports = [t for t in setup.trials(gateway) if t["what"] == "port"]
    assert len(ports) == 2 and all(t["state"] == "ok" and "running gateway" in t["detail"] for t in ports)


def test_offline_tries_nothing(gateway: Gateway, hop: NextHop) -> None:
    seen = len(hop.commands)
    change(gateway, hop.port, machine.free_port())
    assert gateway.cli("check", "--offline").returncode == 0
    assert "trials" not in gateway.cli("check", "--offline", "--json").stdout and len(hop.commands) == seen


def test_a_port_that_is_taken(gateway: Gateway) -> None:
    with socket.create_server(("127.0.0.1", gateway.ports["mx"])):
        fault = the_fault(gateway, "port")
    assert str(gateway.ports["mx"]) in fault["subject"] and "process" in fault["detail"]


def test_an_address_that_no_interface_has(gateway: Gateway) -> None:
    change(gateway, f'"127.0.0.1"\nport = {gateway.ports["mx"]}', f'"192.0.2.77"\nport = {gateway.ports["mx"]}')
    found = [t for t in setup.faults(gateway) if t["what"] == "port"]
    assert len(found) == 1 and "interface" in found[0]["detail"]


def test_a_certificate_for_another_name(gateway: Gateway) -> None:
    change(gateway, "gateway.postern.test", "other.postern.test")
    assert "gateway.postern.test" in the_fault(gateway, "certificate")["detail"]


def test_an_expired_certificate(gateway: Gateway, folder: pathlib.Path, own_certificate: Certificate, authority: Authority) -> None:
    expired = expire(folder, own_certificate, authority)
    change(gateway, own_certificate.certificate, expired)
    assert "expired" in the_fault(gateway, "certificate")["detail"]


def expire(folder: pathlib.Path, own: Certificate, authority: Authority) -> pathlib.Path:
    """A certificate for the same key whose time is over."""
    place = folder / "expired"
    place.mkdir()
    (place / "index").touch()
    (place / "serial").write_text("01\n")
    (place / "names").write_text("subjectAltName=DNS:gateway.postern.test\n")
    (place / "ca.cnf").write_text(
        f"[ca]\ndefault_ca=us\n[us]\ndatabase={place}/index\nserial={place}/serial\nnew_certs_dir={place}\n"
        "default_md=sha256\npolicy=any\n[any]\ncommonName=optional\n")
    openssl("req", "-new", "-key", own.key, "-out", place / "csr", "-subj", "/CN=gateway.postern.test")
    openssl("ca", "-batch", "-notext", "-config", place / "ca.cnf", "-cert", authority.root.certificate, "-keyfile",
            authority.root.key, "-in", place / "csr", "-out", place / "pem", "-startdate", "20200101000000Z",
            "-enddate", "20200301000000Z", "-extfile", place / "names")
    return place / "pem"


def test_a_key_that_belongs_to_another_certificate(gateway: Gateway, own_certificate: Certificate, authority: Authority) -> None:
    change(gateway, own_certificate.key, authority.issue("another", "gateway.postern.test").key)
    assert "belong together" in the_fault(gateway, "certificate")["detail"]


def test_a_certificate_that_is_not_there(gateway: Gateway, own_certificate: Certificate) -> None:
    change(gateway, own_certificate.certificate, gateway.folder / "nothing.pem")
    assert "no such file" in the_fault(gateway, "certificate")["detail"]


def test_a_secret_that_others_can_read(gateway: Gateway, own_certificate: Certificate) -> None:
    key = gateway.folder / "open.key"
    key.write_bytes(own_certificate.key.read_bytes())
    key.chmod(0o644)
    change(gateway, own_certificate.key, key)
    assert the_fault(gateway, "secret")["remedy"] == f"chmod o= {key}"


def test_a_next_hop_that_is_down(gateway: Gateway, hop: NextHop) -> None:
    change(gateway, hop.port, machine.free_port())
    assert "nothing answers" in the_fault(gateway, "next hop")["detail"]


def test_a_next_hop_without_the_tls_that_is_asked_for(gateway: Gateway) -> None:
    change(gateway, "opportunistic", "verify")
    assert "STARTTLS" in the_fault(gateway, "next hop")["detail"]


def test_a_next_hop_whose_certificate_is_for_another_name(gateway: Gateway, hop: NextHop, authority: Authority) -> None:
    other = NextHop(certificate=authority.issue("elsewhere", "elsewhere.test")).start()
    change(gateway, f'127.0.0.1:{hop.port}"\ntls = "opportunistic"',
           f'localhost:{other.port}"\ntls = "verify"\nca_file = "{authority.root.certificate}"')
    fault = the_fault(gateway, "next hop")
    other.stop()
    assert "another name" in fault["detail"]


def test_a_next_hop_that_refuses_us(gateway: Gateway, hop: NextHop) -> None:
    other = NextHop(answer=lambda verb, line: "554 5.7.1 not you" if verb == "EHLO" else None).start()
    change(gateway, hop.port, other.port)
    fault = the_fault(gateway, "next hop")
    other.stop()
    assert "554" in fault["detail"]


def test_an_lmtp_socket_that_is_not_there(gateway: Gateway, hop: NextHop) -> None:
    change(gateway, f'relay = "127.0.0.1:{hop.port}"\ntls = "opportunistic"', f'lmtp = "unix:{gateway.folder}/lmtp"')
    assert "no such socket" in the_fault(gateway, "next hop")["detail"]


def test_a_next_hop_that_is_the_gateway_itself(gateway: Gateway, hop: NextHop) -> None:
    """By an address of an interface, which the settings alone do not show."""
    change(gateway, f'relay = "127.0.0.1:{hop.port}"', f'relay = "{socket.gethostname()}:{gateway.ports["mx"]}"')
    change(gateway, f'address = "127.0.0.1"\nport = {gateway.ports["mx"]}', f'address = "::"\nport = {gateway.ports["mx"]}')
    found = [t for t in setup.faults(gateway) if t["what"] == "next hop"]
    assert len(found) == 1 and "itself" in found[0]["detail"]


def test_no_vault_yet(make_own_gateway, hop: NextHop) -> None:
    gateway = make_own_gateway(relay_port=hop.port, relay_tls="opportunistic", dns_port=machine.free_port())
    assert "vault init" in the_fault(gateway, "data")["remedy"]
    gateway.data.mkdir(mode=0o700)
    assert "vault init" in the_fault(gateway, "vault")["remedy"]


def test_a_passphrase_that_is_gone(gateway: Gateway) -> None:
    (gateway.folder / "passphrase").unlink()
    assert "opens the vault" in the_fault(gateway, "vault")["detail"]


def test_data_that_others_can_look_into(gateway: Gateway) -> None:
    gateway.data.chmod(0o755)
    assert the_fault(gateway, "data")["remedy"].startswith("chmod 700")


def test_a_full_disk(gateway: Gateway) -> None:
    with machine.folder("full") as place:
        subprocess.run(["mount", "-t", "tmpfs", "-o", "size=8m,mode=700", "none", str(place)], check=True)
        try:
            subprocess.run(["cp", "-a", f"{gateway.data}/.", str(place)], check=True)
            change(gateway, gateway.data, place)
            assert "MiB are free" in the_fault(gateway, "data")["detail"]
        finally:
            subprocess.run(["umount", str(place)], check=True)


def test_names_are_unknown_where_no_name_server_answers(gateway: Gateway) -> None:
    change(gateway, f'address = "127.0.0.1"\nport = {gateway.ports["mx"]}', f'address = "0.0.0.0"\nport = {gateway.ports["mx"]}')
    names = [t for t in setup.trials(gateway) if t["what"] == "dns"]
    assert names and {t["state"] for t in names} == {"unknown"}
