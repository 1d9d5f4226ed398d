# SPDX-License-Identifier: Apache-2.0
"""
`postern reload` and SIGHUP: what the settings file says holds for everybody who comes from then on, no connection is dropped, and a file
that is wrong changes nothing.
"""

import base64
import os
import shutil
import signal
import ssl
from collections.abc import Iterator

import pytest

from harness import machine, message
from harness.conversation import Conversation
from harness.gateway import Gateway
from harness.load import Load, arrived
from harness.peers.nexthop import NextHop
from harness.programs import sendmail


@pytest.fixture
def hop() -> Iterator[NextHop]:
    peer = NextHop().start()
    yield peer
    peer.stop()


@pytest.fixture
def gateway(make_own_gateway, hop: NextHop) -> Gateway:
    return make_own_gateway(relay_port=hop.port).start()


def change(gateway: Gateway, old: str, new: str) -> None:
    text = gateway.config.read_text()
    assert old in text
    gateway.config.write_text(text.replace(old, new, 1))


def greeting(gateway: Gateway, port: int | None = None) -> str:
    with Conversation(port or gateway.ports["mx"]) as talk:
        return talk.reply().text


def test_a_session_goes_on_under_the_old_settings_and_the_next_meets_the_new(gateway: Gateway, hop: NextHop) -> None:
    with gateway.connect() as old:
        old.ehlo()
        old.envelope("s@example.net", "x@peer.test")
        change(gateway, "gateway.postern.test", "localhost")
        change(gateway, 'recipients = ["x@peer.test"]', 'recipients = ["y@peer.test"]')
        assert "hold from now on" in gateway.cli("reload").stdout
        assert greeting(gateway).startswith("localhost")
        assert old.data(message.simple("old")).code == 250
        assert old.ehlo().lines[0][4:].startswith("gateway.postern.test")
        old.envelope("s@example.net", "x@peer.test")
        old.expect("RSET", 250)
    with gateway.connect() as new:
        new.ehlo()
        new.expect("MAIL FROM:<s@example.net>", 250)
        new.expect("RCPT TO:<x@peer.test>", 550)
        new.expect("RCPT TO:<y@peer.test>", 250)
    hop.wait(1)


def test_deliveries_take_the_new_way(gateway: Gateway, hop: NextHop) -> None:
    other = NextHop().start()
    change(gateway, f"127.0.0.1:{hop.port}", f"127.0.0.1:{other.port}")
    gateway.cli("reload")
    gateway.send("s@example.net", "x@peer.test", message.simple("another way"))
    other.wait(1)
    assert not hop.received
    other.stop()


def test_a_delivery_under_way_ends_as_it_began(make_own_gateway) -> None:
    import threading
    go_on = threading.Event()
    slow = NextHop(extensions=("8BITMIME",), answer=lambda verb, line: go_on.wait(machine.PATIENCE) and None if verb == "DATA" else None).start()
    gateway = make_own_gateway(relay_port=slow.port).start()
    gateway.send("s@example.net", "x@peer.test", message.simple("slow"))
    machine.eventually(lambda: any(c.startswith("DATA") for c in slow.commands), "a delivery to begin")
    gateway.cli("reload")
    go_on.set()
    slow.wait(1)
    gateway.wait_until_empty()
    assert len(slow.received) == 1
    slow.stop()


def test_listeners_open_close_and_change_their_role(gateway: Gateway) -> None:
    fresh = machine.free_port()
    mx, submissions = gateway.ports["mx"], gateway.ports["submissions"]
    change(gateway, f"port = {gateway.ports['submission']}", f"port = {fresh}")
    change(gateway, 'role = "submissions"', 'role = "mx"')
    with gateway.connect("mx") as old, gateway.connect("submission") as leaving:
        said = gateway.cli("reload").stdout
        assert "1 listener opened" in said and "1 closed" in said
        assert Conversation(fresh).reply().code == 220
        machine.eventually(lambda: not machine.accepts(gateway.ports["submission"]), "the old port to close")
        # What was TLS from the first byte speaks in clear now.
        assert greeting(gateway, submissions)
        # Those who were in stay in.
        old.ehlo()
        leaving.ehlo()
        leaving.start_tls()
    roles = sorted(l["role"] for l in gateway.status()["listeners"])
    assert roles == ["mx", "mx", "submission"] and machine.accepts(mx)


def test_a_unix_socket_opens_changes_its_rights_and_closes(gateway: Gateway, hop: NextHop) -> None:
    path = gateway.folder / "programs.socket"
    plain = gateway.config.read_text()
    listener = f'[[listener]]\nrole = "local"\npath = "{path}"\nmode = "0600"\n\n[sendmail]\ndomain = "peer.test"\n\n'
    for _ in range(2):
        # The second time it takes the place of one that was closed.
        gateway.config.write_text(plain.replace("[[route]]", listener + "[[route]]", 1))
        assert "1 listener opened" in gateway.cli("reload").stdout
        assert oct(path.stat().st_mode & 0o777) == "0o600"
        change(gateway, '"0600"', '"0666"')
        gateway.cli("reload")
        assert oct(path.stat().st_mode & 0o777) == "0o666"
        before = len(hop.received)
        sendmail(gateway, "nobody", "x@peer.test", stdin="Subject: by a socket\n\nhi\n")
        hop.wait(before + 1)
        gateway.config.write_text(plain)
        assert "1 closed" in gateway.cli("reload").stdout
        assert not path.exists()


