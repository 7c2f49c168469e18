"""What `copdns profile set` means: from what was asked for to the next household.  Pure."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable
from dataclasses import dataclass, fields, replace
from typing import Any

from copdns.household.check import KnownIds, no_such
from copdns.household.edits import set_profile
from copdns.household.presets import Preset, apply, rules_now
from copdns.household.safeguards import request_full
from copdns.model.errors import HouseholdError
from copdns.model.household import (
    Band,
    BlockMode,
    Contact,
    Default,
    FullLogSpan,
    Household,
    PrivacyMode,
    Profile,
)
from copdns.model.times import Subject

YOUTUBE = "youtube"
OFF = "off"
DAYS = 7  # of a full log, unless fewer are asked for
BY_BAND = "band"  # as a TTL: what fits the age


@dataclass(frozen=True, slots=True)
class Wanted:
    """What the options of one call say; None and () are what nobody gave.

    Of `thing` and `no_thing` the first is added to what the profile has, the second taken away.
    """

    name: str | None
    band: str | None
    preset: str | None
    tag: tuple[str, ...]
    no_tag: tuple[str, ...]
    security: bool | None
    category: tuple[str, ...]
    no_category: tuple[str, ...]
    service: tuple[str, ...]
    no_service: tuple[str, ...]
    contact: tuple[str, ...]
    no_contact: tuple[str, ...]
    safe_search: tuple[tuple[str, str], ...]
    youtube: str | None
    no_safe_search: bool | None
    bypass: bool | None
    canary: tuple[str, ...]
    no_canary: tuple[str, ...]
    default: str | None
    block_mode: str | None
    privacy: str | None
    days: int | None
    max_ttl: int | str | None
    always: tuple[Subject, ...] = ()
    no_always: tuple[Subject, ...] = ()
    homework: tuple[Subject, ...] = ()
    no_homework: tuple[Subject, ...] = ()
    times: bool | None = None

    @property
    def given(self) -> dict[str, Any]:
        """What was given, by the name of its option."""
        values = ((each.name, getattr(self, each.name)) for each in fields(self))
        return {name.replace("_", "-"): each for name, each in values if each not in (None, ())}

    def __str__(self) -> str:
        return ", ".join(f"{name} {_words(value)}" for name, value in self.given.items())


def _words(value: object) -> str:
    match value:
        case bool():
            return "on" if value else "off"
        case tuple():
            return " ".join("=".join(e) if type(e) is tuple else str(e) for e in value)
    return str(value)


def values_for(profile: Profile, wanted: Wanted, known: KnownIds) -> dict[str, Any]:
    """Return the fields that change, by name; raise HouseholdError for what is not known."""
    values = {
        name: getattr(wanted, name)
        for name in ("name", "security", "no_safe_search", "bypass")
        if getattr(wanted, name) is not None
    }
    values |= _choices(wanted)
    values |= _sets(profile, wanted, known)
    values |= _open_sets(profile, wanted)
    if wanted.safe_search or wanted.youtube:
        values["safe_search"] = _safe_search(profile, wanted)
    if wanted.max_ttl is not None:
        values["max_ttl"] = None if wanted.max_ttl == BY_BAND else wanted.max_ttl
    return values


def _choices(wanted: Wanted) -> dict[str, Any]:
    values: dict[str, Any] = {}
    if wanted.default is not None:
        values["default"] = Default(wanted.default)
    if wanted.block_mode is not None:
        values["block_mode"] = BlockMode(wanted.block_mode)
    if wanted.band is not None:
        values["band"] = Band(wanted.band)
    if wanted.band is not None or wanted.preset is not None:
        values["band_change"] = None  # naming an age group cancels an announced one
    if wanted.privacy is not None and wanted.privacy != PrivacyMode.FULL:
        values |= {"privacy": PrivacyMode(wanted.privacy), "full_log": None}
    return values


def _sets(profile: Profile, wanted: Wanted, known: KnownIds) -> dict[str, Any]:
    """Return the fields that hold several, with what is added and without what is taken away."""
    contacts = [str(each) for each in Contact]
    ways = (
        ("tags", "tag", "tag", profile.tags),
        ("categories", "category", "category", known.categories),
        ("services", "service", "service", known.services),
        ("contacts", "contact", "kind of contact", contacts),
        ("canaries", "canary", "signal", known.canaries),
    )
    values = {}
    for name, option, noun, there in ways:
        more, less = getattr(wanted, option), getattr(wanted, f"no_{option}")
        if more or less:
            has = frozenset(map(str, getattr(profile, name)))
            _refuse_unknown(noun, less, {*there, *has})
            values[name] = (has | frozenset(more)) - frozenset(less)
    if "contacts" in values:
        values["contacts"] = frozenset(map(Contact, values["contacts"]))
    return values


def _open_sets(profile: Profile, wanted: Wanted) -> dict[str, Any]:
    """Return what is always open, and what is for homework, in the order in which it was said."""
    values = {}
    for name in ("always", "homework"):
        more, less = getattr(wanted, name), getattr(wanted, f"no_{name}")
        has = getattr(profile, name)
        if more or less:
            _refuse_unknown(f"{name} entry", map(str, less), {str(each) for each in (*has, *more)})
            values[name] = tuple(dict.fromkeys(e for e in (*has, *more) if e not in less))
    return values


def _refuse_unknown(noun: str, names: Iterable[str], there: Collection[str]) -> None:
    """A slip of the pen must not pass for "it is open already"."""
    for name in names:
        if name not in there:
            raise HouseholdError(no_such(noun, name, there))


def _safe_search(profile: Profile, wanted: Wanted) -> tuple[tuple[str, str], ...]:
    asked = dict(wanted.safe_search)
    if wanted.youtube is not None:
        asked[YOUTUBE] = wanted.youtube
    modes = {**dict(profile.safe_search), **asked}
    return tuple(sorted((engine, mode) for engine, mode in modes.items() if mode != OFF))


def edit_for(
    profile_id: str, wanted: Wanted, known: KnownIds, history: tuple[FullLogSpan, ...], now: int
) -> Callable[[Household], Household]:
    """Return the edit that a call means.  history: the full logs that the profile ever had.

    Of a preset whose age is announced first only the age is taken: its rules can be proposed.
    """
    chosen: Preset | None = known.presets[Band(wanted.preset)] if wanted.preset else None

    def edit(household: Household) -> Household:
        old = household.profile(profile_id)
        if old is None:
            people = [each.id for each in household.profiles]
            raise HouseholdError(no_such("profile", profile_id, people))
        preset = rules_now(old, chosen, now)
        start = apply(preset, old) if preset else old
        values = values_for(start, wanted, _with_own_services(known, household))
        if chosen is not None:
            values["band"] = chosen.band
        if wanted.privacy == PrivacyMode.FULL:
            person = replace(start, **values)
            values["full_log"] = request_full(person, history, now, wanted.days or DAYS)
        times = bool(wanted.times) and preset is not None
        return set_profile(household, profile_id, known, preset, times=times, **values)

    return edit


def _with_own_services(known: KnownIds, household: Household) -> KnownIds:
    own = (each.slug for each in household.services)
    return replace(known, services=known.services | frozenset(own))
