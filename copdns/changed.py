"""What changed for a person, as their own page tells it: who, when, and about what.

Read off the lines of the audit, whichever page or command wrote them.  What is shown is about what
it was, never the line itself, which may name somebody else's rules.  Pure.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from typing import NamedTuple, Protocol

from copdns.model import Profile
from copdns.words import Word

TOLD_FOR = 30 * 86_400  # seconds: longer nobody looks for what changed
MOST = 20


class About(Word):
    """What a change was about."""

    CLOSED = "closed"  # categories, services, contacts, ways round, what is open without a rule
    SEARCH = "search"
    RULES = "rules"
    TIMES = "times"
    AGE = "age"
    KEPT = "kept"  # what is written down of look-ups
    ERASED = "erased"  # what was written down is gone
    DEVICES = "devices"
    ANSWERS = "answers"  # how a block is answered, and for how long devices keep it
    NAME = "name"
    HOUSE = "house"  # what holds for all


class HasLine(Protocol):
    """A line of the audit."""

    @property
    def at(self) -> int: ...
    @property
    def author(self) -> str: ...
    @property
    def what(self) -> str: ...


class Changed(NamedTuple):
    """at: seconds since the epoch.  author: in people's words."""

    at: int
    author: str
    about: tuple[About, ...]


def changes_for(profile: Profile, changes: Iterable[HasLine], now: float) -> tuple[Changed, ...]:
    """Return what changed for a person in the last 30 days, the newest first, 20 at most."""
    found = []
    for each in changes:
        about = tuple(dict.fromkeys(_about(profile, each.what)))
        if about and now - TOLD_FOR < each.at:
            found.append(Changed(each.at, each.author, about))
    return tuple(sorted(found, key=lambda each: -each.at)[:MOST])


_SETTINGS = {
    About.CLOSED: "security category categories service services contact contacts bypass default "
    "canary canaries preset",
    About.SEARCH: "safe-search safe_search youtube no-safe-search no_safe_search preset",
    About.TIMES: "always homework times",
    About.RULES: "tag tags",
    About.AGE: "band preset",
    About.KEPT: "privacy days full-log preset",
    About.ANSWERS: "block-mode block_mode max-ttl max_ttl",
    About.NAME: "name",
}
_NOUNS = {
    "rule": About.RULES,
    "schedule": About.TIMES,
    "budget": About.TIMES,
    "times": About.TIMES,
    "calendar": About.TIMES,
    "device": About.DEVICES,
    "household": About.HOUSE,
    "imported": About.HOUSE,
    "local": About.HOUSE,  # a local name
    "rewrite": About.HOUSE,
    "split": About.HOUSE,  # a domain that others are asked for
    "service": About.HOUSE,
}
_FOR = re.compile(r" for (\S+)(?: on \S+)?$")
_ALL = re.compile(r" for everyone$")


def _about(profile: Profile, what: str) -> Iterator[About]:
    noun, _, rest = what.partition(" ")
    noun = noun.rstrip(":")
    if noun == "profile":
        who, _, said = rest.partition(" ")
        if who.rstrip(":") == profile.id:
            yield from _of_profile(said)
    elif noun in _NOUNS and _is_for(profile, what, noun):
        yield _NOUNS[noun]


def _of_profile(said: str) -> Iterator[About]:
    if said.startswith("erased"):
        yield About.ERASED
    _, is_set, settings = said.partition("set: ")
    for setting in settings.split(", ") if is_set else ():
        name = setting.split(" ")[0]
        names = {name, name.removeprefix("no-")}
        yield from (about for about, ours in _SETTINGS.items() if names & set(ours.split()))


def _is_for(profile: Profile, what: str, noun: str) -> bool:
    """Tell whether a line is about a person: one that names nobody is about all, but for a
    device's, which is always somebody's."""
    named = None if _ALL.search(what) else _FOR.search(what)
    if named is None:
        return noun != "device"
    return named[1] == profile.id or named[1].removeprefix("#") in profile.tags
