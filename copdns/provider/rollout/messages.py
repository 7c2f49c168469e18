"""What the staff are told when a rollout stops, goes back or is done, and of freezes.  Pure.

A message goes out of the house, so it has no reason that a person wrote, which may be about a
family; the page and `copdns provider rollout show` have those.  What copdns itself gives as a
reason has figures of all subscribers together.  `app/node/message_words.py` puts a message into
words.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from copdns.provider.law.statement import utc_text
from copdns.provider.rollout.reasons import RolloutReason, reason_json
from copdns.provider.rollout.rollouts import (
    COPDNS,
    Rollout,
    RolloutFreeze,
    RolloutStage,
    RolloutState,
    RolloutStep,
)


class RolloutNews(StrEnum):
    """What a message is about."""

    STOPPED = "stopped"
    UNDONE = "undone"
    DONE = "done"
    FINAL = "final"  # the version before does not run any more
    FROZEN = "frozen"
    THAWED = "thawed"


@dataclass(frozen=True, slots=True)
class RolloutMessage:
    """A message.

    subject: the number of the rollout or the freeze.  kind, label, stage: of a rollout, else "".
    by: who did it.  why: where copdns did, in English; because: the same as a code with its
    values, None in one that the version before wrote.  ends: of a freeze, seconds since 1970; else
    0.
    """

    at: int
    what: RolloutNews
    subject: int
    kind: str
    label: str
    stage: str
    by: str
    why: str = ""
    ends: int = 0
    because: RolloutReason | None = None


def news_of_step(rollout: Rollout, step: RolloutStep) -> RolloutMessage | None:
    """Return the message of a new step; None for one that only goes on.

    rollout: before the step, but for whether there is a way back.
    """
    if step.state is RolloutState.STOPPED:
        what = RolloutNews.STOPPED
    elif step.state is RolloutState.UNDONE:
        what = RolloutNews.UNDONE
    elif step.stage is not RolloutStage.DONE:
        return None
    else:
        what = RolloutNews.FINAL if rollout.stage is RolloutStage.DONE else RolloutNews.DONE
    label = " ".join(rollout.label.split())  # in the subject of a mail
    return RolloutMessage(
        *(step.at, what, rollout.number, str(rollout.kind), label, str(step.stage)),
        *(step.by, step.why if step.by == COPDNS else ""),
        because=step.because if step.by == COPDNS else None,
    )


def news_of_freeze(freeze: RolloutFreeze, what: RolloutNews, by: str, now: int) -> RolloutMessage:
    """Return the message of a freeze that was set, or ended before its time."""
    return RolloutMessage(now, what, freeze.number, "", "", "", by, ends=freeze.ends)


def message_json(message: RolloutMessage) -> dict[str, object]:
    """Return it for a program, which reads one language."""
    return {
        "event": "rollout",
        "what": str(message.what),
        "number": message.subject,
        "kind": message.kind or None,
        "label": message.label or None,
        "stage": message.stage or None,
        "at": utc_text(message.at),
        "by": message.by,
        "why": message.why or None,
        "because": reason_json(message.because),
        "until": utc_text(message.ends) if message.ends else None,
    }
