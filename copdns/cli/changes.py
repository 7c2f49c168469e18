"""What changed between two households, in lines for people."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import fields
from typing import Any, NamedTuple

import click

from copdns.cli.output import local_text, printable
from copdns.cli.time_words import (
    calendar_changes,
    day_start_change,
    failure_changes,
    time_item_text,
)
from copdns.model.broad_networks import is_broad_network
from copdns.model.device_tokens import short_token
from copdns.model.household import (
    AnnouncedBandChange,
    Device,
    DeviceKind,
    FullLogSpan,
    Household,
    LocalName,
    NameRewrite,
    OwnService,
    Profile,
    Rule,
    SplitUpstream,
)
from copdns.model.scripts import shown_name
from copdns.model.times import (
    Bonus,
    Budget,
    FilterBreak,
    Grant,
    MovedBedtime,
    PauseSpan,
    Schedule,
    Slot,
    Ticket,
    Topic,
)
from copdns.time.schedule import slot_text

_OWN_FIELDS = ("name", "timezone", "guest", "protected", "language", "country", "helplines")
_MOMENTS = frozenset({"start", "moved", "end", "given", "at", "made", "expires", "redeemed"})


class _Part(NamedTuple):
    """One kind of thing in a household.  field: of Household; key: returns its id."""

    noun: str
    field: str
    key: Callable[[Any], str]


_PARTS = (
    _Part("profile", "profiles", lambda each: each.id),
    _Part("device", "devices", lambda each: each.id),
    _Part("rule", "rules", lambda each: each.id),
    _Part("service", "services", lambda each: each.slug),
    _Part("local name", "local_names", lambda each: shown_name(each.key)),
    _Part("rewrite", "rewrites", lambda each: shown_name(each.matcher)),
    _Part("split upstream", "split_upstreams", lambda each: each.key),
    _Part("schedule", "schedules", lambda each: each.id),
    _Part("budget", "budgets", lambda each: each.id),
    _Part("pause", "pauses", lambda each: each.profile),
    _Part("grant", "grants", lambda each: each.id),
    _Part("bonus", "bonuses", lambda each: each.id),
    _Part("ticket", "tickets", lambda each: each.id),
    _Part("moved bedtime", "moved_bedtimes", lambda each: each.profile),
    _Part("filter break", "filter_breaks", lambda each: each.device),
)


def print_changes(before: Household, after: Household) -> None:
    """Print what changed, line by line."""
    for line in differences(before, after) or ["no change: already set"]:
        click.echo(printable(line))


def differences(before: Household, after: Household) -> list[str]:
    """Return a line for each thing that was added, removed or changed; [] when none was."""
    zone = after.timezone
    lines = [
        f"household: {name}: {_value_change(getattr(before, name), getattr(after, name), zone)}"
        for name in _OWN_FIELDS
        if getattr(before, name) != getattr(after, name)
    ]
    lines += [f"household: {line}" for line in _time_changes(before, after)]
    for part in _PARTS:
        old = {part.key(each): each for each in getattr(before, part.field)}
        new = {part.key(each): each for each in getattr(after, part.field)}
        lines += _part_changes(part, old, new, after)
    return lines


def _time_changes(before: Household, after: Household) -> Iterator[str]:
    yield from calendar_changes(before.calendar, after.calendar)
    if before.day_starts != after.day_starts:
        yield day_start_change(before.day_starts, after.day_starts)
    yield from failure_changes(before.failures, after.failures)


def _part_changes(
    part: _Part, old: Mapping[str, Any], new: Mapping[str, Any], household: Household
) -> Iterator[str]:
    noun = part.noun
    for key, value in old.items():
        if key not in new:
            zone = _zone_of(value, household)
            yield f"{noun} {key} removed: {describe_part(value, zone)}"
    for key, value in new.items():
        zone = _zone_of(value, household)
        if key not in old:
            yield f"{noun} {key} added: {describe_part(value, zone)}"
            yield from _describe_announcements(noun, key, value, zone)
        elif old[key] != value:
            yield from (f"{noun} {key}: {line}" for line in _field_changes(old[key], value, zone))
    if [key for key in old if key in new] != [key for key in new if key in old]:
        yield f"{part.field.replace('_', ' ')}: order changed"


def _zone_of(value: object, household: Household) -> str:
    """Return the time zone in which to tell the moments of a part: that of the person it is for."""
    person = household.profile(getattr(value, "profile", ""))
    return household.timezone if person is None else household.local_to(person).timezone


def _describe_announcements(noun: str, key: str, value: object, zone: str) -> Iterator[str]:
    """Yield the full log and the change of age group that a new profile comes with."""
    if isinstance(value, Profile):
        for each in (value.full_log, value.band_change):
            if each is not None:
                yield f"{noun} {key}: {_value_text(each, zone)}"


def _field_changes(old: Any, new: Any, zone: str) -> Iterator[str]:
    for each in fields(new):
        before, after = getattr(old, each.name), getattr(new, each.name)
        if before == after:
            continue
        if each.name == "digest":
            yield "code: changed"  # a digest is not for a terminal
            continue
        if each.name in _MOMENTS:
            before, after = _moment_text(before, zone), _moment_text(after, zone)
        if each.name == "about":
            before, after = _subject_or_everything(before), _subject_or_everything(after)
        yield f"{each.name.replace('_', ' ')}: {_value_change(before, after, zone)}"


def _subject_or_everything(about: Any) -> Any:
    return "everything" if about is None else about


def _moment_text(at: float | None, zone: str) -> str:
    return "none" if at is None else local_text(at, zone)


def _value_change(before: Any, after: Any, zone: str) -> str:
    """Return how a field changed: "+" and "-" for one with several values, else old -> new."""
    many, others = _split_value(before), _split_value(after)
    if many is None or others is None:
        return f"{_value_text(before, zone)} -> {_value_text(after, zone)}"
    removed = [f"- {each}" for each in many if each not in others]
    added = [f"+ {each}" for each in others if each not in many]
    return ", ".join([*added, *removed]) or "order changed"


def _split_value(value: Any) -> list[str] | None:
    """Return the texts of a value that has several parts; None for a single value."""
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


def _value_text(value: Any, zone: str) -> str:
    match value:
        case None | "":
            return "none"
        case bool():
            return "on" if value else "off"
        case FullLogSpan():
            start, end = local_text(value.start, zone), local_text(value.end, zone)
            return f"every domain is recorded from {start} to {end}"
        case AnnouncedBandChange():
            return f"becomes {value.band} on {local_text(value.at, zone)}"
    return str(value)


def describe_part(value: object, zone: str) -> str:
    """Return a part of a household in a few words.  zone: IANA name, for its moments."""
    match value:
        case Profile():
            return f"{value.name}, {value.band}"
        case Device():
            tokens = [f"token {short_token(each)}" for each in value.tokens]
            known_by = ", ".join((*value.macs, *value.addresses, *tokens))
            kind = "" if value.kind is DeviceKind.OTHER else f" ({value.kind})"
            return f"{value.profile}: {known_by}{kind}"
        case Rule():
            return rule_text(value)
        case OwnService():
            return f"{value.title}: {', '.join(map(str, value.names))}"
        case LocalName():
            return ", ".join(value.values) or "no address"
        case NameRewrite():
            return f"answered as {shown_name(value.target)}"
        case SplitUpstream():
            return ", ".join(value.upstreams)
        case MovedBedtime():
            moved, start = local_text(value.moved, zone), local_text(value.start, zone)
            return f"begins at {moved} instead of {start}"
        case FilterBreak():
            return f"everything but what is dangerous opens until {local_text(value.end, zone)}"
        case Schedule() | Budget() | PauseSpan() | Grant() | Bonus() | Ticket():
            return time_item_text(value, zone)
    raise TypeError(f"no part of a household: {value!r}")


def rule_text(rule: Rule) -> str:
    """Return what a rule does and for whom, with its note."""
    text = f"{rule.action} {shown_name(rule.target)} for {rule.scope or 'everyone'}"
    extras = [name for name in ("over_security", "unsafe_search") if getattr(rule, name)]
    text = ", ".join([text, *(each.replace("_", " ") for each in extras)])
    if is_broad_network(rule.target):
        text = f"{text} (no effect: it covers too much of the internet)"
    return f"{text} ({rule.note})" if rule.note else text
