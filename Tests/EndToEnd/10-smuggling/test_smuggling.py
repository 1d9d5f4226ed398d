# SPDX-License-Identifier: Apache-2.0
"""No end of data but CRLF dot CRLF: a second message hidden behind any other is refused with the first, or stays text of its body."""

import pytest

from harness.conversation import Closed, Conversation
from harness.gateway import Gateway
from harness.smuggling import Variant, all_variants

VARIANTS = all_variants()
HIDDEN = (b"MAIL FROM:<smuggler@example.net>\r\nRCPT TO:<alice@postern.test>\r\nDATA\r\n"
          b"Subject: smuggled\r\nFrom: admin@postern.test\r\n\r\nsmuggled\r\n.\r\n")
FIRST = b"Subject: outer\r\nFrom: s@example.net\r\n\r\nouter"


@pytest.fixture(scope="module")
def gateway(make_gateway) -> Gateway:
    made = make_gateway().start()
    made.add_user("alice")
    return made


def open_envelope(gateway: Gateway, role: str = "mx") -> Conversation:
    talk = gateway.connect(role)
    talk.ehlo()
    return talk


def verdict(talk: Conversation) -> list[int]:
    """The reply codes until the connection ends."""
    codes = []
    try:
        while True:
            codes.append(talk.reply().code)
    except Closed:
        return codes


# How many outer messages were taken, their hidden half as text in their bodies.
taken = 0


def judge(variant: Variant, codes: list[int], chunks: int = 0) -> None:
    """`chunks`: replies that may come before the one that counts. Only a NUL may be refused without ending the session."""
    global taken
    last = codes[chunks:] if len(codes) > chunks else codes[-1:]
    if variant.is_bare:
        assert codes[-1] == 554 and codes[:-1] in ([], [250] * chunks), f"{variant.name}: {codes}"
    elif b"\0" in variant.bytes and 250 not in last:
        assert last[0] >= 500, f"{variant.name}: {codes}"
    else:
        assert codes == [250] * (chunks + 1) + [221], f"{variant.name}: {codes}"
        taken += 1


@pytest.mark.parametrize("variant", VARIANTS, ids=lambda v: v.name)
@pytest.mark.parametrize("how", ["DATA", "DATA inside TLS", "DATA in packets of one byte"])
def test_by_data(gateway: Gateway, variant: Variant, how: str) -> None:
    talk = open_envelope(gateway)
    if "TLS" in how:
        talk.start_tls()
    talk.envelope("s@example.net", "alice@postern.test")
    talk.expect("DATA", 354)
    send = talk.write_bytewise if "byte" in how else talk.write
    try:
        send(FIRST + variant.bytes + HIDDEN + b"QUIT\r\n")
    except OSError:
        pass  # It closed while we were still talking.
    judge(variant, verdict(talk))


@pytest.mark.parametrize("variant", VARIANTS, ids=lambda v: v.name)
@pytest.mark.parametrize("chunks", ["one chunk", "the dot in two chunks"])
def test_by_bdat(gateway: Gateway, variant: Variant, chunks: str) -> None:
    """In a chunk a dot means nothing, and a bare CR or LF is no more allowed than by DATA."""
    talk = open_envelope(gateway)
    talk.envelope("s@example.net", "alice@postern.test")
    content = FIRST + variant.bytes + HIDDEN
    middle = len(FIRST) + len(variant.bytes) // 2
    pieces = [content] if chunks == "one chunk" else [content[:middle], content[middle:]]
    for index, piece in enumerate(pieces):
        last = b" LAST" if index == len(pieces) - 1 else b""
        try:
            talk.write(b"BDAT %d%s\r\n" % (len(piece), last) + piece)
        except OSError:
            break
    try:
        talk.write(b"QUIT\r\n")
    except OSError:
        pass
    judge(variant, verdict(talk), chunks=len(pieces) - 1)


@pytest.mark.parametrize("ending", ["\n", "\r", "\r\r\n", "\n\r"], ids=["LF", "CR", "CRCRLF", "LFCR"])
def test_command_lines_end_in_crlf_only(gateway: Gateway, ending: str) -> None:
    talk = gateway.connect()
    talk.write(f"NOOP{ending}MAIL FROM:<s@example.net>{ending}QUIT\r\n".encode())
    assert 250 not in verdict(talk)


def test_nothing_smuggled_was_stored(gateway: Gateway) -> None:
    """Every message that came is an outer one, and there are as many as were taken."""
    gateway.wait_until_empty()
    came = gateway.maildir("alice").messages()
    assert len(came) == taken
    for mail in came:
        assert b"Subject: outer\r\n" in mail.split(b"\r\n\r\n", 1)[0]
        assert b"smuggler@example.net" not in mail.split(b"\r\n\r\n", 1)[0]
