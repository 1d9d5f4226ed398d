# SPDX-License-Identifier: Apache-2.0
"""Prints what a 10 KiB message costs, part by part beside its floor, and encryption beside gpg, librnp and the bare primitives."""

import os
import pathlib
import subprocess
import tempfile
import time

ROOT = pathlib.Path(__file__).resolve().parents[1]
POSTERN = pathlib.Path(os.environ.get("POSTERN_RELEASE_BINARY", ROOT / ".build/release/postern"))
KEY = ROOT / "Tests" / "Fixtures" / "keys" / "rsa4096.pub.asc"
MESSAGES = 60


def parts() -> dict[str, float]:
    """Microseconds by part, from the Swift side."""
    done = subprocess.run(
        [POSTERN.parent / "Measure", POSTERN, KEY], cwd=ROOT, capture_output=True, text=True, check=True)
    return {name: float(number) for name, number in (line.split("\t") for line in done.stdout.splitlines())}


def gpg() -> float:
    """Microseconds a message for a gpg process each, keys imported and trusted before."""
    with tempfile.TemporaryDirectory(prefix="pg-", dir="/var/tmp") as home:
        base = ["gpg", "--homedir", home, "--batch", "--quiet", "--no-auto-check-trustdb"]
        subprocess.run([*base, "--import", KEY], check=True, capture_output=True)
        text = b"The quick brown fox jumps over the lazy dog, and the dog does not mind it.\r\n" * 134
        command = [*base, "--trust-model", "always", "--armor", "--compress-algo", "none", "-r", "rsa4096@keys.test", "--encrypt"]
        subprocess.run(command, input=text, capture_output=True, check=True)
        began = time.monotonic()
        for _ in range(MESSAGES):
            subprocess.run(command, input=text, capture_output=True, check=True)
        return (time.monotonic() - began) / MESSAGES * 1e6


def main() -> None:
    cost = parts()
    for name, number in cost.items():
        print(f"{name}: {number:.1f} µs")
    own = cost["encrypt: own writer, RSA-4096"]
    process = gpg()
    print(f"encrypt: gpg, a process a message: {process:.0f} µs")
    print(f"encryption: {process / own:.1f} x gpg, {cost['encrypt: librnp, RSA-4096'] / own:.1f} x librnp, "
          f"{own / cost['encrypt.floor: bare primitives']:.2f} times the bare primitives' cost")


if __name__ == "__main__":
    main()
