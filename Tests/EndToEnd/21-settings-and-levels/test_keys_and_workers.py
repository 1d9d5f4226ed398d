# SPDX-License-Identifier: Apache-2.0
"""The keyring on the command line; and a worker that dies in the middle of its work costs that one import."""

import contextlib
import os
import pathlib
import signal
import subprocess
import threading

import pytest

from harness import canary, machine, openpgp
from harness.gateway import Gateway


@pytest.fixture(scope="module")
def gateway(make_gateway) -> Gateway:
    return make_gateway(relay_port=25).start()


def test_import_list_show_export_remove(gateway: Gateway) -> None:
    said = gateway.import_keys(*(openpgp.public_key(kind) for kind in openpgp.KINDS))
    assert said.count("@keys.test") >= len(openpgp.KINDS)
    keys = gateway.facts("keys", "list")
    assert len(keys) == len(openpgp.KINDS) and all(k["usable"] and k["trust"] == "confirmed" for k in keys)
    for kind in openpgp.KINDS:
        shown = gateway.facts("keys", "show", openpgp.address(kind))[0]
        assert shown["encryptsTo"] and openpgp.address(kind) in shown["addresses"]
        armor = gateway.cli("keys", "export", shown["fingerprint"]).stdout
        with machine.folder("gpg") as path:
            ring = openpgp.GnuPG(path / "home")
            ring.run("--import", stdin=armor.encode())
            assert shown["fingerprint"].encode() in ring.run("--with-colons", "--list-keys")
            ring.close()
    gateway.cli("keys", "remove", openpgp.address("p521"), "--yes")
    assert len(gateway.facts("keys", "list")) == len(openpgp.KINDS) - 1


def test_many_keys_in_one_file_binary_or_armored(gateway: Gateway) -> None:
    with machine.folder("gpg") as path:
        ring = openpgp.GnuPG(path / "home").import_kinds(["p521", "p384"])
        gateway.import_key(ring.run("--export"))
        gateway.import_key(ring.run("--armor", "--export"))
        ring.close()
    assert len(gateway.facts("keys", "list")) == len(openpgp.KINDS)


def test_foreign_signatures_are_stripped(gateway: Gateway) -> None:
    with machine.folder("gpg") as path:
        ring = openpgp.GnuPG(path / "home").import_kinds(["cv25519"])
        ring.make_key("Friend <friend@elsewhere.test>")
        ring.run("--yes", "--quick-sign-key", "--local-user", "friend@elsewhere.test",
                 next(l.split(":")[9] for l in ring.run("--with-colons", "--list-keys", "cv25519@keys.test").decode().splitlines()
                      if l.startswith("fpr")))
        signed = ring.run("--export", "cv25519@keys.test")
        gateway.import_key(signed)
        armor = gateway.cli("keys", "export", "cv25519@keys.test").stdout
        packets = openpgp.output(machine.program("bash"), "-c", f"printf %s '{armor}' | gpg --list-packets")
        ring.close()
    keyid = next(l for l in packets.decode().splitlines() if "keyid" in l).split()[-1]
    assert all(keyid[-8:] in line or "keyid" not in line for line in packets.decode().splitlines() if line.startswith(":signature"))


def workers(gateway: Gateway) -> list[int]:
    found = []
    for pid in canary.family(gateway.pid)[1:]:
        with contextlib.suppress(OSError):
            if b"worker" in pathlib.Path(f"/proc/{pid}/cmdline").read_bytes():
                found.append(pid)
    return found


def test_a_worker_killed_in_mid_job_costs_that_one_import(gateway: Gateway) -> None:
    """Whatever workers there are, are killed all the while that an import runs; the next one is judged by a fresh worker."""
    stop = threading.Event()
    killed = []

    def hunt() -> None:
        while not stop.is_set():
            for pid in workers(gateway):
                with contextlib.suppress(ProcessLookupError):
                    os.kill(pid, signal.SIGKILL)
                    killed.append(pid)

    hunter = threading.Thread(target=hunt)
    hunter.start()
    try:
        for _ in range(20):
            gateway.cli("keys", "import", str(openpgp.public_key("rsa4096")), check=False)
            if killed:
                break
    finally:
        stop.set()
        hunter.join()
    assert killed and gateway.alive
    gateway.import_keys(openpgp.public_key("rsa4096"))


def test_a_worker_has_no_network_and_no_files(gateway: Gateway) -> None:
    gateway.import_keys(openpgp.public_key("rsa3072"))
    for pid in workers(gateway):
        status = pathlib.Path(f"/proc/{pid}/status").read_text()
        assert "NoNewPrivs:\t1" in status and "Seccomp:\t2" in status
        assert not list(canary.open_files(pid))


def test_a_worker_by_hand_reads_only_its_own_language() -> None:
    done = subprocess.run([str(machine.BINARY), "worker"], input=os.urandom(100_000), capture_output=True, timeout=machine.PATIENCE)
    assert done.returncode is not None
