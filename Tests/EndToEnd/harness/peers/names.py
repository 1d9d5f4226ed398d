# SPDX-License-Identifier: Apache-2.0
"""A private name server (NSD), with zones that are signed, plain, or signed and then changed."""

import pathlib
import subprocess

from harness import machine

SERVER = """\
server:
  ip-address: 127.0.0.1@{port}
  username: ""
  zonesdir: "{folder}"
  database: ""
  pidfile: "{folder}/nsd.pid"
  xfrdfile: "{folder}/xfrd.state"
  xfrdir: "{folder}"
  zonelistfile: "{folder}/zone.list"
  server-count: 1
remote-control:
  control-enable: no
"""


class NameServer:
    """`zones`: the records of each zone, beside its SOA and NS. Those in `bogus` are signed, and their records changed afterwards."""

    def __init__(self, folder: pathlib.Path, zones: dict[str, list[str]], bogus: dict[str, tuple[str, str]] | None = None,
                 signed: tuple[str, ...] = (), port: int | None = None):
        self.folder = folder
        self.port = port or machine.free_port()
        self.anchors = folder / "anchors"
        self.process: subprocess.Popen[bytes] | None = None
        folder.mkdir(parents=True, exist_ok=True)
        anchors, config = "", SERVER.format(port=self.port, folder=folder)
        for name, records in zones.items():
            file = folder / name
            file.write_text("\n".join([
                f"$ORIGIN {name}.", "$TTL 300", f"@ IN SOA ns.{name}. hostmaster.{name}. 1 3600 600 86400 60",
                f"@ IN NS ns.{name}.", "ns IN A 127.0.0.1", *records, ""]))
            if name in signed or name in (bogus or {}):
                anchors += self._sign(name)
                file = folder / f"{name}.signed"
            if bogus and name in bogus:
                before, after = bogus[name]
                assert before in file.read_text()
                file.write_text(file.read_text().replace(before, after))
            config += f'zone:\n  name: "{name}"\n  zonefile: "{file}"\n'
        self.anchors.write_text(anchors)
        (folder / "nsd.conf").write_text(config)

    def _sign(self, name: str) -> str:
        """Signs a zone with one key; the key as an anchor."""
        key = self._run("ldns-keygen", "-k", "-a", "ECDSAP256SHA256", name).strip()
        self._run("ldns-signzone", "-n", name, key)
        return (self.folder / f"{key}.ds").read_text()

    def _run(self, program: str, *arguments: str) -> str:
        done = subprocess.run([machine.program(program), *arguments], cwd=self.folder, capture_output=True, text=True)
        assert done.returncode == 0, f"{program}: {done.stderr}"
        return done.stdout

    def start(self) -> "NameServer":
        self.process = subprocess.Popen(
            [machine.program("nsd"), "-d", "-c", self.folder / "nsd.conf"], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        machine.eventually(lambda: machine.accepts(self.port), "nsd")
        return self

    def stop(self) -> None:
        if self.process:
            self.process.terminate()
            self.process.wait()
