"""What there is to tell of an appeal: made, waiting, overdue, disputed, answered.

Compared by a mark that is stored with it, so that each is told once, by whichever process, and
also after a restart.  Pure.
"""

from __future__ import annotations

from copdns.appeals.appeal import Appeal
from copdns.model.events import AppealEvent, EventKind

_DISPUTED, _OVERDUE, _REMINDED = "+", "*", "."


def mark(appeal: Appeal) -> str:
    """Return what tells whether there is something new: state, number of answers, and signs."""
    signs = (
        (_DISPUTED, appeal.disagreed),
        (_OVERDUE, appeal.overdue is not None),
        (_REMINDED, appeal.reminded is not None),
    )
    given = len(appeal.answers)
    return f"{appeal.state}{given}" + "".join(sign for sign, holds in signs if holds)


def news(
    household: str, appeal: Appeal, before: str, *, telling: bool = False
) -> AppealEvent | None:
    """Return what happened since a mark, "" for before it was made; None: nothing worth telling.

    telling: with who asked, the name and the kind, where somebody chose that.
    """
    kind = _kind(appeal, before)
    if kind is None:
        return None
    answered = kind is EventKind.APPEAL_ANSWERED
    return AppealEvent(
        kind,
        household,
        appeal.id,
        appeal.answers[-1].at if answered else appeal.since,
        str(appeal.state),
        appeal.ask.profile if telling else "",
        appeal.ask.name if telling else "",
        str(appeal.ask.kind) if telling else "",
    )


def _kind(appeal: Appeal, before: str) -> EventKind | None:
    now = mark(appeal)

    def new(sign: str) -> bool:
        return sign in now and sign not in before

    if appeal.answers and new(str(len(appeal.answers))):
        return EventKind.APPEAL_ANSWERED
    if not before:
        return EventKind.APPEAL_MADE if appeal.waits else None
    if new(_DISPUTED):
        return EventKind.APPEAL_DISPUTED
    if new(_OVERDUE):
        return EventKind.APPEAL_OVERDUE
    return EventKind.APPEAL_WAITING if new(_REMINDED) else None
