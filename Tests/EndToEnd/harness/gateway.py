# SPDX-License-Identifier: Apache-2.0
"""The gateway under test: one `postern up` with its own settings, data, ports and clock."""

import json
import os
import pathlib
import re
import signal
import string
import subprocess
import time
from typing import Any

from harness import machine
from harness.conversation import Conversation
from harness.mailbox import Maildir

PASSPHRASE = "seven quiet herons over the weir"
PASSWORD = "a long password for tests"

# What the command line promises its callers.
READY = re.compile(r"^postern is ready: ", re.MULTILINE)
ROLES = ("mx", "submission", "submissions")


class Clock:
    """Offsets of the gateway's two clocks, which test builds read from a file whenever it changes."""

    def __init__(self, path: pathlib.Path):
        self.path = path
        self.wall = self.boot = 0
        self._write()

    def advance(self, seconds: int) -> None:
        """Lets time pass, on both clocks."""
        self.set(self.wall + seconds, self.boot + seconds)

    def set(self, wall: int, boot: int) -> None:
        self.wall, self.boot = wall, boot
        self._write()

    def _write(self) -> None:
        fresh = self.path.with_suffix(".new")
        fresh.write_text(f"{self.wall} {self.boot}\n")
        fresh.rename(self.path)
        # The gateway looks at the file every 20 ms; what is asked of it next must see the new time.
        time.sleep(0.06)


