"""What taking over the suggestions for an age would add, change and remove, before it is done.

A suggestion takes the place of an earlier one that nobody touched since, and of nothing else: what
a person wrote or changed stays, although it may have the id of a suggestion.  Pure.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import replace
from typing import Any, NamedTuple

from copdns.household.differences import OFF, Difference, differences
from copdns.household.presets import Preset, apply
from copdns.model.household import Band, Default, Household, PrivacyMode, Profile
from copdns.model.times import Budget, Schedule
from copdns.time.plan import in_scope

Period = Schedule | Budget
Presets = Mapping[Band, Preset]
STRICT = "strict"  # the most that an engine's safe search can do


class TimesPlan(NamedTuple):
    """What the suggested times would do to a household, line by line.

    added: suggestions that are new.  changed: an earlier suggestion, and what takes its place.
    removed: earlier suggestions that this age does not have.  kept: schedules and limits for the
    person that somebody wrote.  unused: suggestions that give way to one of those.
    """

    added: tuple[Period, ...] = ()
    changed: tuple[tuple[Period, Period], ...] = ()
    removed: tuple[Period, ...] = ()
    kept: tuple[Period, ...] = ()
    unused: tuple[Period, ...] = ()

    @property
    def changes_nothing(self) -> bool:
        return not (self.added or self.changed or self.removed)


def plan_times(
    household: Household, profile_id: str, preset: Preset, presets: Presets
) -> TimesPlan:
    """Return what taking over the times of a preset would do.

    presets: those whose times may have been taken over before.
    """
    suggested = _times(preset, profile_id)
    known = {each for one in (*presets.values(), preset) for each in _times(one, profile_id)}
    there: tuple[Period, ...] = (*household.schedules, *household.budgets)
    earlier = {_key(each): each for each in there if each in known}
    written = [each for each in there if each not in known]
    kept = _for_person(household, profile_id, written)
    unused = tuple(each for each in suggested if _gives_way(each, written, kept))
    used = [each for each in suggested if each not in unused]
    return TimesPlan(
        added=tuple(each for each in used if _key(each) not in earlier),
        changed=tuple(
            (earlier[_key(each)], each)
            for each in used
            if _key(each) in earlier and earlier[_key(each)] != each
        ),
        removed=tuple(
            each for key, each in earlier.items() if key not in {_key(one) for one in used}
        ),
        kept=kept,
        unused=unused,
    )


def with_times(household: Household, plan: TimesPlan) -> Household:
    """Return the household with what a plan adds and changes, and without what it removes."""
    new = dict(plan.changed)

    def with_planned(there: Iterable[Period], kind: type[Period]) -> tuple[Any, ...]:
        stay = (new.get(each, each) for each in there if each not in plan.removed)
        return (*stay, *(each for each in plan.added if isinstance(each, kind)))

    return replace(
        household,
        schedules=with_planned(household.schedules, Schedule),
        budgets=with_planned(household.budgets, Budget),
    )


def _times(preset: Preset, profile_id: str) -> tuple[Period, ...]:
    schedules, budgets = preset.times(profile_id)
    return (*schedules, *budgets)


def _key(period: Period) -> tuple[type, str]:
    return type(period), period.id


def _for_person(
    household: Household, profile_id: str, periods: Iterable[Period]
) -> tuple[Period, ...]:
    profile = household.profile(profile_id)
    return in_scope(periods, profile) if profile is not None else ()


def _gives_way(suggested: Period, written: Iterable[Period], kept: Iterable[Period]) -> bool:
    """Tell whether somebody wrote what a suggestion is about: the same id, or a limit for the
    same, of which the smaller would count."""
    if _key(suggested) in map(_key, written):
        return True
    return isinstance(suggested, Budget) and any(
        isinstance(each, Budget) and set(each.about) == set(suggested.about) for each in kept
    )


# --- settings -------------------------------------------------------------------------------------


class SettingsPlan(NamedTuple):
    """What taking over the settings of a preset would do to a profile.

    profile: as it would be.  changed: what is different then.  kept: what the preset has otherwise
    but a person set; after is what stays, before what the preset has.
    """

    profile: Profile
    changed: tuple[Difference, ...]
    kept: tuple[Difference, ...]


def plan_settings(profile: Profile, preset: Preset, presets: Presets) -> SettingsPlan:
    """Return what taking over the settings of a preset would do.

    What a person set is what differs from the preset of the profile's present age; of that,
    everything that blocks or protects more stays, and nothing else does: what is usual for the age
    is what somebody asks for who takes it over.
    """
    whole = apply(preset, profile)
    usual = presets.get(profile.band)
    own = {(each.setting, each.value) for each in differences(_usual(usual, profile), profile)}
    kept = tuple(
        each
        for each in differences(whole, profile)
        if (each.setting, each.value) in own and _is_more(each)
    )
    after = _with_kept(whole, profile, kept)
    return SettingsPlan(after, differences(profile, after), kept)


def _usual(preset: Preset | None, profile: Profile) -> Profile:
    """Return a profile in which nobody set anything."""
    bare = Profile(profile.id, profile.name, profile.band, privacy=profile.privacy)
    return bare if preset is None else apply(preset, bare)


def _is_more(kept: Difference) -> bool:
    """Tell whether what a person set blocks or protects more than the preset: before is the
    preset's."""
    if kept.setting in ("name", "band", "contact_exceptions"):
        return False
    if kept.setting == "privacy":
        return _RECORDED.index(kept.after) < _RECORDED.index(kept.before)
    if kept.setting == "default":
        return kept.after == Default.ALLOWLIST
    if kept.setting == "safe_search":
        return kept.after == STRICT or kept.before == OFF
    return kept.after not in (OFF, "")


_RECORDED = (PrivacyMode.OFF, PrivacyMode.COUNTS, PrivacyMode.BLOCKED)


def _with_kept(whole: Profile, profile: Profile, kept: Iterable[Difference]) -> Profile:
    values: dict[str, Any] = {}
    for each in kept:
        there = values.get(each.setting, getattr(whole, each.setting))
        own = getattr(profile, each.setting)
        if isinstance(there, frozenset):
            values[each.setting] = there | {one for one in own if str(one) == each.value}
        elif isinstance(there, tuple):
            modes = dict(there) | {each.value: dict(own)[each.value]}
            values[each.setting] = tuple(sorted(modes.items()))
        else:
            values[each.setting] = own
    return replace(whole, **values)
