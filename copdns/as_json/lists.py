"""Lists, and what they hold, as JSON objects."""

from __future__ import annotations

from typing import Final

from copdns.as_json.plain import utc
from copdns.lists.index import FoundEntry
from copdns.lists.shapes import MeasuredListShape
from copdns.lists.small_index import ListStatus
from copdns.privacy.list_counts import week_start
from copdns.privacy.list_scores import ListScore


def status_json(status: ListStatus) -> dict[str, object]:
    """Return a list as it is in force.  used: its names; unused: how many are not, by why.

    held: the first entries that the gate left out, and what each would have taken away.
    """
    info = status.info
    return {
        "list": info.slug,
        "kind": info.kind,
        "about": info.subject,
        "title": info.title,
        "licence": info.licence,
        "maintainer": info.maintainer,
        "report": info.report,
        "version": info.version,
        "used": status.used_count,
        "unused": status.unused,
        "problems": [
            {"line": each.line, "reason": each.reason, "text": each.text}
            for each in status.problems
        ],
        "held": [each._asdict() for each in status.held],
        "error": status.error,
    }


NO_TRIAL_JSON: Final[dict[str, object]] = {"log_only_until": None, "log_only_count": None}


def trial_json(until: float, count: int | None) -> dict[str, object]:
    """Return until when a list only counts, and what it would have blocked: null where fewer than
    three people had a part in that."""
    return {"log_only_until": utc(until), "log_only_count": count}


def score_json(score: ListScore, measured: MeasuredListShape | None) -> dict[str, object]:
    """Return how a list did, week by week, the newest first, and when it was measured for copdns.

    from: when the week began.  wrong_share: of 1,000 entries.  null: not known, as what fewer than
    three people met, or not measured.
    """
    return {
        "list": score.list,
        "label": score.label,
        "measured": measured
        and {
            "version": measured.version,
            "wanted": list(measured.wanted),
            "caught": measured.caught and measured.caught.model_dump(),
            "others": measured.others.model_dump(),
        },
        "weeks": [
            {
                "from": utc(week_start(each.week)),
                "caught": each.caught,
                "wrong": each.wrong,
                "left_out": each.left_out,
                "entries": each.entries,
                "wrong_share": each.wrong_share,
            }
            for each in score.weeks
        ],
    }


def entry_json(found: FoundEntry) -> dict[str, object]:
    """Return an entry that was found.  entry: as in a rule; exception: it allows."""
    entry, info, text = found
    return {
        "list": info.slug,
        "kind": info.kind,
        "about": info.subject,
        "title": info.title,
        "entry": text,
        "exception": entry.allow,
        "version": info.version,
    }
