"""Lists that a household pasted, and what became of their lines, as JSON objects."""

from __future__ import annotations

from collections.abc import Sequence

from copdns.as_json.plain import utc
from copdns.lists.own_lists import LineReport, OwnList, count_outcomes


def own_json(own: OwnList) -> dict[str, object]:
    """Return a list without its text."""
    return {
        "list": own.slug,
        "title": own.title,
        "category": own.category,
        "format": own.format,
        "match": own.match,
        "changed_at": utc(own.changed_at),
    }


def lines_json(lines: Sequence[LineReport]) -> dict[str, object]:
    """Return how many lines were taken, ignored and refused, and each of them."""
    counts = count_outcomes(lines)
    return {
        **{str(each): count for each, count in counts.items()},
        "lines": [each._asdict() for each in lines],
    }
