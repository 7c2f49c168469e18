"""Undo a change to a household: put back what it changed, and nothing that others changed since.

The inverse of a change is applied to the household as it is now.  Each thing that it changed is put
back where it is still as the change left it, and left alone where it is as before already; where
it is neither, somebody changed it since, and nothing at all is undone.  Pure.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import fields, is_dataclass, replace
from datetime import date
from typing import Any

from copdns.household.changed_parts import KEYS, PROFILE_KEYS
from copdns.household.edit_checks import validate
from copdns.model.errors import HouseholdError
from copdns.model.household import Device, Household, Profile
from copdns.model.matchers import Matcher
from copdns.model.times import SchoolCalendar

UNDO_FOR = 600  # seconds for which a change can be undone (docs/accounts.md)

_CALENDAR_KEYS: Mapping[str, Callable[[Any], Any]] = {"days": lambda each: each[0]}
# Not of the household, or not to be brought back: a full log is asked for anew, by its own rules.
_LEFT_ALONE = frozenset({"revision", "full_log"})
_SORTED = frozenset({"days", "safe_search"})


def can_undo(before: Household, after: Household) -> bool:
    """Tell whether a change can be undone at all.

    Adding or removing a person is not: what is recorded of somebody is deleted with them.  Nor is
    what would not be brought back, such as a full log that began.
    """
    if _ids(before) != _ids(after):
        return False
    undone: Household = _put_back_parts(before, after, after, "")
    return undone != after


def undo(before: Household, after: Household, now: Household) -> Household:
    """Return the household as it is now without what a change did.

    before, after: the household of the change.  Raises HouseholdError where somebody changed the
    same thing since, or what is put back cannot be any more.
    """
    undone: Household = _put_back_parts(before, after, now, "")
    try:
        return validate(undone)
    except HouseholdError:
        raise HouseholdError(
            "something else was changed since then, so this can no longer be undone; nothing was "
            "changed now"
        ) from None


def _ids(household: Household) -> list[str]:
    return [each.id for each in household.profiles]


_MISSING: Any = object()


def _put_back(before: Any, after: Any, now: Any, called: str) -> Any:
    """Return a value without what a change did to it.  called: what it is of, for people."""
    if before == after or now == before:
        return now
    if now == after:
        return _as_before(before, now)
    if isinstance(now, frozenset):
        return (now - (after - before)) | (before - after)
    if type(now) is type(before) is type(after) and isinstance(now, _WITH_PARTS):
        return _put_back_parts(before, after, now, called)
    raise _changed_since(called)


_WITH_PARTS = (Profile, SchoolCalendar)


def _as_before(before: Any, now: Any) -> Any:
    """Return what something was before, but for what is not to be brought back."""
    if is_dataclass(before) and type(now) is type(before):
        left = {each.name for each in fields(before)} & _LEFT_ALONE
        kept = {each: getattr(now, each) for each in left}
        if isinstance(before, Device) and isinstance(
            now, Device
        ):  # a token that was revoked never comes back
            kept["tokens"] = tuple(each for each in before.tokens if each in now.tokens)
        return replace(before, **kept)  # type: ignore[type-var]
    return before


def _put_back_parts(before: Any, after: Any, now: Any, called: str) -> Any:
    keys = _KEYS_OF[type(now)]
    values: dict[str, Any] = {}
    for each in fields(now):
        if each.name in _LEFT_ALONE:
            continue
        old, new, there = (getattr(one, each.name) for one in (before, after, now))
        if each.name in keys:
            several = _put_back_several(old, new, there, keys[each.name], called)
            values[each.name] = tuple(sorted(several)) if each.name in _SORTED else several
        else:
            values[each.name] = _put_back(old, new, there, called or _name_of(now))
    return replace(now, **values)


_KEYS_OF: Mapping[type, Mapping[str, Callable[[Any], Any]]] = {
    Household: KEYS,
    Profile: PROFILE_KEYS,
    SchoolCalendar: _CALENDAR_KEYS,
}


def _put_back_several(
    before: tuple[Any, ...],
    after: tuple[Any, ...],
    now: tuple[Any, ...],
    key: Callable[[Any], Any],
    called: str,
) -> tuple[Any, ...]:
    """Return things without what a change did to some of them, those that come back in their
    places."""
    old, new, there = ({key(each): each for each in several} for several in (before, after, now))
    found: dict[Any, Any] = {}
    for each in _in_order(list(old), list(there)):
        was, became, is_now = (one.get(each, _MISSING) for one in (old, new, there))
        known = next(one for one in (is_now, became, was) if one is not _MISSING)
        value = _put_back(was, became, is_now, called or _name_of(known))
        if value is not _MISSING:
            found[each] = value
    return tuple(found.values())


def _in_order(old: list[Any], there: list[Any]) -> list[Any]:
    """Return all keys: those of now in their order, and each of the others behind the one that it
    stood behind."""
    ordered = list(there)
    for at, each in enumerate(old):
        if each not in there:
            ordered.insert(ordered.index(old[at - 1]) + 1 if at else 0, each)
    return ordered


def _name_of(value: Any) -> str:
    """Return what people call a thing of a household."""
    if isinstance(value, Profile | Device):
        return value.name
    for field in ("target", "matcher", "title", "name", "id", "profile"):
        found = getattr(value, field, None)
        if isinstance(found, str | Matcher):
            return str(found)
    if isinstance(value, tuple) and value and isinstance(value[0], date):
        return value[0].isoformat()
    return str(value)


def _changed_since(called: str) -> HouseholdError:
    return HouseholdError(
        "someone changed this again since then: %(what)s; so it can no longer be undone, and "
        "nothing was changed now",
        what=called,
    )
