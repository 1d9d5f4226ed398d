# SPDX-License-Identifier: Apache-2.0
"""What can be wrong at a start: one sentence with the place and the remedy, and nothing that waits is lost."""

import contextlib
import os
import pathlib
import pwd
import shutil
import socket
import subprocess
import time
from collections.abc import Iterator

import pytest

from harness import machine, message
from harness.gateway import Gateway
from harness.peers.nexthop import NextHop


@pytest.fixture
def gateway(make_own_gateway) -> Gateway:
    return make_own_gateway(relay_port=machine.free_port()).initialise()


def refusal(gateway: Gateway, *arguments: str) -> str:
    done = gateway.cli("up", *arguments, check=False)
    said = done.stdout + done.stderr
    assert done.returncode in (1, 78) and "Fatal" not in said and "is ready" not in said, said
    assert said.strip()
    return said


def test_a_secret_that_everybody_may_read(gateway: Gateway) -> None:
    secret = gateway.folder / "passphrase"
    secret.chmod(0o644)
    said = refusal(gateway)
    assert "postern.toml:" in said and "vault.passphrase_file" in said and f"chmod o-rwx {secret}" in said
    secret.chmod(0o600)
    gateway.start()
    secret.chmod(0o644)
    done = gateway.cli("reload", check=False)
    assert done.returncode == 1 and "chmod" in done.stderr
    secret.chmod(0o600)


def test_two_gateways_on_one_data_directory(gateway: Gateway) -> None:
    gateway.start()
    assert "already" in refusal(gateway)
    # Another control socket does not help: the directory itself is taken.
    other = gateway.folder / "other.toml"
    text = gateway.config.read_text()
    for port in gateway.ports.values():
        text = text.replace(f"port = {port}", f"port = {machine.free_port()}")
    other.write_text(text + f'\n[control]\nsocket = "{gateway.folder}/run/other"\n')
    for locked in ([], ["--locked"]):
        done = subprocess.run([machine.BINARY, "up", "--config", other, *locked], capture_output=True, text=True, env=gateway.env,
                              timeout=machine.PATIENCE)
        assert done.returncode == 1 and "is a gateway running?" in done.stderr, done
    assert gateway.alive and gateway.status()["processID"] == gateway.pid


@contextlib.contextmanager
def small_disk(gateway: Gateway, *options: str) -> Iterator[None]:
    """The data directory as a file system of its own. Needs the right to mount."""
    gateway.data.mkdir(mode=0o700, exist_ok=True)
    subprocess.run(["mount", "-t", "tmpfs", "-o", ",".join(("size=8m,mode=0700", *options)), "tmpfs", gateway.data], check=True)
    try:
        yield
    finally:
        subprocess.run(["umount", "-l", gateway.data], check=True)


def test_a_read_only_disk(make_own_gateway) -> None:
    gateway = make_own_gateway(relay_port=25)
    with small_disk(gateway):
        gateway.cli("vault", "init")
        subprocess.run(["mount", "-o", "remount,ro", gateway.data], check=True)
        said = refusal(gateway)
        assert str(gateway.data) in said and "read-only" in said
        subprocess.run(["mount", "-o", "remount,rw", gateway.data], check=True)
        gateway.start()
        assert gateway.stop() == 0


def test_a_full_disk(make_own_gateway) -> None:
    hop = NextHop()
    gateway = make_own_gateway(relay_port=hop.port)
    with small_disk(gateway, "size=160m"):
        gateway.cli("vault", "init")
        gateway.start()
        identifier = gateway.send("s@example.net", "x@peer.test", message.simple("kept"))
        gateway.stop()
        filler = gateway.data / "filler"
        with contextlib.suppress(OSError), filler.open("wb", buffering=0) as out:
            while True:
                out.write(b"\0" * 4096)
        said = refusal(gateway)
        assert str(gateway.data) in said and "full" in said
        filler.unlink()
        gateway.start()
        assert [c["id"] for c in gateway.queue()] == [identifier]
        assert gateway.stop() == 0


def for_nobody(gateway: Gateway, own_certificate) -> pwd.struct_passwd:
    """Settings under which root becomes `nobody`, who may read what the gateway needs."""
    nobody = pwd.getpwnam("nobody")
    key, control = gateway.folder / "key.pem", gateway.folder / "own"
    shutil.copy(own_certificate.key, key)
    control.mkdir(mode=0o700)
    text = gateway.config.read_text().replace(str(own_certificate.key), str(key))
    gateway.config.write_text(
        "level = 1\nuser = \"nobody\"\n" + text.split("\n", 1)[1] + f'\n[control]\nsocket = "{control}/control"\n')
    for path in (gateway.folder / "passphrase", key, control):
        os.chown(path, nobody.pw_uid, nobody.pw_gid)
    return nobody


def test_a_data_directory_of_somebody_else(gateway: Gateway, own_certificate) -> None:
    for_nobody(gateway, own_certificate)
    shutil.chown(gateway.data, "daemon")
    gateway.data.chmod(0o755)
    (gateway.data / "vault").chmod(0o644)
    said = refusal(gateway)
    assert str(gateway.data) in said and "chown" in said


