# SPDX-License-Identifier: Apache-2.0
"""
Try-it mode: `postern up` without settings makes everything it needs, says that nothing is protected, and prints three commands.
A newcomer copies them into a shell, one after the other, and they work as printed.
"""

import os
import pathlib
import re
import subprocess
from collections.abc import Iterator

import pytest

from harness import machine, message, openpgp
from harness.gateway import Gateway
from harness.peers.swaks import delivers


def free_base() -> int:
    """A port base N whose N+25 and N+87 are free."""
    for base in range(20000, 60000, 113):
        if not machine.accepts(base + 25) and not machine.accepts(base + 87):
            return base
    raise AssertionError("no free ports")


class TryIt(Gateway):
    """A gateway without a settings file, run in a folder of its own."""

    def __init__(self, folder: pathlib.Path):
        super().__init__(folder, "", {})
        self.config.unlink()
        self.base = free_base()
        self.data = folder / "postern-data"
        self.ports = {"mx": self.base + 25, "submission": self.base + 87}

    def start(self) -> "TryIt":
        self.launch(["up", "--port-base", str(self.base)])
        return self

    def commands(self) -> list[str]:
        """What it prints to copy: the indented lines."""
        return [line.strip() for line in self.output.read_text().splitlines() if re.match(r"  \S", line)]

    def shell(self, command: str) -> str:
        """Runs a command as a newcomer would, with the binary's folder on the PATH."""
        env = self.env | {"PATH": f"{machine.BINARY.parent}:{os.environ['PATH']}"}
        done = subprocess.run(["bash", "-c", command], cwd=self.folder, env=env, capture_output=True, text=True,
                              stdin=subprocess.DEVNULL, timeout=machine.PATIENCE)
        assert done.returncode == 0, f"{command}\n{done.stdout}\n{done.stderr}"
        return done.stdout


@pytest.fixture(scope="module")
def try_it() -> Iterator[TryIt]:
    with machine.folder("01") as path:
        gateway = TryIt(path).start()
        yield gateway
        gateway.end()


def test_it_says_that_its_key_file_protects_nothing(try_it: TryIt) -> None:
    assert "protects nothing" in try_it.spoken().lower()


def test_it_prints_the_passwords_of_alice_and_bob(try_it: TryIt) -> None:
    for name in ("alice", "bob"):
        assert re.search(rf"user {name} with the password \w{{12,}}", try_it.spoken())


def test_the_three_printed_commands_work_as_printed(try_it: TryIt) -> None:
    commands = try_it.commands()
    assert len(commands) == 3, commands
    boxes = [try_it.maildir("alice"), try_it.maildir("bob")]

    def came() -> list[bytes]:
        return [m for box in boxes for m in box.messages()]

    assert "swaks" in commands[0]
    try_it.shell(commands[0])
    machine.eventually(lambda: len(came()) == 1, "the first message")
    assert not openpgp.is_encrypted(came()[0])

    try_it.shell(commands[1])
    machine.eventually(lambda: len(came()) == 2, "the second message")
    assert sum(map(openpgp.is_encrypted, came())) == 1

    assert try_it.shell(commands[2]).strip()


def test_alice_sends_to_bob_through_the_submission_port(try_it: TryIt) -> None:
    password = re.search(r"user alice with the password (\w+)", try_it.spoken())
    assert password, try_it.spoken()
    delivers("--server", f"127.0.0.1:{try_it.ports['submission']}", "--tls", "--auth", "PLAIN", "--auth-user", "alice",
             "--auth-password", password.group(1), "--from", "alice@postern.test", "--to", "bob@postern.test", "--body", "signed in")
    machine.eventually(lambda: any("postern.test" in m.decode("latin-1") for m in try_it.maildir("bob").messages()), "mail for bob")


def test_a_second_one_runs_beside_it_with_its_own_data_and_ports(try_it: TryIt) -> None:
    with machine.folder("01") as path:
        second = TryIt(path)
        second.environment = {"XDG_RUNTIME_DIR": str(try_it.runtime)}
        second.data = path / "elsewhere"
        second.launch(["up", "--data", str(second.data), "--port-base", str(second.base)])
        try:
            second.send("stranger@example.net", "alice@postern.test", message.simple("for the second"))
            second.maildir("alice").find("for the second")
            # `--data` alone finds the running gateway.
            done = subprocess.run([str(machine.BINARY), "status", "--data", str(second.data)], env=second.env, capture_output=True)
            assert done.returncode == 0, done.stderr
        finally:
            second.end()
    assert not any(b"for the second" in m for m in try_it.maildir("alice").messages())


def test_a_restart_keeps_mail_and_users_and_does_not_print_passwords_again(try_it: TryIt) -> None:
    before = try_it.output.read_text()
    count = len(try_it.maildir("alice").files())
    assert try_it.stop() == 0
    try_it.start()
    assert len(try_it.maildir("alice").files()) == count
    again = try_it.output.read_text()[len(before):]
    assert "protects nothing" in again and "with the password" not in again
    try_it.send("stranger@example.net", "bob@postern.test", message.simple("after the restart"))
    try_it.maildir("bob").find("after the restart")