def test_a_filter_asks_for_other_clients(make_own_gateway, hop: NextHop) -> None:
    port = machine.free_port()
    gateway = make_own_gateway(relay_port=hop.port)
    listener = f'''[[listener]]
role = "filter"
direction = "outbound"
address = "127.0.0.1"
port = {port}
from = ["127.0.0.1"]
next_hop = "127.0.0.1:{hop.port}"

'''
    gateway.config.write_text(gateway.config.read_text().replace("[[route]]", listener + "[[route]]", 1))
    gateway.start()
    with Conversation(port) as talk:
        assert talk.reply().code == 220
        change(gateway, 'from = ["127.0.0.1"]', 'from = ["127.77.0.1"]')
        gateway.cli("reload")
        talk.expect("EHLO other.test", 250)
    with Conversation(port) as talk:
        assert talk.reply().code == 554
    with Conversation(port, source="127.77.0.1") as talk:
        assert talk.reply().code == 220


def test_wrong_passwords_are_not_forgotten(gateway: Gateway) -> None:
    gateway.add_user("alice")
    wrong = base64.b64encode(b"\0alice\0wrong").decode()
    slowed = lambda: gateway.status()["counters"].get("sign-ins slowed", 0)
    # Three are free; a gateway that had forgotten them would allow three more.
    for attempt in range(5):
        if attempt == 3:
            gateway.cli("reload")
        with gateway.connect("submissions") as talk:
            talk.ehlo()
            talk.expect(f"AUTH PLAIN {wrong}", 535)
    assert slowed()


def serial(port: int) -> str:
    """What tells the certificate at a port of TLS from another."""
    return ssl.get_server_certificate(("127.0.0.1", port))


def test_a_renewed_certificate_is_shown_to_those_who_come(gateway: Gateway, authority, own_certificate) -> None:
    before = serial(gateway.ports["submissions"])
    with gateway.connect("submissions") as old:
        renewed = authority.issue("renewed", "gateway.postern.test")
        change(gateway, str(own_certificate.certificate), str(renewed.certificate))
        change(gateway, str(own_certificate.key), str(renewed.key))
        os.kill(gateway.pid, signal.SIGHUP)
        machine.eventually(lambda: serial(gateway.ports["submissions"]) != before, "the new certificate")
        old.ehlo()


BROKEN = [
    ("a wrong value", "port = ", "port = 70000 #", ["port", "70000"]),
    ("no TOML at all", "accept = [", "accept = [[", []),
    ("a level that is not kept", "accept = [", "networks = [\"192.0.2.0/24\"]\naccept = [", ["networks"]),
    ("another data directory", 'data = "', 'data = "/nowhere', ["data", "restart"]),
    ("a certificate that is not there", 'certificate = "', 'certificate = "/nowhere', ["tls.certificate"])]


@pytest.mark.parametrize("what, old, new, words", BROKEN, ids=[b[0] for b in BROKEN])
def test_a_broken_file_changes_nothing_and_says_why(gateway: Gateway, hop: NextHop, what: str, old: str, new: str, words: list[str]) -> None:
    good = gateway.config.read_text()
    change(gateway, "gateway.postern.test", "localhost")
    change(gateway, old, new)
    # The command finds the gateway by --data where the file does not name it.
    done = gateway.cli("reload", "--data", str(gateway.data), check=False) if "data" in what else gateway.cli("reload", check=False)
    said = done.stdout + done.stderr
    assert done.returncode == 1 and "old ones hold on" in said and all(word in said for word in words), said
    assert greeting(gateway).startswith("gateway.postern.test")
    gateway.config.write_text(good)
    assert [alarm["name"] for alarm in gateway.status()["alarms"]] == ["reload"]
    assert "not taken" in gateway.log()
    gateway.cli("reload")
    assert not gateway.status()["alarms"]
    gateway.send("s@example.net", "x@peer.test", message.simple("still there"))
    hop.wait(1)


def test_a_port_that_is_taken_leaves_all_as_it_was(gateway: Gateway) -> None:
    import socket
    with socket.create_server(("127.0.0.1", 0)) as other:
        change(gateway, f"port = {gateway.ports['submission']}", f"port = {other.getsockname()[1]}")
        done = gateway.cli("reload", check=False)
    assert done.returncode == 1 and "[[listener]]" in done.stderr
    assert greeting(gateway, gateway.ports["submission"])


def test_under_traffic_nobody_is_dropped_and_every_250_arrives(gateway: Gateway, hop: NextHop) -> None:
    with Load(gateway, "reload") as load:
        load.more(20)
        for name in ("localhost", "gateway.postern.test") * 5:
            text = gateway.config.read_text()
            old = "localhost" if 'hostname = "localhost"' in text else "gateway.postern.test"
            change(gateway, f'hostname = "{old}"', f'hostname = "{name}"')
            gateway.cli("reload")
            load.more(10)
    assert not load.broken and not load.codes, (load.broken, load.codes)
    gateway.wait_until_empty()
    assert load.promised <= arrived(hop)


def test_without_a_gateway_it_says_so(make_own_gateway) -> None:
    gateway = make_own_gateway(relay_port=25)
    assert gateway.cli("reload", check=False).returncode == 69
    shutil.rmtree(gateway.data, ignore_errors=True)
