# SPDX-License-Identifier: Apache-2.0
"""Without a key a stranger's message passes as it came: the same bytes, with our one trace field in front."""

from harness import message
from harness.gateway import Gateway
from harness.peers.nexthop import NextHop


def test_every_message_of_the_corpus_passes_unchanged(make_gateway, nexthop: NextHop) -> None:
    gateway: Gateway = make_gateway(relay_port=nexthop.port).start()
    for path in message.corpus():
        original = message.as_sent(path)
        before = len(nexthop.received)
        with gateway.connect() as talk:
            talk.ehlo()
            talk.envelope("s@example.net", "x@peer.test", " BODY=8BITMIME")
            reply = talk.data(original) if original.endswith(b"\r\n") else talk.bdat(original)
            assert reply.code == 250, f"{path}: {reply}"
        came = nexthop.wait(before + 1)[before].content
        # An mbox `From ` line means something only as the first line, so our field stands behind it.
        mbox = came[:came.index(b"\r\n") + 2] if came.startswith(b"From ") else b""
        trace, rest = first_field(came[len(mbox):])
        assert trace.startswith(b"Received: by gateway.postern.test "), f"{path}: {trace!r}"
        assert b"from" not in trace and b" for " not in trace and b"127." not in trace, f"{path}: {trace!r}"
        assert mbox + rest == original, path


def test_a_body_shared_by_two_recipients_is_the_same_for_both(make_own_gateway, nexthop: NextHop) -> None:
    gateway: Gateway = make_own_gateway(relay_port=nexthop.port).start()
    before = len(nexthop.received)
    gateway.send("s@example.net", ["x@peer.test", "y@peer.test"], message.simple("shared"))
    gateway.wait_until_empty()
    came = nexthop.received[before:]
    assert sorted(r for m in came for r in m.recipients) == sorted(
        r for m in came for r in m.recipients if "peer.test" in r) and sum(len(m.recipients) for m in came) == 2
    assert all(first_field(m.content)[1] == message.simple("shared") for m in came)


def first_field(mail: bytes) -> tuple[bytes, bytes]:
    """The first header field with its folds, and the rest."""
    end = mail.index(b"\r\n") + 2
    while mail[end : end + 1] in (b" ", b"\t"):
        end = mail.index(b"\r\n", end) + 2
    return mail[:end], mail[end:]
