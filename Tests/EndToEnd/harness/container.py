# SPDX-License-Identifier: Apache-2.0
"""A Debian machine of its own, booted by systemd-nspawn: a tree that debootstrap makes once, and an overlay for each test on top of it."""

import fcntl
import os
import pathlib
import re
import select
import shutil
import signal
import subprocess

from harness import machine

CACHE = pathlib.Path(os.environ.get("POSTERN_TEST_CACHE", "/var/cache/postern-tests"))
# What the gateway is linked against and scripts/setup brings, beside the base system, systemd and an SSH server.
PACKAGES = ("systemd", "systemd-sysv", "libunbound8", "librnp0", "libsqlite3-0", "libstdc++6", "ca-certificates", "openssl", "dropbear-bin")


def debian() -> str:
    """The release of this machine: the gateway was linked against its libraries."""
    found = re.search(r"^VERSION_CODENAME=(\S+)$", pathlib.Path("/etc/os-release").read_text(), re.MULTILINE)
    assert found, "/etc/os-release names no release"
    return found[1]


def tree() -> pathlib.Path:
    """The base system, made by debootstrap from the mirror that DEBIAN_MIRROR names when it is not there yet."""
    CACHE.mkdir(parents=True, exist_ok=True)
    made = CACHE / f"{debian()}-3"
    with (CACHE / "lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not made.exists():
            unfinished = CACHE / "unfinished"
            shutil.rmtree(unfinished, ignore_errors=True)
            mirror = os.environ.get("DEBIAN_MIRROR", "http://deb.debian.org/debian")
            done = subprocess.run(
                [machine.program("debootstrap"), "--variant=minbase", f"--include={','.join(PACKAGES)}", debian(), unfinished, mirror],
                capture_output=True, text=True)
            assert done.returncode == 0, done.stdout[-2000:] + done.stderr[-2000:]
            unfinished.rename(made)
    return made


class Container:
    """
    `root` is its file system, to be filled before it boots. It shares this machine's network, unless it is given an address of its own:
    then it sees a network where only the thread that boots it lives, at `NEIGHBOUR`; that thread must be in a network of its own.
    """

    NEIGHBOUR = "192.0.2.1"

    def __init__(self, folder: pathlib.Path, address: str | None = None):
        self.address = address
        self.root = folder / "root"
        self.output = folder / "nspawn.out"
        self.process: subprocess.Popen[bytes] | None = None
        upper, work = folder / "upper", folder / "work"
        for path in (self.root, upper, work):
            path.mkdir()
        subprocess.run(["mount", "-t", "overlay", "overlay", "-o", f"lowerdir={tree()},upperdir={upper},workdir={work}", self.root], check=True)
        (self.root / "etc/machine-id").write_text("")

    def install(self, binary: pathlib.Path, name: str) -> None:
        """Makes a program /usr/bin/NAME, with the shared libraries that no Debian package brings."""
        shutil.copy(binary, self.root / "usr/bin" / name)
        libraries = subprocess.run(["ldd", binary], capture_output=True, text=True, check=True).stdout
        for library in re.findall(r"=> (/\S+)", libraries):
            if not library.startswith(("/lib/", "/usr/lib/", "/lib64/")):
                place = self.root / library.lstrip("/")
                place.parent.mkdir(parents=True, exist_ok=True)
                shutil.copy(library, place)

    def boot(self) -> None:
        with self.output.open("ab") as out:
            self.process = subprocess.Popen(
                [machine.program("systemd-nspawn"), "--quiet", f"--directory={self.root}", "--boot", "--register=no", "--keep-unit",
                 "--console=pipe", "--resolv-conf=off", f"--machine=pt-{os.getpid()}", *(["--private-network"] if self.address else [])],
                stdin=subprocess.DEVNULL, stdout=out, stderr=out, start_new_session=True)
        machine.eventually(lambda: self._state() in ("running", "degraded"), "the container to boot")
        if self.address:
            self._join(self.address)

    def _join(self, address: str) -> None:
        """A cable between its network and this thread's."""
        ip, inside = machine.program("ip"), [machine.program("nsenter"), "--target", str(self.leader), "--net"]
        for command in (
                [ip, "link", "add", "outside", "type", "veth", "peer", "name", "inside", "netns", str(self.leader)],
                [ip, "address", "add", f"{self.NEIGHBOUR}/24", "dev", "outside"], [ip, "link", "set", "outside", "up"],
                [*inside, ip, "address", "add", f"{address}/24", "dev", "inside"], [*inside, ip, "link", "set", "inside", "up"]):
            subprocess.run(command, check=True)

    def _state(self) -> str:
        assert self.process and self.process.poll() is None, self.output.read_text(errors="replace")[-2000:]
        if self.leader is None:
            return ""
        return self.run("systemctl", "is-system-running", check=False).stdout.strip()

    @property
    def leader(self) -> int | None:
        """Its process 1, as this machine numbers it."""
        assert self.process
        children = pathlib.Path(f"/proc/{self.process.pid}/task/{self.process.pid}/children").read_text().split()
        return int(children[0]) if children else None

    def run(self, *command: str, check: bool = True, stdin: str = "") -> subprocess.CompletedProcess[str]:
        """Runs a command inside, as root."""
        done = subprocess.run(
            ["nsenter", "--target", str(self.leader), "--all", "--", *command], input=stdin, capture_output=True, text=True,
            timeout=machine.PATIENCE * 2, env={"PATH": "/usr/sbin:/usr/bin:/sbin:/bin", "LANG": "C.UTF-8"})
        assert not check or done.returncode == 0, f"{command} ended with {done.returncode}: {done.stdout}{done.stderr}"
        return done

    def type(self, command: str, *dialogue: tuple[str, str], check: bool = True) -> subprocess.CompletedProcess[str]:
        """Runs a command on a terminal inside, as root: waits for each prompt, and types what stands beside it."""
        process = subprocess.Popen(
            ["nsenter", "--target", str(self.leader), "--all", "--", "script", "--quiet", "--return", "--command", command, "/dev/null"],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
            env={"PATH": "/usr/sbin:/usr/bin:/sbin:/bin", "LANG": "C.UTF-8", "TERM": "dumb"})
        assert process.stdin and process.stdout
        said, seen = b"", 0
        try:
            for prompt, words in dialogue:
                while (at := said.find(prompt.encode(), seen)) < 0:
                    ready = select.select([process.stdout], [], [], machine.PATIENCE)[0]
                    data = os.read(process.stdout.fileno(), 65536) if ready else b""
                    assert data, f"{command} does not ask {prompt!r}: {said!r}"
                    said += data
                seen = at + len(prompt)
                process.stdin.write(words.encode() + b"\n")
                process.stdin.flush()
            # Its input stays open: to `script` the end of it would be the end of the terminal.
            while data := os.read(process.stdout.fileno(), 65536):
                said += data
            code = process.wait(machine.PATIENCE)
        finally:
            process.kill()
            process.stdin.close()
            process.stdout.close()
            process.wait()
        text = said.decode(errors="replace").replace("\r\n", "\n")
        assert not check or code == 0, f"{command} ended with {code}: {text}"
        return subprocess.CompletedProcess(command, code, text, "")

    def close(self) -> None:
        if self.process and self.process.poll() is None:
            # Systemd's own signal for an orderly end (SIGRTMIN+3) is what nspawn sends on SIGTERM.
            self.process.send_signal(signal.SIGTERM)
            try:
                self.process.wait(machine.PATIENCE / 2)
            except subprocess.TimeoutExpired:
                self.process.kill()
                self.process.wait()
        subprocess.run(["umount", "-l", self.root], check=True)
