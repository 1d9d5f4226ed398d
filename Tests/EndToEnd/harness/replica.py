# SPDX-License-Identifier: Apache-2.0
"""
This machine once more, to be changed at will: its file system under an overlay that is gone afterwards, with a host name of its own. In it
a home is set up as its page says, at the places that the page names: /etc/postern, /usr/bin/postern, /etc/postfix.
"""

import glob
import json
import os
import pathlib
import subprocess
from typing import Any

from harness import machine
from harness.gateway import Gateway

# $1 a folder for the layers, $2 what is shown as it is, $3 the repository, $4 the program, $5 the host name.
ENTER = """
set -e
hostname "$5"
mount -t tmpfs -o mode=755 tmpfs "$1"
mkdir "$1/upper" "$1/work" "$1/root"
root="$1/root"
mount -t overlay overlay -o "lowerdir=/,upperdir=$1/upper,workdir=$1/work" "$root"
for place in proc sys dev; do mount --rbind "/$place" "$root/$place"; done
mount -t tmpfs -o mode=755 tmpfs "$root/run"
mount -t tmpfs -o mode=1777 tmpfs "$root/tmp"
# Either may lie in a file system of its own, or below /tmp, so that its place is not there yet.
mkdir -p "$root$2" "$root$3"
mount --bind "$2" "$root$2"
mount --bind "$3" "$root$3"
touch "$root/usr/bin/postern"
mount --bind "$4" "$root/usr/bin/postern"
echo ready
exec chroot "$root" sleep infinity
"""
# No name server can be asked here.
HOSTS = """\
127.0.0.1 localhost
127.0.1.1 {hostname} {short}
"""
SETTINGS = "/etc/postern"
CREDENTIALS = "/run/credentials/postern.service"


