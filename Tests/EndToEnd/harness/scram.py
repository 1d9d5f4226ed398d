# SPDX-License-Identifier: Apache-2.0
"""SCRAM over SMTP, with PyPI's scramp as the other side, which scripts/setup puts beside the build."""

import base64
import sys
from typing import Any

from harness import machine
from harness.conversation import Conversation, Reply

sys.path.insert(0, str(machine.REPOSITORY / ".build/python"))

PLAIN = "SCRAM-SHA-256"
PLUS = "SCRAM-SHA-256-PLUS"


def client(name: str, password: str, mechanism: str = PLAIN, binding: tuple[str, Any] | None = None) -> Any:
    """A client of its own making: the mechanism, and with -PLUS what it binds to."""
    try:
        from scramp import ScramClient
    except ImportError:
        raise AssertionError("scramp is missing; scripts/setup test installs it") from None
    return ScramClient([mechanism], name, password, channel_binding=binding)


def authenticate(talk: Conversation, scram: Any, mechanism: str = PLAIN) -> Reply:
    """The whole exchange; the reply that ends it. The server's own proof is checked on the way."""
    reply = talk.command(f"AUTH {mechanism} {encoded(scram.get_client_first())}")
    if reply.code != 334:
        return reply
    scram.set_server_first(decoded(reply))
    reply = talk.command(encoded(scram.get_client_final()))
    if reply.code != 334:
        return reply
    scram.set_server_final(decoded(reply))
    return talk.command("")


def encoded(text: str) -> str:
    return base64.b64encode(text.encode()).decode()


def decoded(reply: Reply) -> str:
    return base64.b64decode(reply.text).decode()
