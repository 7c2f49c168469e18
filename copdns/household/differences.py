"""What is different between two states of a person's profile, one setting at a time.

For the line of the audit, for what a preset would change, and for the weighing of what a block
takes along.  Pure; the words for people are the pages'.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

from copdns.household.presets import Preset
from copdns.model.household import SETTINGS, Profile

ON, OFF = "on", "off"
_SETS = frozenset({"categories", "services", "contacts", "contact_exceptions", "canaries"})
_TOLD = ("name", "band", *SETTINGS)


class Difference(NamedTuple):
    """One thing that changes.

    setting: a field of Profile.  value: of a setting that holds several, the one that changes: a
    slug, a kind of contact or an engine; "" for the others.
    before, after: "on" or "off", or the value as text; "" is none.
    """

    setting: str
    value: str
    before: str
    after: str

    def __str__(self) -> str:
        if self.setting in _SETS:
            return f"{self.setting} {'+' if self.after == ON else '-'}{self.value}"
        return " ".join(filter(None, (self.setting, self.value, self.after or "none")))


def differences(old: Profile, new: Profile) -> tuple[Difference, ...]:
    """Return what changes of the settings of a person, in the order of the settings."""
    return tuple(each for setting in _TOLD for each in _of(setting, old, new))


def audit_line(profile: Profile, changed: tuple[Difference, ...]) -> str:
    """Return the line of the audit for changes of a person."""
    return f"profile {profile.id} set: {', '.join(map(str, changed)) or 'unchanged'}"


def preset_reason(preset: Preset, difference: Difference) -> str:
    """Return why a preset has it so, in words for the child.

    Of what it leaves alone it says nothing; that is open for the same reason as all the rest.
    """
    why = "" if difference.after == OFF else preset.why(difference.setting, difference.value)
    return why or preset.why("default")


def _of(setting: str, old: Profile, new: Profile) -> Iterator[Difference]:
    before, after = getattr(old, setting), getattr(new, setting)
    if before == after:
        return
    if setting in _SETS:
        for value in sorted(map(str, before ^ after)):
            there = any(str(each) == value for each in before)
            yield Difference(setting, value, *((ON, OFF) if there else (OFF, ON)))
    elif setting == "safe_search":
        modes, new_modes = dict(before), dict(after)
        for engine in sorted({*modes, *new_modes}):
            if modes.get(engine) != new_modes.get(engine):
                yield Difference(
                    setting, engine, modes.get(engine, OFF), new_modes.get(engine, OFF)
                )
    else:
        yield Difference(setting, "", _text(before), _text(after))


def _text(value: object) -> str:
    if isinstance(value, bool):
        return ON if value else OFF
    return "" if value is None else str(value)
