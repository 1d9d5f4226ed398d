# SPDX-License-Identifier: Apache-2.0
"""A kernel of its own, for what this machine's may lack: Debian's user-mode Linux, a process that boots on the machine's own files."""

import contextlib
import os
import pathlib
import signal
import subprocess
import xml.etree.ElementTree as xml

from harness import machine

INIT = pathlib.Path(__file__).with_name("usermode_init.py")
# It has one processor, and each of its system calls costs several of this machine's.
SLOWER = 4


def run_tests(folder: pathlib.Path, tests: pathlib.Path) -> dict[str, list[str]]:
    """Boots it, runs a file of tests in it, and ends it. For each test function: what went wrong in each of its runs, empty where nothing did."""
    results, console = folder / "results.xml", folder / "console"
    environment = {name: os.environ[name] for name in ("PATH", "LD_LIBRARY_PATH") if name in os.environ} | {
        "POSTERN_BINARY": machine.BINARY, "POSTERN_TEST_PATIENCE": machine.PATIENCE * SLOWER, "POSTERN_TEST_DIR": "/run", "TMPDIR": "/run"}
    with console.open("wb") as out:
        guest = subprocess.Popen(
            [machine.program("linux.uml"), "mem=1G", "rootfstype=hostfs", "root=/dev/root", "ro", "console=tty0", "con=null", "con0=null,fd:1",
             f"uml_dir={folder}", "umid=guest", *(f"{name}={value}" for name, value in environment.items()), "init=/usr/bin/python3", "--",
             "-B", INIT, folder, "-m", "pytest", "--color=no", f"--junitxml={results}", tests],
            stdin=subprocess.DEVNULL, stdout=out, stderr=out, start_new_session=True, env=os.environ | {"TMPDIR": str(folder)})
    try:
        # As long as its tests might wait, several of them in vain.
        with contextlib.suppress(subprocess.TimeoutExpired):
            guest.wait(machine.PATIENCE * SLOWER * 4)
    finally:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(guest.pid, signal.SIGKILL)
        guest.wait()
    assert results.exists(), f"the guest tells nothing of its tests: {console.read_text(errors='replace')[-4000:]}"
    outcome: dict[str, list[str]] = {}
    for case in xml.parse(results).iter("testcase"):
        wrong = "\n".join(part.text or part.tag for part in case if part.tag in ("failure", "error", "skipped"))
        outcome.setdefault(case.attrib["name"].split("[")[0], []).append(wrong)
    return outcome
