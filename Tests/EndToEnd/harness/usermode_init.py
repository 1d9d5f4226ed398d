# SPDX-License-Identifier: Apache-2.0
"""
Process 1 of the guest that usermode.py boots: usermode_init.py FOLDER ARGUMENTS runs Python with the arguments and switches the guest off.
Of the machine below only FOLDER can be written; /run and /dev/shm are the guest's own memory.
"""

import os
import pathlib
import subprocess
import sys
import time

MODULES = pathlib.Path("/usr/lib/uml/modules")
OWN = ("/run", "/dev/shm")


def mount(kind: str, place: str, *options: str) -> None:
    os.makedirs(place, exist_ok=True)
    subprocess.run(["mount", "-t", kind, *options, kind, place], check=True)


def load_modules_on_demand() -> None:
    """The kernel asks for what it lacks: ciphers, ESP, kinds of interfaces."""
    root, loader = pathlib.Path("/run/modules"), pathlib.Path("/run/modprobe")
    (root / "lib").mkdir(parents=True)
    (root / "lib/modules").symlink_to(MODULES)
    loader.write_text(f'#!/bin/sh\nexec /sbin/modprobe -d {root} "$@"\n')
    loader.chmod(0o755)
    pathlib.Path("/proc/sys/kernel/modprobe").write_text(str(loader))
    # Nothing asks for this one by itself.
    subprocess.run([loader, "ipv6"], check=True)


try:
    folder, *arguments = sys.argv[1:]
    mount("proc", "/proc")
    mount("sysfs", "/sys")
    for place in OWN:
        mount("tmpfs", place)
    mount("hostfs", folder, "-o", folder)
    load_modules_on_demand()
    subprocess.run([sys.executable, "-B", *arguments])
finally:
    pathlib.Path("/proc/sysrq-trigger").write_text("o")
    time.sleep(3600)
