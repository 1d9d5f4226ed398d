# SPDX-License-Identifier: Apache-2.0
"""`postern init`, run as an operator would, and a gateway started from what it wrote."""

import json
import pathlib
import subprocess
from typing import Any

from harness import machine
from harness.gateway import Gateway


def init(*arguments: str | pathlib.Path, instead: dict[pathlib.Path | str, pathlib.Path | str] | None = None
         ) -> subprocess.CompletedProcess[str]:
    """Runs `postern init ARGUMENTS`; `instead` shows it other files in place of the machine's own."""
    command = [str(machine.BINARY), "init", *map(str, arguments)]
    if instead:
        mounts = "".join(f"mount --bind '{shown}' '{path}' && " for path, shown in instead.items())
        command = [machine.program("unshare"), "-m", "sh", "-c", mounts + 'exec "$@"', "sh", *command]
    return subprocess.run(command, capture_output=True, text=True, timeout=machine.PATIENCE, stdin=subprocess.DEVNULL)


def written(folder: pathlib.Path, *arguments: str | pathlib.Path, **more: Any) -> dict[str, Any]:
    """The same with `--json`, which must succeed; what it found, chose and wrote."""
    done = init(*arguments, "--json", folder, **more)
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


def gateway(folder: pathlib.Path) -> Gateway:
    """A gateway on the settings that lie in `folder`, with its vault made and its passphrase as systemd would hand it over."""
    made = Gateway(folder, (folder / "postern.toml").read_text().replace("$", "$$"))
    credentials = folder / "credentials"
    credentials.mkdir(mode=0o700)
    (credentials / "postern-vault").write_text((folder / "passphrase").read_text())
    (credentials / "postern-vault").chmod(0o400)
    made.environment["CREDENTIALS_DIRECTORY"] = str(credentials)
    made.ports = {"mx": 25, "submission": 587, "submissions": 465}
    made.cli("vault", "init", "--passphrase-file", str(folder / "passphrase"))
    return made


def faults(gateway: Gateway) -> list[dict[str, str]]:
    """What `postern check` finds at fault."""
    return [t for t in trials(gateway) if t["state"] == "fault"]


def trials(gateway: Gateway) -> list[dict[str, str]]:
    done = gateway.cli("check", "--json", check=False)
    found = json.loads(done.stdout)["trials"]
    assert done.returncode == (1 if any(t["state"] == "fault" for t in found) else 0), done.stdout + done.stderr
    return found
