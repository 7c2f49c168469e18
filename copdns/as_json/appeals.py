"""An appeal as a JSON object, and what it is about in a few words."""

from __future__ import annotations

from collections.abc import Iterable

from copdns.appeals.appeal import Appeal, AppealAnswer, AppealKind, AppealRequest
from copdns.appeals.first_end import FirstEnd
from copdns.appeals.opening import Opening
from copdns.as_json.plain import utc
from copdns.household.differences import Difference
from copdns.model.household import Band


def appeal_json(appeal: Appeal) -> dict[str, object]:
    """Return an appeal, the verdict it objects to, and its answers, the oldest first."""
    ask, to = appeal.ask, appeal.ask.to
    return {
        "id": appeal.id,
        "profile": ask.profile,
        "device": ask.device,
        "paired": ask.paired,
        "kind": ask.kind,
        "name": ask.name,
        "why": ask.why,
        "words": ask.words,
        "more_words": appeal.more_words,
        "wanted": ask.wanted,
        "minutes": ask.minutes,
        "day": None if ask.day is None else str(ask.day),
        "band": _band(ask.band),
        "wanted_band": _band(ask.wanted_band),
        "action": to.action,
        "reason": to.reason,
        "list": to.list,
        "list_version": to.list_version,
        "category": to.category,
        "service": to.service,
        "rule": to.rule,
        "via": to.via,
        "period": to.period,
        "revision": to.revision,
        "state": appeal.state,
        "asked": utc(appeal.asked),
        "since": utc(appeal.since),
        "seen": utc(appeal.seen),
        "reminded": utc(appeal.reminded),
        "overdue": utc(appeal.overdue),
        "closed": utc(appeal.closed),
        "disagreed": appeal.disagreed,
        "provisional": appeal.provisional,
        "answers": [answer_json(each) for each in appeal.answers],
    }


def answer_json(answer: AppealAnswer) -> dict[str, object]:
    """Return one answer to an appeal.  made: what it changed; until: null where nothing ends.

    policy: the version of the review policy.
    """
    return {
        "at": utc(answer.at),
        "state": answer.state,
        "reason": answer.reason,
        "text": answer.text,
        "role": answer.by.role,
        "by": answer.by.name,
        "made": list(answer.made),
        "until": utc(answer.until),
        "policy": answer.policy,
    }


def _band(band: Band | None) -> str | None:
    return None if band is None else str(band)


def opening_json(
    opens: Opening | None, settings: Iterable[Difference] = ()
) -> dict[str, object] | None:
    """Return what a yes would open; a subject that is null is every name.

    settings: those that come with another age group.
    """
    if opens is None:
        return None
    return {
        "about": [None if each is None else str(each) for each in opens.about],
        "names": [str(each) for each in opens.names],
        "service": opens.service,
        "content": opens.content,
        "time": opens.time,
        "minutes": opens.minutes,
        "band": _band(opens.band),
        "settings": [str(each) for each in settings],
    }


def first_end_json(ends: FirstEnd | None) -> dict[str, object] | None:
    """Return what ends a yes first."""
    if ends is None:
        return None
    return {"reason": ends.reason, "id": ends.id, "at": utc(ends.at), "minutes": ends.minutes}


def about_text(ask: AppealRequest) -> str:
    """Return what an appeal is about; of an old one that is deleted."""
    match ask.kind:
        case AppealKind.NAME:
            return ask.name or "(deleted)"
        case AppealKind.CATEGORY:
            return f"{ask.name} is not {ask.to.category}" if ask.name else "(deleted)"
        case AppealKind.AGE:
            return f"age group {ask.wanted_band}, not {ask.band}" if ask.band else "(deleted)"
        case AppealKind.TIME:
            return f"{ask.to.reason} {ask.to.period}".rstrip()
        case AppealKind.MINUTES:
            return f"{ask.minutes} minutes of {ask.to.period or '(deleted)'} on {ask.day}"
