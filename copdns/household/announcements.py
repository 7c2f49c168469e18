"""What a change does to everybody at home, so that all guardians are told.  Pure.

Whoever answers a name, or is asked for it, sees who wants it and says what is there; and what one
guardian protects, the other's lists no longer block.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from copdns.model.household import Household
from copdns.model.scoped_names import EVERY_NAME

MAX_NAMED = 5  # of one change; a file may have hundreds


def changed_lookups(before: Household, after: Household) -> tuple[str, ...]:
    """Return the names that are answered or forwarded in another way, each once, in order."""
    return tuple(
        dict.fromkeys(
            name
            for old, new in zip(_lookups(before), _lookups(after), strict=True)
            for name in (*new, *old)
            if old.get(name) != new.get(name)
        )
    )


def _lookups(household: Household) -> tuple[dict[str, Any], ...]:
    """Return how names are answered or forwarded: each way by name."""
    return (
        {each.key: each.values for each in household.local_names},
        {str(each.matcher): each.target for each in household.rewrites},
        # The usual upstreams have a notice of their own.
        {e.key: e.upstreams for e in household.split_upstreams if e.key != EVERY_NAME},
    )


def newly_protected(before: Household, after: Household) -> tuple[str, ...]:
    """Return the names that the household protects, and did not before."""
    return tuple(each for each in after.protected if each not in before.protected)


def list_few(names: Iterable[str]) -> str:
    """Return names in a few words, for a notice; "" for none."""
    found = tuple(names)
    more = f" (+{len(found) - MAX_NAMED})" if len(found) > MAX_NAMED else ""
    return ", ".join(found[:MAX_NAMED]) + more
