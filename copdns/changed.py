"""Which changes of a household a person should hear of.

The audit says in a sentence what was changed; ids of people in it tell whom it is about.  Pure.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from typing import NamedTuple

from copdns.model import Household

NEWS = 7 * 86_400  # seconds for which a change is news


class Line(NamedTuple):
    """A line of the audit.  revision: the household's, raised by what may change an answer."""

    revision: int
    at: int
    author: str
    what: str


def news(household: Household, profile: str, lines: Iterable[Line], now: float) -> tuple[Line, ...]:
    """Return the changes of the last week that concern a person, the newest first.

    lines: the oldest first.  What names nobody concerns everyone; what names others only does not.
    """
    others = {each.id for each in household.profiles} - {profile}
    found = [
        each
        for each in _raising(lines)
        if each.at > now - NEWS and _concerns(each.what, profile, others)
    ]
    return tuple(reversed(found))


def _raising(lines: Iterable[Line]) -> Iterator[Line]:
    """Yield those that may have changed an answer: a login or a pairing has not."""
    revision = 0
    for each in lines:
        if each.revision > revision and revision:
            yield each
        revision = max(revision, each.revision)


def _concerns(what: str, profile: str, others: set[str]) -> bool:
    words = set(re.findall(r"[\w-]+", what))
    return profile in words or not words & others
