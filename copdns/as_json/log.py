"""What is kept of look-ups as JSON objects."""

from __future__ import annotations

from copdns.as_json.plain import utc
from copdns.model.reasons import text_of
from copdns.model.record_types import qtype_name
from copdns.model.verdict import Action, Reason, Verdict
from copdns.privacy.masked_names import OTHER
from copdns.privacy.retention import CountKey, LogRow

HOUR = 3600  # seconds


def why(row: LogRow) -> str:
    """Return the reason in the words that the device got; of a hidden row, that it is hidden."""
    if row.reason == OTHER:
        return OTHER
    verdict = Verdict(
        Action(row.action),
        Reason(row.reason),
        0,
        category=row.category,
        service=row.service,
        list=row.list,
        rule=row.rule,
    )
    return text_of(verdict)


def row_json(row: LogRow) -> dict[str, object]:
    """Return a row of the log, with its reason in words; at: in UTC."""
    kept = row._asdict() | {"at": utc(row.at), "type": qtype_name(row.qtype), "text": why(row)}
    return {"name" if key == "qname" else key: kept[key] for key in kept if key != "qtype"}


def count_json(key: CountKey, n: int) -> dict[str, object]:
    """Return how many look-ups of a kind there were in an hour; hour: when it began, in UTC."""
    return {
        "hour": utc(key.hour * HOUR),
        "profile": key.profile,
        "action": key.action,
        "reason": key.reason,
        "category": key.category,
        "count": n,
    }
