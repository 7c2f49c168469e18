"""What a push service said to a message, and what is to be done about it (RFC 8030).  Pure."""

from __future__ import annotations

from enum import StrEnum
from typing import NamedTuple

LONGEST_PAUSE = 3600  # seconds, whatever a service says


class PushOutcome(StrEnum):
    """What a push service said to a message."""

    SENT = "sent"
    GONE = "gone"  # the browser wants no more messages
    AGAIN = "again"  # it may take it later
    REFUSED = "refused"


class PushResult(NamedTuple):
    """wait: seconds that the service asks to wait; 0 for none.  why: what went wrong, for a log."""

    outcome: PushOutcome
    wait: int = 0
    why: str = ""


def judge_status(status: int, retry_after: str = "") -> PushResult:
    """Return what the status of a push service means (RFC 8030 sections 5 and 8.4).

    retry_after: the header, of which only seconds are read (RFC 9110 section 10.2.3).
    """
    if 200 <= status < 300:
        return PushResult(PushOutcome.SENT)
    if status in (404, 410):
        return PushResult(PushOutcome.GONE)
    why = f"the push service answered with status {status}"
    if status in (408, 429) or status >= 500:
        wait = int(retry_after) if retry_after.isascii() and retry_after.isdigit() else 0
        return PushResult(PushOutcome.AGAIN, min(wait, LONGEST_PAUSE), why)
    return PushResult(PushOutcome.REFUSED, why=why)
