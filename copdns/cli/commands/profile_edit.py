"""What `copdns profile set` means: from its options to an edit of the household.  Pure."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable
from dataclasses import dataclass, fields, replace
from typing import Any

from copdns.household.check import KnownIds
from copdns.household.edit_checks import require_profile
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
from copdns.model.violations import no_such

YOUTUBE = "youtube"
OFF = "off"
FULL_LOG_DAYS = 7  # by default
HOUSEHOLDS = "household"  # as a time zone: the household's
BY_BAND = "band"  # as a TTL: the value for the age group


@dataclass(frozen=True, slots=True)
class ProfileOptions:
    """The options of one call; None and (): not given.

    `thing` is added to what the profile has, `no_thing` is removed from it.
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
    contact_exception: tuple[str, ...]
    no_contact_exception: tuple[str, ...]
    safe_search: tuple[tuple[str, str], ...]
    youtube: str | None
    no_safe_search: bool | None
    bypass: bool | None
    bypass_signs: bool | None
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
    timezone: str | None = None

    @property
    def given_options(self) -> dict[str, Any]:
        """The options that were given, by name."""
        values = ((each.name, getattr(self, each.name)) for each in fields(self))
        return {name.replace("_", "-"): each for name, each in values if each not in (None, ())}

    def __str__(self) -> str:
        return ", ".join(
            f"{name} {_value_text(value)}" for name, value in self.given_options.items()
        )


def _value_text(value: object) -> str:
    match value:
        case bool():
            return "on" if value else "off"
        case tuple():
            return " ".join("=".join(e) if type(e) is tuple else str(e) for e in value)
    return str(value)


def changed_fields(profile: Profile, options: ProfileOptions, known: KnownIds) -> dict[str, Any]:
    """Return the fields that change, by name; raise HouseholdError for unknown ids."""
    values = {
        name: getattr(options, name)
        for name in ("name", "security", "no_safe_search", "bypass", "bypass_signs")
        if getattr(options, name) is not None
    }
    if options.timezone is not None:
        values["timezone"] = "" if options.timezone == HOUSEHOLDS else options.timezone
    values |= _changed_choices(options)
    values |= _changed_sets(profile, options, known)
    values |= _changed_subjects(profile, options)
    if options.safe_search or options.youtube:
        values["safe_search"] = _changed_safe_search(profile, options)
    if options.max_ttl is not None:
        values["max_ttl"] = None if options.max_ttl == BY_BAND else options.max_ttl
    return values


def _changed_choices(options: ProfileOptions) -> dict[str, Any]:
    values: dict[str, Any] = {}
    if options.default is not None:
        values["default"] = Default(options.default)
    if options.block_mode is not None:
        values["block_mode"] = BlockMode(options.block_mode)
    if options.band is not None:
        values["band"] = Band(options.band)
    if options.band is not None or options.preset is not None:
        values["band_change"] = None  # naming an age group cancels an announced one
    if options.privacy is not None and options.privacy != PrivacyMode.FULL:
        values |= {"privacy": PrivacyMode(options.privacy), "full_log": None}
    return values


def _changed_sets(profile: Profile, options: ProfileOptions, known: KnownIds) -> dict[str, Any]:
    """Return the fields with sets of ids that change."""
    contacts = [str(each) for each in Contact]
    sets = (
        ("tags", "tag", "tag", profile.tags),
        ("categories", "category", "category", known.categories),
        ("services", "service", "service", known.services),
        ("contacts", "contact", "kind of contact", contacts),
        ("contact_exceptions", "contact_exception", "service", known.services),
        ("canaries", "canary", "signal", known.canaries),
    )
    values = {}
    for name, option, noun, there in sets:
        more, less = getattr(options, option), getattr(options, f"no_{option}")
        if more or less:
            has = frozenset(map(str, getattr(profile, name)))
            _refuse_unknown(noun, less, {*there, *has})
            values[name] = (has | frozenset(more)) - frozenset(less)
    if "contacts" in values:
        values["contacts"] = frozenset(map(Contact, values["contacts"]))
    return values


def _changed_subjects(profile: Profile, options: ProfileOptions) -> dict[str, Any]:
    """Return `always` and `homework` where they change, in the order in which they were given."""
    values = {}
    for name in ("always", "homework"):
        more, less = getattr(options, name), getattr(options, f"no_{name}")
        has = getattr(profile, name)
        if more or less:
            _refuse_unknown(f"{name} entry", map(str, less), {str(each) for each in (*has, *more)})
            values[name] = tuple(dict.fromkeys(e for e in (*has, *more) if e not in less))
    return values


def _refuse_unknown(noun: str, names: Iterable[str], there: Collection[str]) -> None:
    """Raise HouseholdError: a typing error must not pass for "already removed"."""
    for name in names:
        if name not in there:
            raise HouseholdError(no_such(noun, name, there))


def _changed_safe_search(profile: Profile, options: ProfileOptions) -> tuple[tuple[str, str], ...]:
    given = dict(options.safe_search)
    if options.youtube is not None:
        given[YOUTUBE] = options.youtube
    modes = {**dict(profile.safe_search), **given}
    return tuple(sorted((engine, mode) for engine, mode in modes.items() if mode != OFF))


def build_edit(
    profile_id: str,
    options: ProfileOptions,
    known: KnownIds,
    history: tuple[FullLogSpan, ...],
    now: int,
) -> Callable[[Household], Household]:
    """Return the edit that a call means.  history: all full logs that the profile ever had.

    Of a preset whose age group is only announced, only the age group is applied; its rules can be
    proposed for then.
    """
    chosen: Preset | None = known.presets[Band(options.preset)] if options.preset else None

    def edit(household: Household) -> Household:
        old = require_profile(household, profile_id)
        preset = rules_now(old, chosen, now)
        start = apply(preset, old) if preset else old
        values = changed_fields(start, options, _with_own_services(known, household))
        if chosen is not None:
            values["band"] = chosen.band
        if options.privacy == PrivacyMode.FULL:
            person = replace(start, **values)
            values["full_log"] = request_full(person, history, now, options.days or FULL_LOG_DAYS)
        times = bool(options.times) and preset is not None
        return set_profile(household, profile_id, known, preset, times=times, anew=True, **values)

    return edit


def _with_own_services(known: KnownIds, household: Household) -> KnownIds:
    own = (each.slug for each in household.services)
    return replace(known, services=known.services | frozenset(own))