class Replica:
    def __init__(self, folder: pathlib.Path, hostname: str):
        layers = folder / "layers"
        layers.mkdir(parents=True)
        self.folder = folder / "shared"
        self.folder.mkdir()
        self.process = subprocess.Popen(
            [machine.program("unshare"), "--mount", "--uts", "--propagation", "private", "sh", "-c", ENTER, "sh", layers, self.folder,
             machine.REPOSITORY, machine.BINARY, hostname],
            stdin=subprocess.DEVNULL, stdout=subprocess.PIPE)
        assert self.process.stdout and self.process.stdout.readline() == b"ready\n", "the copy of this machine could not be made"
        machine.eventually(lambda: os.readlink(f"/proc/{self.process.pid}/root") != "/", "the copy's root directory")
        self.path("/etc/hosts").write_text(HOSTS.format(hostname=hostname, short=hostname.split(".")[0]))
        self.write("/etc/resolv.conf", "nameserver 127.0.0.1\noptions timeout:1 attempts:1\n")
        self.path("/etc/mailname").write_text(hostname + "\n")
        # What scripts/install puts there, beside the program.
        self.run("install", "-D", "-m", "644", machine.REPOSITORY / "packaging/systemd/postern.sysusers.conf",
                 "/usr/lib/sysusers.d/postern.conf")

    def __enter__(self) -> "Replica":
        return self

    def __exit__(self, *_: object) -> None:
        self.process.kill()
        self.process.wait()

    # Files and programs in it

    def path(self, place: str) -> pathlib.Path:
        """Where this process finds a file of the copy."""
        return pathlib.Path(f"/proc/{self.process.pid}/root{place}")

    def write(self, place: str, text: str) -> None:
        """A new file there, also in place of a link that leads elsewhere."""
        self.path(place).unlink(missing_ok=True)
        self.path(place).write_text(text)

    def glob(self, pattern: str) -> list[str]:
        return [found.removeprefix(str(self.path(""))) for found in glob.glob(str(self.path(pattern)))]

    def words(self, *command: Any, user: str | None = None) -> list[str]:
        """The command line that becomes `command` in the copy."""
        enter = [machine.program("nsenter"), f"--target={self.process.pid}", "--mount", "--uts", "--root", "--wd", "--"]
        change = ["setpriv", f"--reuid={user}", f"--regid={user}", "--init-groups", "--"] if user else []
        return enter + change + [str(word) for word in command]

    @property
    def env(self) -> dict[str, str]:
        keep = {name: os.environ[name] for name in ("LD_LIBRARY_PATH",) if name in os.environ}
        return keep | {"PATH": "/usr/sbin:/usr/bin:/sbin:/bin", "LANG": "C.UTF-8", "HOME": "/root"}

    def run(self, *command: Any, stdin: str | bytes = b"", check: bool = True, **env: str) -> subprocess.CompletedProcess[str]:
        data = stdin.encode() if isinstance(stdin, str) else stdin
        raw = subprocess.run(self.words(*command), input=data, capture_output=True, env=self.env | env, timeout=machine.PATIENCE * 2)
        done = subprocess.CompletedProcess(
            raw.args, raw.returncode, raw.stdout.decode(errors="replace"), raw.stderr.decode(errors="replace"))
        assert not check or done.returncode == 0, f"{command} ended with {done.returncode}: {done.stdout}{done.stderr}"
        return done

    def shell(self, script: str) -> str:
        """What it prints."""
        return self.run("sh", "-e", "-c", script).stdout

    # Postern in it

    def init(self, *arguments: str) -> dict[str, Any]:
        """`postern init ARGUMENTS /etc/postern`; what it found, chose and wrote."""
        return json.loads(self.run("postern", "init", *arguments, "--json", SETTINGS).stdout)

    def written(self, name: str) -> str:
        """A file of those that `init` wrote."""
        return self.path(f"{SETTINGS}/{name}").read_text()

    def follow(self, name: str) -> None:
        """Runs the commands of such a file. There is no systemd to talk to here: `gateway` plays its part."""
        lines = [line for line in self.written(name).splitlines() if line and not line.startswith(("#", "systemctl "))]
        self.shell("\n".join(lines))

    def gateway(self) -> "InstalledGateway":
        """After `init`: does what systemd.txt says, and gives the gateway as it is then; it is not started yet."""
        self.follow("systemd.txt")
        # What the unit says.
        self.shell(f"""
            install -d -o postern -g postern -m 755 /run/postern
            install -d -m 755 {CREDENTIALS}
            systemd-creds decrypt --name=postern-vault /etc/credstore.encrypted/postern-vault {CREDENTIALS}/postern-vault
            chown -R postern {CREDENTIALS}
            chmod 400 {CREDENTIALS}/postern-vault
        """)
        return InstalledGateway(self)


class InstalledGateway(Gateway):
    """The gateway as its unit starts it: /usr/bin/postern on /etc/postern/postern.toml, as the user `postern`."""

    def __init__(self, replica: Replica):
        folder = replica.folder / "gateway"
        folder.mkdir()
        super().__init__(folder, "")
        self.replica = replica
        self.config = pathlib.Path(f"{SETTINGS}/postern.toml")
        self.data = replica.path("/var/lib/postern")

    @property
    def env(self) -> dict[str, str]:
        return self.replica.env | {"POSTERN_TEST_CLOCK": str(self.clock.path), "CREDENTIALS_DIRECTORY": CREDENTIALS} | self.environment

    def command(self, *arguments: str) -> list[str]:
        return self.replica.words("/usr/bin/postern", *arguments)

    def service(self, *arguments: str) -> list[str]:
        return self.replica.words("/usr/bin/postern", *arguments, user="postern")

    def initialise(self) -> "InstalledGateway":
        """The vault was made by what systemd.txt says."""
        return self


def block(text: str, words: str) -> str:
    """The lines of a file for other software whose comment, the one before them, holds these words."""
    found: dict[str, str] = {}
    said, follows = "", False
    for line in text.splitlines():
        if line.startswith(("#", ";")):
            said = (said if follows else "") + " " + line.lstrip("#; ")
            follows = True
        elif line:
            found[said] = found.get(said, "") + line + "\n"
            follows = False
    held = [lines for comment, lines in found.items() if words in comment]
    assert len(held) == 1, f"{len(held)} blocks say {words!r}: {list(found)}"
    return held[0]
