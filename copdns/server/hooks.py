"""What others may put into the way of a query (`server/answer.py`), and what is there at first.

A hook is set once, as an attribute of `Resolver`; what is here does nothing.
"""

from __future__ import annotations

from collections.abc import Callable
from enum import Enum
from typing import Any, Final

from copdns.model.verdict import Requestor
from copdns.policy.snapshot import Client, Snapshot
from copdns.server.pending_query import SendReply
from copdns.time.clock import Moment

PutAside = Callable[[bytes, Requestor, SendReply, Any], "bytes | None"]

NO_REPLY: Final = b""  # nothing is sent, now or later


class Screening(Enum):
    """What happens to a query whose client is uncertain.

    A client is uncertain (`Client.is_certain`) if the household knows devices by MAC addresses, no
    device has the client's IP address, and the kernel may yet find the MAC address behind it.
    """

    # The query is answered, under the policy of whoever the client is known to be.  The kernel has
    # just found the MAC address, or was asked for it a moment ago, or cannot find it (the query
    # came over TCP, or from beyond this network).
    ANSWER = "answer"
    # The kernel does not know the IP address yet.  The reply has TC=1: to send it, the kernel must
    # find the MAC address, and the client asks again over TCP, when that is known.
    TRUNCATE = "truncate"
    # Many replies with TC=1 were sent in this second, so the IP address may be made up.  Nothing is
    # sent; a client that exists asks again.
    DROP = "drop"


def answer_all(requestor: Requestor, moment: Moment) -> Screening:
    """`Resolver.screen` where devices are not recognised."""
    return Screening.ANSWER


def as_it_is(snapshot: Snapshot) -> Snapshot:
    """`Resolver.add_sightings` where devices are not recognised."""
    return snapshot


def refuse_unread(
    message: bytes, requestor: Requestor, send_reply: SendReply, reply_to: Any
) -> bytes | None:
    """`Resolver.put_aside` at home, where all households are read."""
    return NO_REPLY


def ignore_snapshot(snapshot: Snapshot) -> None:
    """`Resolver.on_snapshot` where nobody is interested."""


def ignore_probe(qname: str, requestor: Requestor, client: Client, now: float) -> None:
    """`Resolver.on_probe` where nobody is interested."""
