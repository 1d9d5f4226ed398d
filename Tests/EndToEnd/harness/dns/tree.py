# SPDX-License-Identifier: Apache-2.0
"""The signed tree: root, `test.` and what lies below, with real delegations, served by NSD on port 53 of an address of its own."""

import os
import pathlib
import signal
import subprocess
from collections.abc import Callable

from harness import machine
from harness.dns.scripted import ScriptedServer, refuse
from harness.dns.zone import Signer, Signing, Zone

SERVER = """\
server:
  ip-address: {address}@53
  username: ""
  zonesdir: "{folder}"
  database: ""
  pidfile: "{folder}/nsd.pid"
  xfrdfile: "{folder}/xfrd.state"
  xfrdir: "{folder}"
  zonelistfile: "{folder}/zone.list"
  server-count: 1
  tcp-count: 200
  rrl-ratelimit: 0
remote-control:
  control-enable: no
"""


class Tree:
    """
    Needs a network of its own (harness.network), for port 53. `root_anchor` and `test_anchor` are files with trust anchors: of the
    root, for who asks from there, and of `test.`, for who is given `test.` as a stub. `prepare` may change zones by what the keys are.
    """

    address = "127.0.53.1"

    def __init__(self, folder: pathlib.Path, zones: list[Zone], prepare: Callable[[Signer], None] = lambda signer: None):
        folder.mkdir(parents=True, exist_ok=True)
        self.folder = folder
        self.root_anchor, self.test_anchor = folder / "root.anchor", folder / "test.anchor"
        self.zones = {zone.name: zone for zone in [Zone("."), Zone("test"), *zones]}
        self.signer = Signer(folder)
        self.refusing = ScriptedServer("127.0.53.4", refuse)
        for zone in zones:
            if zone.signing is Signing.LAME:
                zone.server = self.refusing.address
        self.process: subprocess.Popen[bytes] | None = None
        prepare(self.signer)
        # The deepest first: a parent holds what its children's keys are.
        for zone in sorted(self.zones.values(), key=lambda z: z.depth, reverse=True):
            self._write(zone)
        self.root_anchor.write_text(self.signer.digest(self.zones["."]) + "\n")
        self.test_anchor.write_text(self.signer.digest(self.zones["test"]) + "\n")
        self._configure()

    @property
    def stub(self) -> str:
        """For `[resolver] stubs`."""
        return f"test={self.address}@53"

    def start(self) -> "Tree":
        self.process = subprocess.Popen(
            [machine.program("nsd"), "-d", "-c", self.folder / "nsd.conf"], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        self.refusing.start()
        machine.eventually(lambda: machine.accepts(53, self.address), "nsd")
        return self

    def stop(self) -> None:
        if self.process:
            self.process.terminate()
            self.process.wait()
        self.refusing.stop()

    def publish(self, *zones: Zone) -> None:
        """These zones' new contents; returns when they are served."""
        for zone in zones:
            zone.serial += 1
            self._write(zone)
        os.kill(int((self.folder / "nsd.pid").read_text()), signal.SIGHUP)
        for zone in zones:
            machine.eventually(lambda: self._serial(zone) == zone.serial, f"the new {zone.name}")

    def parent(self, zone: Zone) -> Zone:
        above = [z for z in self.zones.values() if z.name != zone.name and z.holds(zone.name)]
        return max(above, key=lambda z: len(z.name.strip(".")))

    def _write(self, zone: Zone) -> None:
        self.signer.write(zone, zone.text(self.address, self._delegations(zone)))

    def _delegations(self, zone: Zone) -> list[str]:
        lines = ["ns.root-servers.test. IN A " + self.address] if zone.name == "test" else []
        for child in self.zones.values():
            if child.name == "." or self.parent(child) is not zone:
                continue
            lines += [f"{child.absolute} IN NS {child.nameserver}", f"{child.nameserver} IN A {child.server or self.address}"]
            if child.signing not in (Signing.INSECURE, Signing.ISLAND, Signing.LAME):
                lines.append(self.signer.digest(child))
        return lines

    def _configure(self) -> None:
        text = SERVER.format(folder=self.folder, address=self.address)
        for zone in self.zones.values():
            if zone.server is None:
                text += f'zone:\n  name: "{zone.absolute}"\n  zonefile: "{self.signer.file(zone)}"\n'
        (self.folder / "nsd.conf").write_text(text)

    def _serial(self, zone: Zone) -> int:
        import dns.message
        import dns.query

        answer = dns.query.udp(dns.message.make_query(zone.absolute, "SOA"), self.address, timeout=machine.PATIENCE)
        return answer.answer[0][0].serial if answer.answer else 0
