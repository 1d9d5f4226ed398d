# SPDX-License-Identifier: Apache-2.0
"""Bad settings are refused with file, line, key and remedy, by `postern check` and by `postern up` alike."""

import subprocess

import pytest

from harness import machine
from harness.gateway import Gateway


@pytest.fixture
def gateway(make_own_gateway) -> Gateway:
    return make_own_gateway(relay_port=25)


def broken(gateway: Gateway, line: str, instead_of: str = "", level: int = 1) -> int:
    """Puts `line` into the settings; its number."""
    text = gateway.config.read_text().replace("level = 1", f"level = {level}", 1)
    lines = text.splitlines()
    place = next(i for i, l in enumerate(lines) if l.startswith(instead_of)) if instead_of else lines.index("")
    lines[place] = line
    gateway.config.write_text("\n".join(lines) + "\n")
    return place + line.count("\n") + 1


BROKEN = [
    ("an unknown key", "colour = \"red\"", "", ["colour"]),
    ("a misspelt key, with a suggestion", "acept = [\"postern.test\"]", "accept", ["acept", "accept"]),
    ("a wrong type", "hostname = 7", "hostname", ["hostname", "number"]),
    ("a port that is none", "port = 70000", "port", ["port", "70000"]),
    ("a role that is none", "role = \"mxx\"", "role", ["role", "mx"]),
    ("a relay for everybody", "accept = [\"*\"]", "accept", ["accept", "*"]),
    ("a network that is the world", "networks = [\"0.0.0.0/0\"]", "accept", ["networks"]),
    ("no TOML at all", "accept = [", "accept", []),
    ("a route that leads nowhere", "", "relay", ["route"]),
    ("a password in clear text", "relay = \"127.0.0.1:25\"\nusername = \"u\"\npassword_file = \"p\"", "relay", ["username", "verify"]),
    ("a domain that is none", "hostname = \"not a host\"", "hostname", ["hostname"])]


@pytest.mark.parametrize("what, line, instead_of, words", BROKEN, ids=[b[0] for b in BROKEN])
@pytest.mark.parametrize("command", ["check", "up"])
def test_it_is_refused_with_its_line(gateway: Gateway, command: str, what: str, line: str, instead_of: str, words: list[str]) -> None:
    number = broken(gateway, line, instead_of)
    done = gateway.cli(command, check=False)
    said = done.stdout + done.stderr
    assert done.returncode != 0, said
    assert "postern.toml:" in said and all(word in said for word in words), said
    assert f"postern.toml:{number}:" in said or what in ("a route that leads nowhere", "no TOML at all", "a password in clear text"), said


LEVELS = [
    (1, "networks = [\"192.0.2.0/24\"]", "accept", "networks"),
    (2, "", "nothing", "key"),
    (3, "[log]\nidentifiers = true", "", "identifiers")]


@pytest.mark.parametrize("level, line, instead_of, key", LEVELS, ids=[f"level {level[0]}" for level in LEVELS])
def test_a_setting_that_breaks_the_level_is_refused(gateway: Gateway, level: int, line: str, instead_of: str, key: str) -> None:
    """Plain networks off loopback (1), a clear TLS key file (2), identifiers in the log (3)."""
    if instead_of == "nothing":
        gateway.config.write_text(gateway.config.read_text().replace("level = 1", f"level = {level}", 1))
    elif instead_of:
        broken(gateway, gateway_line(gateway, instead_of) + "\n" + line, instead_of, level)
    else:
        gateway.config.write_text(gateway.config.read_text().replace("level = 1", f"level = {level}", 1) + "\n" + line + "\n")
    done = gateway.cli("check", check=False)
    said = done.stdout + done.stderr
    assert done.returncode == 1 and "postern.toml:" in said and key in said, said


def gateway_line(gateway: Gateway, start: str) -> str:
    return next(line for line in gateway.config.read_text().splitlines() if line.startswith(start))


def test_submission_without_tls_breaks_level_1(gateway: Gateway) -> None:
    text = gateway.config.read_text()
    start, end = text.index("[tls]"), text.index("[[listener]]")
    gateway.config.write_text(text[:start] + text[end:])
    done = gateway.cli("check", check=False)
    assert done.returncode == 1 and "postern.toml:" in done.stdout + done.stderr


def test_good_settings_pass(gateway: Gateway) -> None:
    assert gateway.cli("check", "--offline").returncode == 0


def test_init_writes_settings_that_pass(gateway: Gateway) -> None:
    target = gateway.folder / "written"
    target.mkdir()
    subprocess.run([str(machine.BINARY), "init", "--for", "relay", "--level", "1", str(target)], check=True, env=gateway.env,
                   capture_output=True)
    written = target / "postern.toml"
    assert next(l for l in written.read_text().splitlines() if l and not l.startswith("#")).startswith("level = 1")


def test_a_missing_settings_file_is_one_sentence(gateway: Gateway) -> None:
    gateway.config.unlink()
    done = gateway.cli("status", check=False)
    assert done.returncode == 66 and len(done.stderr.strip().splitlines()) == 1


def test_a_wrong_passphrase_does_not_start_and_says_so(gateway: Gateway) -> None:
    gateway.initialise()
    (gateway.folder / "passphrase").write_text("wrong\n")
    done = gateway.cli("up", check=False)
    assert done.returncode != 0 and "passphrase" in (done.stdout + done.stderr).lower()


def test_every_command_has_help_with_an_example() -> None:
    for command in ([], ["up"], ["init"], ["check"], ["status"], ["log"], ["trace"], ["explain"], ["keys", "import"], ["user", "add"],
                    ["queue", "list"], ["vault", "init"]):
        done = subprocess.run([str(machine.BINARY), *command, "--help"], capture_output=True, text=True, check=True)
        assert "postern" in done.stdout and ("Example" in done.stdout or not command)
