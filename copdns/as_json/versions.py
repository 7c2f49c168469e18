"""Versions of fetched lists as JSON objects: the one that is held, and earlier ones."""

from __future__ import annotations

from collections.abc import Iterable

from copdns.as_json.plain import utc
from copdns.lists.download import CopyState
from copdns.lists.version_book import HeldVersion, version_id
from copdns.lists.versions import NeededKind, diff_json


def held_version_json(
    slug: str, held: HeldVersion, *, shows_rules: bool = True
) -> dict[str, object]:
    """Return a version that is held: why, and how it differs from the one in force.

    shows_rules: the reader may know what the household allows and protects; else that is only
    counted, as a school's domain would tell where a child is.
    """
    diff = diff_json(held.diff)
    if not shows_rules:
        diff["needed"] = [each for each in diff["needed"] if each["kind"] != NeededKind.VOUCHED]
    del diff["is_wider"]  # the reasons say it
    return {
        "list": slug,
        "version": held.version,
        "held_at": utc(held.held_at),
        "reasons": list(held.reasons),
        **diff,
    }


def earlier_json(versions: Iterable[CopyState]) -> list[dict[str, object]]:
    """Return the versions that one can go back to, the newest first."""
    return [
        {"version": version_id(each), "fetched_at": utc(each.fetched_at), "names": each.names}
        for each in versions
    ]