class Gateway:
    def __init__(self, folder: pathlib.Path, template: pathlib.Path | str, values: dict[str, Any] | None = None):
        self.folder = folder
        self.data = folder / "data"
        self.config = folder / "postern.toml"
        self.runtime = folder / "run"
        self.output = folder / "gateway.out"
        self.errors = folder / "gateway.err"
        self.clock = Clock(folder / "clock")
        self.ports = {role: machine.free_port() for role in ROLES}
        self.environment: dict[str, str] = {}
        self.wrapper: list[str] = []
        self.process: subprocess.Popen[bytes] | None = None
        self.starts = 0
        self.runtime.mkdir(mode=0o700)
        (folder / "passphrase").write_text(PASSPHRASE + "\n")
        (folder / "passphrase").chmod(0o600)
        self.write_settings(template, values or {})

    # Settings

    def write_settings(self, template: pathlib.Path | str, values: dict[str, Any]) -> None:
        """Fills `${name}` in a template: the gateway's own ports and files, and whatever the case adds."""
        text = template.read_text() if isinstance(template, pathlib.Path) else template
        known: dict[str, Any] = {f"{role}_port": port for role, port in self.ports.items()}
        known |= {"data": self.data, "passphrase": self.folder / "passphrase", "folder": self.folder}
        self.config.write_text(string.Template(text).substitute(known | values))

    # Life

    @property
    def env(self) -> dict[str, str]:
        keep = {name: os.environ[name] for name in ("PATH", "LANG", "LD_LIBRARY_PATH") if name in os.environ}
        own = {"HOME": str(self.folder), "XDG_RUNTIME_DIR": str(self.runtime), "POSTERN_TEST_CLOCK": str(self.clock.path)}
        return keep | own | self.environment

    @property
    def pid(self) -> int:
        """The gateway's own process, also when it runs under a tracer."""
        assert self.process
        if not self.wrapper:
            return self.process.pid
        children = pathlib.Path(f"/proc/{self.process.pid}/task/{self.process.pid}/children").read_text().split()
        return int(children[0])

    @property
    def alive(self) -> bool:
        return self.process is not None and self.process.poll() is None

    def command(self, *arguments: str) -> list[str]:
        """The command line of `postern ARGUMENTS`, for the operator."""
        return [str(machine.BINARY), *arguments]

    def service(self, *arguments: str) -> list[str]:
        """The same for the process that stays."""
        return self.command(*arguments)

    def initialise(self) -> "Gateway":
        """Makes the vault, once."""
        if not self.data.exists():
            self.cli("vault", "init")
        return self

    def start(self) -> "Gateway":
        """Starts the gateway and returns when it says that it is ready."""
        self.initialise()
        return self.launch(["up", "--config", str(self.config)])

    def launch(self, arguments: list[str], cwd: pathlib.Path | None = None) -> "Gateway":
        assert not self.alive
        assert machine.BINARY.exists(), f"{machine.BINARY} is missing; `make test` builds it"
        self.starts += 1
        offset = self.output.stat().st_size if self.output.exists() else 0
        with self.output.open("ab") as out, self.errors.open("ab") as errors:
            self.process = subprocess.Popen(
                [*self.wrapper, *self.service(*arguments)],
                stdin=subprocess.DEVNULL, stdout=out, stderr=errors, env=self.env, cwd=cwd or self.folder,
                start_new_session=True)
        machine.eventually(lambda: self._ready(offset), "the ready line on standard output")
        return self

    def _ready(self, offset: int) -> bool:
        assert self.alive, f"postern up ended with {self.process and self.process.returncode}: {self.spoken()}"
        with self.output.open("rb") as out:
            out.seek(offset)
            return READY.search(out.read().decode(errors="replace")) is not None

    def spoken(self) -> str:
        """Everything it wrote to standard output and standard error, over all its starts."""
        return "".join(p.read_text(errors="replace") for p in (self.output, self.errors) if p.exists())

    def terminate(self) -> None:
        """SIGTERM, without waiting for what comes of it."""
        os.kill(self.pid, signal.SIGTERM)

    def wait_for_end(self) -> int:
        """The exit code."""
        assert self.process
        return self.process.wait(machine.PATIENCE)

    def stop(self) -> int:
        """SIGTERM, and the exit code."""
        if self.alive:
            self.terminate()
        return self.wait_for_end()

    def kill(self) -> None:
        """kill -9."""
        assert self.process
        os.kill(self.pid, signal.SIGKILL)
        self.process.wait(machine.PATIENCE)

    def restart(self) -> "Gateway":
        if self.alive:
            assert self.stop() == 0
        return self.start()

    def end(self) -> None:
        """For fixtures: ends it whatever its state. A gateway that died by itself is an error."""
        if self.process is None:
            return
        died = not self.alive and self.process.returncode not in (0, -signal.SIGKILL, 128 + signal.SIGKILL)
        if self.alive and self.stop() != 0:
            died = True
        assert not died, f"the gateway ended with {self.process.returncode}: {self.spoken()[-4000:]}"

    # Command line

    def cli(self, *arguments: str, check: bool = True, stdin: str | bytes = b"") -> subprocess.CompletedProcess[str]:
        """Runs `postern ARGUMENTS --config FILE`, as an operator would."""
        assert machine.BINARY.exists(), f"{machine.BINARY} is missing; `make test` builds it"
        data = stdin.encode() if isinstance(stdin, str) else stdin
        done = subprocess.run(
            self.command(*arguments, "--config", str(self.config)),
            input=data, capture_output=True, env=self.env, cwd=self.folder, timeout=machine.PATIENCE * 2)
        result = subprocess.CompletedProcess(
            done.args, done.returncode, done.stdout.decode(errors="replace"), done.stderr.decode(errors="replace"))
        if check:
            said = result.stdout + result.stderr
            assert result.returncode == 0, f"postern {' '.join(arguments)} ended with {result.returncode}: {said}"
        return result

    def facts(self, *arguments: str) -> Any:
        """The same with `--json`."""
        return json.loads(self.cli(*arguments, "--json").stdout)

    def add_user(self, name: str, *addresses: str) -> None:
        """A user with the password of all tests; without addresses NAME@postern.test is theirs."""
        options = [word for address in addresses or (f"{name}@postern.test",) for word in ("--address", address)]
        self.cli("user", "add", name, *options, "--password-stdin", stdin=f"{PASSWORD}\n")

    def add_alias(self, address: str, *targets: str) -> None:
        self.cli("user", "alias", "add", address, *targets)

    def import_keys(self, *files: pathlib.Path | str) -> str:
        return self.cli("keys", "import", *map(str, files)).stdout

    def import_key(self, certificate: bytes) -> str:
        return self.cli("keys", "import", "-", stdin=certificate).stdout

    def import_key_whatever(self, certificate: bytes) -> str:
        """The same for a certificate that may be refused."""
        return self.cli("keys", "import", "-", stdin=certificate, check=False).stdout

    def status(self) -> dict[str, Any]:
        return self.facts("status")

    def trace(self, identifier: str) -> list[dict[str, Any]]:
        """The copies of a message that still waits."""
        return self.facts("trace", identifier)["copies"]

    def queue(self, *options: str) -> list[dict[str, Any]]:
        """One entry for each copy that waits."""
        return self.facts("queue", "list", *options)

    def wait_for_state(self, identifier: str, state: str) -> dict[str, Any]:
        """Waits until the message's first copy is in `state`; the copy."""
        def first() -> dict[str, Any] | None:
            copies = [c for c in self.queue("--limit", "5000") if c["id"] == identifier and c["state"] == state]
            return copies[0] if copies else None

        return machine.eventually(first, f"{identifier} in the state {state}")

    def wait_until_empty(self, patience: float = machine.PATIENCE) -> None:
        machine.eventually(lambda: not self.queue(), "an empty queue", patience)

    def log(self) -> str:
        return self.cli("log").stdout

    # Talking to it

    def connect(self, role: str = "mx", source: str = "127.0.0.1") -> Conversation:
        """Opens a connection and reads the greeting; `submissions` speaks TLS from the first byte."""
        talk = Conversation(self.ports[role], source=source)
        if role == "submissions":
            talk.wrap_tls()
        assert talk.reply().code == 220
        return talk

    def sign_in(self, name: str = "alice", role: str = "submission") -> Conversation:
        """A connection that has signed in and may send."""
        talk = self.connect(role)
        talk.ehlo()
        if role == "submission":
            talk.start_tls()
        talk.login(name, PASSWORD)
        return talk

    def send(self, sender: str, recipients: str | list[str], message: bytes, source: str = "127.0.0.1") -> str:
        """Sends one message through the MX port as a stranger; the id from its 250."""
        with self.connect("mx", source) as talk:
            talk.ehlo()
            return talk.send_mail(sender, recipients, message)

    def submit(self, sender: str, recipients: str | list[str], message: bytes, login: str = "alice") -> str:
        """Sends one message through the submission port as one of our users; the id from its 250."""
        with self.sign_in(login) as talk:
            return talk.send_mail(sender, recipients, message)

    def maildir(self, name: str) -> Maildir:
        return Maildir(self.data / "mail" / name)
