# SPDX-License-Identifier: Apache-2.0
"""`postern init` looks at the machine and writes settings that keep their level; manuals and completion come from `--help`."""

import json
import os
import pathlib
import shutil
import socket
import subprocess

import pytest

from harness import machine, setup
from harness.peers.certificates import Authority

KINDS = {
    "web-app": {"sendmail.txt", "php.txt"}, "postfix-filter": {"postfix.txt"}, "exim-filter": {"exim.txt"},
    "mx": {"dns.txt", "certificate.txt"}, "relay": {"programs.txt"}}


def postern(*arguments: str | pathlib.Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run([str(machine.BINARY), *map(str, arguments)], capture_output=True, text=True, timeout=machine.PATIENCE)


@pytest.mark.parametrize("level", ["1", "2", "3"])
@pytest.mark.parametrize("kind", list(KINDS))
def test_what_it_writes_keeps_its_level(folder: pathlib.Path, kind: str, level: str) -> None:
    target = folder / f"{kind}-{level}"
    report = setup.written(target, "--for", kind, "--level", level, "--hostname", "mail.home.test")
    names = {pathlib.Path(f["path"]).name for f in report["files"]}
    assert names >= KINDS[kind] | {"postern.toml", "systemd.txt"} and all((target / name).exists() for name in names)
    checked = postern("check", "--offline", "--config", target / "postern.toml")
    assert checked.returncode == 0, checked.stdout + checked.stderr
    assert f"keep level {level}" in checked.stdout


def test_it_says_what_it_found_and_chose_and_shows_the_lines(folder: pathlib.Path) -> None:
    done = setup.init("--for", "relay", "--level", "1", "--hostname", "mail.home.test", folder / "said")
    assert done.returncode == 0
    for word in ("Found on this machine", "Postfix", "Dovecot", "Exim", "Chosen", "relayhost = [127.0.0.1]:", "postern check"):
        assert word in done.stdout, word


def test_nothing_is_written_over_without_force(folder: pathlib.Path) -> None:
    target = folder / "again"
    arguments = ("--for", "relay", "--level", "1", "--hostname", "mail.home.test")
    setup.written(target, *arguments)
    (target / "postern.toml").write_text("mine\n")
    done = setup.init(*arguments, target)
    assert done.returncode == 1 and "is there already" in done.stderr and (target / "postern.toml").read_text() == "mine\n"
    setup.written(target, *arguments, "--force")
    assert (target / "postern.toml").read_text() != "mine\n"
    assert not list(target.glob("*.new"))


@pytest.mark.parametrize("arguments, status", [
    (("--for", "relay", "--level", "4", "x"), 64), (("--for", "nothing", "--level", "1", "x"), 64),
    (("--for", "relay", "--level", "1", "--hostname", "short", "x"), 64),
    (("--for", "relay", "--level", "1", "--username", "me", "x"), 64),
    (("--for", "relay", "--level", "1", "--hostname", "mail.home.test", "/proc/nothing"), 73)])
def test_wrong_usage_and_a_place_that_cannot_be_written(arguments: tuple[str, ...], status: int) -> None:
    done = setup.init(*arguments)
    assert done.returncode == status, done.stderr


def test_a_port_that_is_taken_is_not_chosen(folder: pathlib.Path) -> None:
    with socket.socket() as other:
        other.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            other.bind(("127.0.0.1", 2525))
            other.listen()
        except OSError:
            pass  # Somebody else has it, which is as good.
        report = setup.written(folder / "taken", "--for", "relay", "--level", "1", "--hostname", "mail.home.test")
    assert "port = 2525\n" not in (folder / "taken" / "postern.toml").read_text()
    assert report["found"]["ports"][0]["state"] == "free"


def test_a_certificate_for_the_name_is_found_and_its_expiry_told(folder: pathlib.Path, authority: Authority) -> None:
    """As certbot keeps them; a private copy of /etc, so that the machine's own stays as it is."""
    etc = folder / "etc"
    shutil.copytree("/etc", etc, symlinks=True, ignore_dangling_symlinks=True,
                    ignore=lambda _, names: [n for n in names if n in ("letsencrypt", "private")])
    live = etc / "letsencrypt" / "live" / "mail.home.test"
    live.mkdir(parents=True)
    made = authority.issue("found", "mail.home.test")
    shutil.copy(made.certificate, live / "fullchain.pem")
    shutil.copy(made.key, live / "privkey.pem")
    report = setup.written(folder / "found", "--for", "mx", "--level", "1", "--hostname", "mail.home.test", instead={"/etc": etc})
    own = [c for c in report["found"]["certificates"] if c["names"] == ["mail.home.test"]]
    assert own and own[0]["notAfter"] > 0
    # The gateway is no root: it gets copies, by the script for certbot that init writes.
    script = (folder / "found" / "certificate.txt").read_text()
    assert "install -m 644 /etc/letsencrypt/live/mail.home.test/fullchain.pem" in script and "-g postern" in script
    assert 'certificate = "certificate.pem"' in (folder / "found/postern.toml").read_text()


# Manuals and completion

def commands(tree: dict, above: tuple[str, ...] = ()) -> list[tuple[tuple[str, ...], dict]]:
    inner = [c for c in tree.get("subcommands", []) if c["commandName"] != "help"]
    found = [] if inner else [(above, tree)]
    for command in inner:
        found += commands(command, (*above, command["commandName"]))
    return found


def test_every_command_has_an_example_and_its_exit_codes() -> None:
    tree = json.loads(postern("--experimental-dump-help").stdout)["command"]
    found = commands(tree)
    assert len(found) > 20
    for path, command in found:
        text = command.get("discussion", "")
        assert "Example: postern " + " ".join(path) in text or path[-1:] == ("worker",), path
        assert "Exit codes: " in text, path


def test_the_man_page_in_the_tree_is_what_the_program_says() -> None:
    page = machine.REPOSITORY / "man" / "postern.1"
    said = postern("manual", "commands").stdout
    if os.environ.get("POSTERN_REWRITE"):
        page.write_text(said)
    assert page.read_text() == said, "make it anew: POSTERN_REWRITE=1 scripts/e2e -k man_page_in_the_tree"


def test_all_is_put_into_its_place(folder: pathlib.Path) -> None:
    root = folder / "root"
    subprocess.run([machine.REPOSITORY / "scripts" / "install", root], check=True, capture_output=True,
                   env={**os.environ, "POSTERN_RELEASE_BINARY": str(machine.BINARY)})
    for path in ("bin/postern", "share/man/man1/postern.1", "share/man/man5/postern.toml.5",
                 "share/bash-completion/completions/postern", "share/zsh/vendor-completions/_postern",
                 "share/fish/vendor_completions.d/postern.fish"):
        assert (root / "usr" / path).stat().st_size > 0, path


@pytest.mark.parametrize("page", ["postern.1", "postern.toml.5"])
def test_man_shows_the_pages_without_complaint(page: str) -> None:
    done = subprocess.run([machine.program("man"), "--warnings", "-l", str(machine.REPOSITORY / "man" / page)],
                          capture_output=True, text=True, env={**os.environ, "MANWIDTH": "100", "LC_ALL": "C.UTF-8"})
    assert done.returncode == 0 and not done.stderr, done.stderr
    assert "NAME" in done.stdout and "SEE ALSO" in done.stdout


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_completion_is_a_script_that_the_shell_takes(folder: pathlib.Path, shell: str) -> None:
    script = folder / f"completion.{shell}"
    script.write_text(postern("completion", shell).stdout)
    done = subprocess.run([machine.program(shell), "-n", script], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert "init" in script.read_text()


def test_bash_completes_a_subcommand(folder: pathlib.Path) -> None:
    script = folder / "completion"
    script.write_text(postern("completion", "bash").stdout)
    ask = f"source {script}; COMP_WORDS=(postern che); COMP_CWORD=1; COMP_LINE='postern che'; COMP_POINT=11; " \
          "_postern postern che postern; printf '%s\\n' \"${COMPREPLY[@]}\""
    done = subprocess.run([machine.program("bash"), "-c", ask], capture_output=True, text=True)
    assert "check" in done.stdout.split(), done.stdout + done.stderr