def test_root_becomes_the_user_that_the_settings_name(make_own_gateway, own_certificate) -> None:
    """On a port below 1024, which only root may bind; afterwards no thread has anything of root's left."""
    gateway = make_own_gateway(relay_port=25).initialise()
    nobody = for_nobody(gateway, own_certificate)
    port = next(p for p in range(1023, 600, -1) if not machine.accepts(p))
    gateway.config.write_text(gateway.config.read_text().replace(f"port = {gateway.ports['mx']}", f"port = {port}"))
    gateway.ports["mx"] = port
    for path in (gateway.data, *gateway.data.iterdir()):
        os.chown(path, nobody.pw_uid, nobody.pw_gid)
    gateway.start()
    with gateway.connect() as talk:
        talk.ehlo()
    for thread in pathlib.Path(f"/proc/{gateway.pid}/task").iterdir():
        facts = {line.split(":")[0]: line.split()[1:] for line in (thread / "status").read_text().splitlines()}
        assert set(facts["Uid"]) == {str(nobody.pw_uid)} and set(facts["Gid"]) == {str(nobody.pw_gid)}
        assert int(facts["CapEff"][0], 16) == int(facts["CapPrm"][0], 16) == 0
    assert gateway.status()["processID"] == gateway.pid
    gateway.cli("reload")


UNFIT = [("expired", "expired", "certificate-expired"), ("for another name", "is not for gateway.postern.test", "certificate-name")]


@pytest.mark.parametrize("what, words, alarm", UNFIT, ids=[u[0] for u in UNFIT])
def test_a_certificate_that_clients_would_refuse(make_own_gateway, authority, own_certificate, what: str, words: str, alarm: str) -> None:
    bad = authority.issue("other", "elsewhere.postern.test") if what == "for another name" else authority.issue("short", "gateway.postern.test")
    gateway = make_own_gateway(relay_port=25, certificate=bad.certificate, key=bad.key)
    if what == "expired":
        gateway.clock.advance(31 * 86_400)
    # Other servers encrypt all the same, so that mail goes on; the operator is told.
    gateway.start()
    machine.eventually(lambda: alarm in [a["name"] for a in gateway.status()["alarms"]], "the alarm")
    said = gateway.errors.read_text()
    assert "tls.certificate" in said and str(bad.certificate) in said and words in said
    # A change of settings is not held up by the certificate that is in use already.
    gateway.cli("reload")


@pytest.mark.parametrize("what, words", [u[:2] for u in UNFIT], ids=[u[0] for u in UNFIT])
def test_a_reload_does_not_take_such_a_certificate(make_own_gateway, authority, own_certificate, what: str, words: str) -> None:
    bad = authority.issue("worse", "elsewhere.postern.test" if what == "for another name" else "gateway.postern.test")
    gateway = make_own_gateway(relay_port=25)
    if what == "expired":
        gateway.clock.advance(31 * 86_400)
    gateway.start()
    text = gateway.config.read_text()
    gateway.config.write_text(text.replace(str(own_certificate.certificate), str(bad.certificate)).replace(
        str(own_certificate.key), str(bad.key)))
    done = gateway.cli("reload", check=False)
    assert done.returncode == 1 and words in done.stderr and str(bad.certificate) in done.stderr
    gateway.connect("submissions").close()


def test_a_port_that_is_taken(gateway: Gateway) -> None:
    with socket.create_server(("127.0.0.1", gateway.ports["submission"])):
        said = refusal(gateway)
    assert f"127.0.0.1:{gateway.ports['submission']}" in said and "[[listener]]" in said


def test_no_secret_and_nobody_to_ask(gateway: Gateway) -> None:
    text = gateway.config.read_text()
    start = text.index("[vault]")
    gateway.config.write_text(text[:start] + text[text.index("[tls]"):])
    said = refusal(gateway)
    assert "--locked" in said and "postern unlock" in said


def test_a_data_directory_of_a_newer_version(gateway: Gateway) -> None:
    vault = gateway.data / "vault"
    vault.write_text(vault.read_text().replace('"version" : 1', '"version" : 2'))
    assert "newer version" in refusal(gateway)


def test_a_data_directory_of_the_first_version_opens(make_own_gateway) -> None:
    """With its users, aliases, keys and waiting mail; the message leaves as it came."""
    hop = NextHop()
    gateway = make_own_gateway(relay_port=hop.port)
    gateway.data.mkdir(mode=0o700)
    for name in ("vault", "queue.sqlite", "keys.sqlite"):
        shutil.copy(machine.FIXTURES / "data-1" / name, gateway.data / name)
        (gateway.data / name).chmod(0o600)
    # Back to its own day, or the message would be too old.
    gateway.clock.set(1795354962 - int(time.time()), 0)
    gateway.start()
    assert [c["id"] for c in gateway.queue()] == ["gs6vlzbstunh6ktv"]
    users = gateway.facts("user", "list")
    assert [u["name"] for u in users["users"]] == ["alice"] and [a["address"] for a in users["aliases"]] == ["team@peer.test"]
    assert "009008B2790CC337" in gateway.cli("keys", "list").stdout
    hop.start()
    gateway.cli("queue", "retry", "--all", "--yes")
    assert b"From an earlier version." in hop.wait(1)[0].content
    hop.stop()
