"""What is different between two households, in lines for people."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import fields
from typing import Any, NamedTuple

from copdns.cli.output import local
from copdns.cli.time_words import (
    calendar_changes,
    day_start_change,
    failure_changes,
    timed_text,
)
from copdns.model.household import (
    AnnouncedBandChange,
    Device,
    FullLogSpan,
    Household,
    LocalName,
    NameRewrite,
    OwnService,
    Profile,
    Rule,
    SplitUpstream,
)
from copdns.model.times import Bonus, Budget, Grant, Pause, Schedule, Slot, Ticket, Topic
from copdns.time.schedule import slot_text

_OWN_FIELDS = ("name", "timezone", "guest", "protected", "language", "country", "helplines")
_MOMENTS = frozenset({"start", "end", "given", "at", "made", "expires", "redeemed"})


class _Part(NamedTuple):
    """A part of a household.  field: of Household; key: what tells two of them apart."""

    noun: str
    field: str
    key: Callable[[Any], str]


_PARTS = (
    _Part("profile", "profiles", lambda each: each.id),
    _Part("device", "devices", lambda each: each.id),
    _Part("rule", "rules", lambda each: each.id),
    _Part("service", "services", lambda each: each.slug),
    _Part("local name", "local_names", lambda each: each.name),
    _Part("rewrite", "rewrites", lambda each: str(each.matcher)),
    _Part("split upstream", "split_upstreams", lambda each: each.name),
    _Part("schedule", "schedules", lambda each: each.id),
    _Part("budget", "budgets", lambda each: each.id),
    _Part("pause", "pauses", lambda each: each.profile),
    _Part("grant", "grants", lambda each: each.id),
    _Part("bonus", "bonuses", lambda each: each.id),
    _Part("ticket", "tickets", lambda each: each.id),
)


def differences(before: Household, after: Household) -> list[str]:
    """Return a line for each thing that was added, removed or changed; [] when none was."""
    zone = after.timezone
    lines = [
        f"household: {name}: {_change(getattr(before, name), getattr(after, name), zone)}"
        for name in _OWN_FIELDS
        if getattr(before, name) != getattr(after, name)
    ]
    lines += [f"household: {line}" for line in _times(before, after)]
    for part in _PARTS:
        old = {part.key(each): each for each in getattr(before, part.field)}
        new = {part.key(each): each for each in getattr(after, part.field)}
        lines += _of_part(part, old, new, zone)
    return lines


def _times(before: Household, after: Household) -> Iterator[str]:
    yield from calendar_changes(before.calendar, after.calendar)
    if before.day_starts != after.day_starts:
        yield day_start_change(before.day_starts, after.day_starts)
    yield from failure_changes(before.failures, after.failures)


def _of_part(
    part: _Part, old: Mapping[str, Any], new: Mapping[str, Any], zone: str
) -> Iterator[str]:
    noun = part.noun
    for key, value in old.items():
        if key not in new:
            yield f"{noun} {key} removed: {described(value, zone)}"
    for key, value in new.items():
        if key not in old:
            yield f"{noun} {key} added: {described(value, zone)}"
            yield from _announced(noun, key, value, zone)
        elif old[key] != value:
            yield from (f"{noun} {key}: {line}" for line in _fields(old[key], value, zone))
    if [key for key in old if key in new] != [key for key in new if key in old]:
        yield f"{part.field.replace('_', ' ')}: order changed"


def _announced(noun: str, key: str, value: object, zone: str) -> Iterator[str]:
    """Yield what a new profile brings along that must not be overlooked."""
    if isinstance(value, Profile):
        for each in (value.full_log, value.band_change):
            if each is not None:
                yield f"{noun} {key}: {_text(each, zone)}"


def _fields(old: Any, new: Any, zone: str) -> Iterator[str]:
    for each in fields(new):
        before, after = getattr(old, each.name), getattr(new, each.name)
        if before == after:
            continue
        if each.name == "digest":
            yield "code: changed"  # what is kept of a code is no business of a terminal
            continue
        if each.name in _MOMENTS:
            before, after = _moment(before, zone), _moment(after, zone)
        if each.name == "about":
            before, after = _subject(before), _subject(after)
        yield f"{each.name.replace('_', ' ')}: {_change(before, after, zone)}"


def _subject(about: Any) -> Any:
    return "everything" if about is None else about


def _moment(at: float | None, zone: str) -> str:
    return "none" if at is None else local(at, zone)


def _change(before: Any, after: Any, zone: str) -> str:
    """Return how one field moved: "+" and "-" for what holds several, else old -> new."""
    many, others = _many(before), _many(after)
    if many is None or others is None:
        return f"{_text(before, zone)} -> {_text(after, zone)}"
    gone = [f"- {each}" for each in many if each not in others]
    come = [f"+ {each}" for each in others if each not in many]
    return ", ".join([*come, *gone]) or "order changed"


def _many(value: Any) -> list[str] | None:
    """Return the parts of a value that holds several, None for a single one."""
    if isinstance(value, frozenset):
        return sorted(map(str, value))
    if isinstance(value, tuple) and not isinstance(value, Topic):
        return [_part_text(each) for each in value]
    return None


def _part_text(value: Any) -> str:
    match value:
        case Slot():
            return slot_text(value)
        case tuple() if not isinstance(value, Topic):
            return "=".join(map(str, value))
    return str(value)


def _text(value: Any, zone: str) -> str:
    match value:
        case None | "":
            return "none"
        case bool():
            return "on" if value else "off"
        case FullLogSpan():
            start, end = local(value.start, zone), local(value.end, zone)
            return f"every domain is recorded from {start} to {end}"
        case AnnouncedBandChange():
            return f"becomes {value.band} on {local(value.at, zone)}"
    return str(value)


def described(value: object, zone: str) -> str:
    """Return a part of a household in a few words.  zone: in which its moments are told."""
    match value:
        case Profile():
            return f"{value.name}, {value.band}"
        case Device():
            return f"{value.profile}: {', '.join((*value.macs, *value.addresses))}"
        case Rule():
            return rule_text(value)
        case OwnService():
            return f"{value.title}: {', '.join(map(str, value.names))}"
        case LocalName():
            return ", ".join(value.addresses) or "no address"
        case NameRewrite():
            return f"answered as {value.target}"
        case SplitUpstream():
            return ", ".join(value.upstreams)
        case Schedule() | Budget() | Pause() | Grant() | Bonus() | Ticket():
            return timed_text(value, zone)
    raise TypeError(f"no part of a household: {value!r}")


def rule_text(rule: Rule) -> str:
    """Return what a rule says and for whom, with its note."""
    text = f"{rule.action} {rule.target} for {rule.scope or 'everyone'}"
    extras = [name for name in ("over_security", "unsafe_search") if getattr(rule, name)]
    text = ", ".join([text, *(each.replace("_", " ") for each in extras)])
    return f"{text} ({rule.note})" if rule.note else text
