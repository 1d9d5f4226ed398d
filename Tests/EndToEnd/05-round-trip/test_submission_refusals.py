# SPDX-License-Identifier: Apache-2.0
"""What the submission role refuses of the corpus, listed with its replies: only mail without a From that is the user's own."""

import json

from harness import message, openpgp
from harness.gateway import Gateway
from harness.peers.nexthop import NextHop

ME = "corpus@keys.test"


def with_own_from(original: bytes) -> bytes:
    """The message as if alice's mail client had sent it; one that has no From keeps having none."""
    header, body = message.split(original)
    lines: list[bytes] = []
    ours = False
    for line in header.split(b"\r\n"):
        folded = line[:1] in (b" ", b"\t")
        if not folded:
            ours = line.lower().startswith((b"from:", b"sender:"))
            if ours:
                lines.append(line.split(b":")[0] + b": " + ME.encode())
        if not ours:
            lines.append(line)
    return b"\r\n".join(lines) + b"\r\n" + body


def test_submission_takes_what_has_a_from_and_says_why_else(make_own_gateway, nexthop: NextHop) -> None:
    gateway: Gateway = make_own_gateway(relay_port=nexthop.port, recipients=json.dumps([openpgp.address("cv25519")])).start()
    gateway.add_user("alice", ME)
    refused = []
    for path in message.corpus():
        sent = with_own_from(message.as_sent(path))
        with gateway.sign_in("alice", "submissions") as talk:
            talk.envelope(ME, openpgp.address("cv25519"), " BODY=8BITMIME")
            reply = talk.bdat(sent)
        if reply.code != 250:
            refused.append((path.name, str(reply)))
            assert reply.code in (550, 554) and len(reply.text) > 20, f"{path.name}: {reply}"
            assert not message.fields(sent, "From"), f"{path.name} has a From of alice's and was refused: {reply}"
    print("refused by the submission role:", *(f"  {name}: {reply}" for name, reply in refused), sep="\n")
