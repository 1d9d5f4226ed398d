# SPDX-License-Identifier: Apache-2.0
"""Mail to many domains by one gateway, and what became of each message after its first try."""

from dataclasses import dataclass
from typing import Any

from harness import machine, message
from harness.gateway import Gateway

ALICE = "alice@postern.test"
# What the queue says about a copy that waits, by the kind of its fault.
FAULTS = {
    "dns": "look", "unproven": "could not prove who it is", "policy": "not one that the domain's policy names",
    "starttls-not-offered": "does not offer the encryption"}


@dataclass
class Outcome:
    """`waits` is the queue's entry of a copy that was deferred; nothing for one that has left."""

    id: str
    waits: dict[str, Any] | None

    @property
    def reason(self) -> str:
        return str(self.waits and self.waits["lastReply"])


def submit(gateway: Gateway, recipients: list[str], headers: tuple[str, ...] = ()) -> dict[str, str]:
    """One message for each recipient, from alice; the ids."""
    with gateway.sign_in() as talk:
        return {
            recipient: talk.send_mail(ALICE, recipient, message.simple(f"for {recipient}", sender=ALICE, to=recipient, headers=headers))
            for recipient in recipients}


def outcomes(gateway: Gateway, ids: dict[str, str]) -> dict[str, Outcome]:
    """Waits until each message has left or was tried once."""
    def settled() -> dict[str, dict[str, Any]] | None:
        waiting = {copy["id"]: copy for copy in gateway.queue("--limit", "5000")}
        open_ones = [i for i in ids.values() if i in waiting and (waiting[i]["attempts"] == 0 or waiting[i]["state"] == "leased")]
        return None if open_ones else {"": {}} | waiting

    # A name server that never answers costs each look-up its whole time.
    waiting = machine.eventually(settled, f"a first try of {len(ids)} messages", machine.PATIENCE * 2)
    return {recipient: Outcome(i, waiting.get(i)) for recipient, i in ids.items()}
