# SPDX-License-Identifier: Apache-2.0
"""Relays the same load through Postern and through a private Postfix, one after the other, and prints both rates and their ratio.

smtp-source (20 connections, 10 KiB a message) -> server -> smtp-sink, which ends by itself after the last message.
"""

import argparse
import pathlib
import shutil
import subprocess
import sys
import time

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "Tests" / "EndToEnd"))

from harness import machine  # noqa: E402
from harness.gateway import Gateway  # noqa: E402
from harness.peers.postfix import Postfix  # noqa: E402

SETTINGS = """\
level = 1
hostname = "gateway.postern.test"
data = "${data}"
networks = ["127.0.0.0/8"]

[vault]
passphrase_file = "${passphrase}"

[[listener]]
role = "mx"
address = "127.0.0.1"
port = ${mx_port}

[[route]]
domain = "*"
relay = "127.0.0.1:${sink_port}"
tls = "off"

[delivery]
connections_per_host = 20
connections_per_domain = 20
"""


def sink(port: int, count: int) -> subprocess.Popen[bytes]:
    """A next hop that takes `count` messages and ends."""
    process = subprocess.Popen(
        [machine.program("smtp-sink"), "-u", "nobody", "-M", str(count), f"127.0.0.1:{port}", "256"],
        stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    machine.eventually(lambda: machine.accepts(port), "smtp-sink")
    return process


def measure(server_port: int, sink_port: int, count: int, sessions: int, length: int) -> tuple[float, float]:
    """Messages a second until the last was accepted, and until the last had arrived."""
    receiver = sink(sink_port, count)
    began = time.monotonic()
    subprocess.run(
        [machine.program("smtp-source"), "-m", str(count), "-s", str(sessions), "-l", str(length), "-f", "a@source.test", "-t",
         "b@sink.test", f"127.0.0.1:{server_port}"], check=True)
    accepted = time.monotonic()
    receiver.wait(600)
    arrived = time.monotonic()
    return count / (accepted - began), count / (arrived - began)


def through_postern(arguments: argparse.Namespace) -> tuple[float, float]:
    machine.BINARY = machine.RELEASE_BINARY
    with machine.folder("bench") as folder:
        port = machine.free_port()
        gateway = Gateway(folder, SETTINGS, {"sink_port": port}).start()
        try:
            measure(gateway.ports["mx"], port, 200, arguments.sessions, arguments.length)
            return measure(gateway.ports["mx"], port, arguments.messages, arguments.sessions, arguments.length)
        finally:
            gateway.end()


def through_postfix(arguments: argparse.Namespace) -> tuple[float, float]:
    with machine.folder("bench") as folder:
        port = machine.free_port()
        # The sink stands before Postfix starts, or the destination counts as dead.
        waiting = sink(port, 1)
        postfix = Postfix(folder / "postfix", [])
        with (postfix.config / "main.cf").open("a") as main:
            main.write(f"relayhost = [127.0.0.1]:{port}\nmynetworks = 127.0.0.0/8\n")
            main.write("smtpd_relay_restrictions = permit_mynetworks, reject\ndefault_destination_concurrency_limit = 20\n")
        postfix.start()
        try:
            waiting.terminate()
            waiting.wait()
            measure(postfix.port, port, 200, arguments.sessions, arguments.length)
            return measure(postfix.port, port, arguments.messages, arguments.sessions, arguments.length)
        finally:
            postfix.stop()
            shutil.rmtree(folder / "postfix" / "queue", ignore_errors=True)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--messages", type=int, default=4000)
    parser.add_argument("--sessions", type=int, default=20)
    parser.add_argument("--length", type=int, default=10_240)
    parser.add_argument("--rounds", type=int, default=3)
    arguments = parser.parse_args()
    ratios = []
    for number in range(arguments.rounds):
        postfix = through_postfix(arguments)
        postern = through_postern(arguments)
        ratios.append(postern[1] / postfix[1])
        print(
            f"relay round {number + 1}: postern {postern[0]:.0f} accepted/s, {postern[1]:.0f} end to end/s; "
            f"postfix {postfix[0]:.0f} accepted/s, {postfix[1]:.0f} end to end/s; ratio {ratios[-1]:.2f}", flush=True)
    ratios.sort()
    print(f"relay: {ratios[len(ratios) // 2]:.2f} x postfix (median of {len(ratios)} rounds)")


if __name__ == "__main__":
    main()
