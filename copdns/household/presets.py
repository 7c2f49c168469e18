"""A fair start for each age: what a preset sets, and the reason for each line of it.

A preset is a YAML file of lines; a line sets something and says why, in words for the child it
is about.  Applied, it leaves no trace but the values: a household changes them as it likes.
Schedules and budgets are suggestions, which `apply` leaves out: when a child sleeps is for its
family to say.  Pure; `config/presets/` holds the six files.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from typing import Annotated, Any, NamedTuple

from pydantic import Field, field_validator

from copdns.household.safeguards import is_announced
from copdns.household.time_shape import BudgetShape, NestedSchedule, budget, schedule
from copdns.model import yaml_text
from copdns.model.addresses import slug
from copdns.model.household import Band, BlockMode, Contact, Default, PrivacyMode, Profile
from copdns.model.matchers import Matcher, parse_matcher
from copdns.model.times import Budget, Schedule
from copdns.model.validation_messages import Path
from copdns.model.yaml_text import ByText, Written

Slug = Annotated[str, ByText(slug)]
Name = Annotated[Matcher, ByText(parse_matcher)]


class ProfileValues(Written):
    """The settings of a profile as written in YAML; None for a key that is not written."""

    security: bool | None = None
    categories: tuple[Slug, ...] | None = None
    services: tuple[Slug, ...] | None = None
    contacts: tuple[Contact, ...] | None = None
    contact_exceptions: tuple[Slug, ...] | None = None
    safe_search: dict[Slug, Slug] | None = None
    no_safe_search: bool | None = None
    bypass: bool | None = None
    bypass_signs: bool | None = None
    canaries: tuple[Slug, ...] | None = None
    default: Default | None = None
    block_mode: BlockMode | None = None
    privacy: PrivacyMode | None = None
    max_ttl: int | None = Field(default=None, ge=1, le=86_400)

    @field_validator("privacy")
    @classmethod
    def _full_ends_by_itself(cls, privacy: PrivacyMode | None) -> PrivacyMode | None:
        if privacy is PrivacyMode.FULL:
            raise ValueError(
                "full cannot be set permanently; write off, counts or blocked (a full log is "
                "started separately and ends on time)"
            )
        return privacy

    def for_profile(self) -> dict[str, Any]:
        """Return what was written as values for the fields of a Profile."""
        return {name: _for_profile(value) for name, value in self.written_fields()}

    def written_fields(self) -> Iterator[tuple[str, Any]]:
        """Yield each field that was written, with its value: what is left out stays as it is."""
        for name in ProfileValues.model_fields:
            value = getattr(self, name)
            if value is not None:
                yield name, value


def _for_profile(value: Any) -> Any:
    if isinstance(value, dict):
        return tuple(sorted(value.items()))
    return frozenset(value) if isinstance(value, tuple) else value


class Times(NamedTuple):
    """Schedules and budgets that a preset suggests for one profile."""

    schedules: tuple[Schedule, ...]
    budgets: tuple[Budget, ...]


class LineValues(ProfileValues):
    """The settings that a line of a preset can hold.  allow: names that become rules.

    schedules, budgets: by name; a profile gets them only where a guardian asks for them.
    """

    allow: tuple[Name, ...] = ()
    schedules: dict[Slug, NestedSchedule] | None = None
    budgets: dict[Slug, BudgetShape] | None = None


class PresetLine(Written):
    """Settings of a preset with one reason.  why: the reason, in words for the child."""

    set: LineValues
    why: str = Field(min_length=1, max_length=300)


class Preset(Written):
    """The settings that copdns suggests for one age band.  summary: for guardians."""

    band: Band
    summary: str = Field(min_length=1)
    lines: tuple[PresetLine, ...]

    def why(self, setting: str, value: str = "") -> str:
        """Return the reason for a setting, or for one of its values; "" when nothing is set."""
        for line in self.lines:
            written = getattr(line.set, setting, None)
            if written is not None and (not value or value in map(str, written)):
                return line.why
        return ""

    @property
    def allowed_names(self) -> tuple[tuple[Matcher, str], ...]:
        """The names that become rules, each with its reason."""
        return tuple((name, line.why) for line in self.lines for name in line.set.allow)

    def times(self, profile_id: str) -> Times:
        """Return what is suggested for a profile, "mia-bedtime" and such, each with its reason."""
        return Times(
            tuple(
                schedule(f"{profile_id}-{key}", profile_id, written, line.why)
                for line in self.lines
                for key, written in (line.set.schedules or {}).items()
            ),
            tuple(
                budget(f"{profile_id}-{key}", profile_id, written, line.why)
                for line in self.lines
                for key, written in (line.set.budgets or {}).items()
            ),
        )


def preset(text: str, file: str) -> Preset:
    """Return the preset in a text; raise ConfigError."""
    document = yaml_text.document(text, file)
    found = document.parse_as(Preset)
    problems = list(_contradictions(found))
    if problems:
        raise document.error(problems)
    return found


def _contradictions(preset: Preset) -> Iterator[tuple[Path, str]]:
    """Yield the lines that set again what an earlier one set; lists and safe search add up."""
    seen: set[tuple[str, str]] = set()
    for number, line in enumerate(preset.lines):
        times = (("schedules", line.set.schedules or {}), ("budgets", line.set.budgets or {}))
        for name, value in (*line.set.written_fields(), *times):
            if isinstance(value, tuple):
                continue
            for key in value if isinstance(value, dict) else ("",):
                if (name, key) in seen:
                    yield (
                        ("lines", number, "set", name),
                        ("is already set by an earlier line; keep only one"),
                    )
                seen.add((name, key))


# What every preset is about; blocked services, the block mode and the TTL are the household's.
_START: dict[str, Any] = {
    "security": True,
    "categories": frozenset(),
    "contacts": frozenset(),
    "contact_exceptions": frozenset(),
    "safe_search": (),
    "no_safe_search": False,
    "bypass": False,
    "bypass_signs": False,
    "canaries": frozenset(),
    "default": Default.ALLOW,
}


def rules_now(profile: Profile, preset: Preset | None, now: int) -> Preset | None:
    """Return a preset if it can be taken over now; None where its age is announced first.

    Rules that came at once would make the announcement an empty word, so they are proposed for
    when the age holds (`Proposals.propose_or_drop`).
    """
    if preset is None or is_announced(profile, preset.band, now):
        return None
    return preset


def apply(preset: Preset, profile: Profile) -> Profile:
    """Return the profile as the preset has it, band included, so that an older child starts anew.

    Name, tags, blocked services, block mode and TTL stay, unless the preset sets them; its
    allowed names are rules, which the household holds (`Preset.allowed_names`).
    """
    values = dict(_START)
    for line in preset.lines:
        for name, value in line.set.for_profile().items():
            values[name] = _extend(values.get(name), value)
    return replace(profile, band=preset.band, **values)


def _extend(to: Any, value: Any) -> Any:
    if isinstance(value, frozenset):
        return (to or frozenset()) | value
    return tuple(sorted((*to, *value))) if isinstance(value, tuple) else value
