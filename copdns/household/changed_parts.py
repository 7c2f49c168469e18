"""What a change of a household changed, a part at a time: for people to read, and to undo it.

Pure; the words for people are the pages'.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import replace
from itertools import groupby
from typing import Any, NamedTuple

from copdns.household.differences import differences
from copdns.model.household import Household, Profile
from copdns.model.times import Ticket

# The fields of a household that hold several things, and by what these are known.
KEYS: Mapping[str, Callable[[Any], Any]] = {
    "profiles": lambda each: each.id,
    "devices": lambda each: each.id,
    "rules": lambda each: each.id,
    "services": lambda each: each.slug,
    "local_names": lambda each: each.key,
    "rewrites": lambda each: str(each.matcher),
    "split_upstreams": lambda each: each.key,
    "schedules": lambda each: each.id,
    "budgets": lambda each: each.id,
    "pauses": lambda each: each.profile,
    "grants": lambda each: each.id,
    "bonuses": lambda each: each.id,
    "tickets": lambda each: each.id,
    "moved_bedtimes": lambda each: each.profile,
    "filter_breaks": lambda each: each.device,
    "protected": str,
    "helplines": str,
}
SINGLE = ("name", "timezone", "guest", "language", "country", "calendar", "day_starts", "failures")
# The same of a profile.
PROFILE_KEYS: Mapping[str, Callable[[Any], Any]] = {
    "safe_search": lambda each: each[0],
    "always": str,
    "homework": str,
}
_BESIDE_SETTINGS = ("tags", "always", "homework", "full_log", "band_change", "timezone")


class ChangedPart(NamedTuple):
    """One thing that changed.

    part: a field of Household; "settings" for what `Difference` tells of a profile, and the name
    of the field for what it does not.  before, after: the thing as it was and is, None for none;
    of "settings" the Difference is the value of after.
    whom: the scope that it is for: a profile's id, "#tag", or "" for everyone.
    number: how many are alike; tickets that were made at once differ by their codes alone.
    """

    part: str
    before: Any
    after: Any
    whom: str = ""
    number: int = 1


def changed_parts(before: Household, after: Household) -> tuple[ChangedPart, ...]:
    """Return what is different, in the order of the fields of a household."""
    found: list[ChangedPart] = []
    for part in SINGLE:
        old, new = getattr(before, part), getattr(after, part)
        if old != new:
            found.append(ChangedPart(part, old, new))
    for part, key in KEYS.items():
        there, now = _by_key(before, part, key), _by_key(after, part, key)
        for each in dict.fromkeys((*there, *now)):
            old, new = there.get(each), now.get(each)
            if old == new:
                continue
            if isinstance(old, Profile) and isinstance(new, Profile):
                found += _changed_profile(old, new)
            else:
                found.append(ChangedPart(part, old, new, _whom(part, new or old)))
    return tuple(_count_alike(found))


def _count_alike(found: Iterable[ChangedPart]) -> Iterator[ChangedPart]:
    """Put tickets that are alike into one part, at the place of the first."""
    for alike, group in groupby(found, _likeness):
        parts = list(group)
        if alike is None:
            yield from parts
        else:
            yield parts[0]._replace(number=len(parts))


def _likeness(part: ChangedPart) -> tuple[Ticket | None, ...] | None:
    """Return what a ticket says without its code, before and after; None for anything else."""
    if part.part != "tickets":
        return None
    both: tuple[Ticket | None, ...] = (part.before, part.after)
    return tuple(each and replace(each, id="", digest="") for each in both)


def _by_key(household: Household, part: str, key: Callable[[Any], Any]) -> dict[Any, Any]:
    return {key(each): each for each in getattr(household, part)}


def _changed_profile(old: Profile, new: Profile) -> list[ChangedPart]:
    found = [ChangedPart("settings", None, each, new.id) for each in differences(old, new)]
    for part in _BESIDE_SETTINGS:
        there, now = getattr(old, part), getattr(new, part)
        if there == now:
            continue
        if part in ("full_log", "band_change"):
            found.append(ChangedPart(part, there, now, new.id))
            continue
        gone, made = [e for e in there if e not in now], [e for e in now if e not in there]
        found += [ChangedPart(part, each, None, new.id) for each in sorted(gone, key=str)]
        found += [ChangedPart(part, None, each, new.id) for each in sorted(made, key=str)]
    return found


def _whom(part: str, value: Any) -> str:
    if part == "profiles":
        return str(value.id)
    return str(getattr(value, "scope", "") or getattr(value, "profile", ""))
