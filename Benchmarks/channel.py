# SPDX-License-Identifier: Apache-2.0
"""What the decision about the channel to a mail host costs, from cache and cold, and how many TLS handshakes mail to one next hop takes.

The name server is a private nsd with signed zones; the mail host is one of our own that counts handshakes.
"""

import pathlib
import subprocess
import sys

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "Tests" / "EndToEnd"))

from harness import machine, message  # noqa: E402
from harness.gateway import Gateway  # noqa: E402
from harness.peers.certificates import Authority  # noqa: E402
from harness.peers.names import NameServer  # noqa: E402
from harness.peers.nexthop import NextHop  # noqa: E402

MEASURE = machine.RELEASE_BINARY.parent / "Measure"
TLSA = "_25._tcp.mx IN TLSA 3 1 1 " + "01" * 32
DOMAINS = [f"bench{number}.test" for number in range(20)]
MESSAGES = 500

SETTINGS = """\
level = 1
hostname = "gateway.postern.test"
data = "${data}"
networks = ["127.0.0.0/8"]

[vault]
passphrase_file = "${passphrase}"

[delivery]
port = ${mail_port}

[resolver]
trust_anchor_file = "${anchors}"
stubs = ["peer.test=127.0.0.1@${dns_port}"]

[[listener]]
role = "mx"
address = "127.0.0.1"
port = ${mx_port}

[[route]]
domain = "*"
mx = true
"""


def decisions(folder: pathlib.Path) -> None:
    records = ["@ IN MX 10 mx", "mx IN A 127.0.0.1", TLSA]
    names = NameServer(folder / "names", {name: records for name in DOMAINS}, bogus={name: ("3600", "3600") for name in DOMAINS}).start()
    try:
        subprocess.run([MEASURE, "channel", str(names.port), names.anchors, *DOMAINS], check=True)
    finally:
        names.stop()


def handshakes(folder: pathlib.Path) -> None:
    certificate = Authority(folder / "ca").issue("mx", "mx.peer.test")
    host = NextHop(certificate=certificate).start()
    names = NameServer(folder / "zones", {"peer.test": ["@ IN MX 10 mx", "mx IN A 127.0.0.1"]}).start()
    machine.BINARY = machine.RELEASE_BINARY
    (folder / "gateway").mkdir()
    gateway = Gateway(folder / "gateway", SETTINGS, {"mail_port": host.port, "anchors": names.anchors, "dns_port": names.port}).start()
    try:
        with gateway.connect() as talk:
            talk.ehlo()
            for _ in range(MESSAGES):
                talk.send_mail("a@source.test", "b@peer.test", message.simple())
        host.wait(MESSAGES)
        count = host.commands.count("STARTTLS")
        assert all(m.tls for m in host.received)
        print(f"relay over TLS: {MESSAGES} messages to one mail host, {count} handshakes, {MESSAGES / count:.0f} messages a handshake")
    finally:
        gateway.end()
        names.stop()
        host.stop()


def main() -> None:
    with machine.folder("channel") as folder:
        decisions(folder)
        handshakes(folder)


if __name__ == "__main__":
    main()
