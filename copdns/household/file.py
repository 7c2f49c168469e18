"""The household as a YAML file that a parent can read and write: `parse`, and back with `dump`.

What is dumped parses to the same household, field by field.  Left out are `revision`, since it
counts the changes of one database, and what ends by itself: pauses, grants, bonuses and tickets
(`edits.replace_household` keeps them).  docs/household.md shows every key.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Iterator
from dataclasses import dataclass, field, replace
from functools import partial
from typing import Any, TypeVar

from copdns.household.check import KnownIds, unknown_references, violations
from copdns.household.dump import dump as dump
from copdns.household.presets import Preset, Times, apply
from copdns.household.safeguards import default_mode
from copdns.household.shape import (
    DeviceShape,
    HouseholdShape,
    ProfileShape,
    RuleShape,
)
from copdns.household.time_edits import find_idle
from copdns.household.time_shape import budget, schedule
from copdns.model import yaml_text
from copdns.model.errors import CopdnsError
from copdns.model.household import (
    AnnouncedBandChange,
    Band,
    Device,
    FullLogSpan,
    Household,
    LocalName,
    NameRewrite,
    OwnService,
    Profile,
    Rule,
    RuleAction,
    SplitUpstream,
)
from copdns.model.local_records import scoped_local_domain, split_values
from copdns.model.matchers import Matcher, parse_matcher
from copdns.model.scoped_names import ScopedName, read_scoped_name
from copdns.model.times import Budget, Schedule
from copdns.model.validation_messages import Path
from copdns.model.violations import Violation, no_such
from copdns.model.yaml_text import YamlDocument

_READ_SPLIT = partial(read_scoped_name, usual=True)

Timed = TypeVar("Timed", Schedule, Budget)


def parse(
    text: str, file: str, known: KnownIds, held: Collection[Budget] | None = None
) -> Household:
    """Return the household in a file; raise a ConfigError that lists every mistake.

    held: the budgets that the household has already.  A budget without effect is a mistake unless
        it is among them; None: of a file that only begins a household, where it is none.
    """
    document = yaml_text.document(text, file)
    if not document.value:
        # It would take everything away, which nobody asks for with an empty file or pipe.
        raise document.error([((), "the file is empty; write at least household: and its name")])
    reading = _Reading(document, document.parse_as(HouseholdShape), known)
    household = reading.household()
    problems = reading.problems or [
        (reading.place(fault), str(fault.what))
        for fault in (*violations(household), *unknown_references(household, known))
    ]
    if held is not None:
        problems += reading.idle_budgets(household, held)
    if problems:
        raise document.error(problems)
    return household


@dataclass
class _Reading:
    """One file on its way to a Household.

    places: where each part stands in the file, by part and key, as of a `Violation`.
    """

    document: YamlDocument
    shape: HouseholdShape
    known: KnownIds
    places: dict[tuple[str, str], Path] = field(default_factory=dict)
    problems: list[tuple[Path, str]] = field(default_factory=list)

    def household(self) -> Household:
        """Return what the file says; what cannot be meant goes to `problems`."""
        shape = self.shape
        return Household(
            id=shape.id,
            name=shape.household,
            timezone=shape.timezone,
            guest=shape.guest,
            protected=shape.protected,
            language=shape.language,
            country=shape.country,
            helplines=shape.helplines,
            profiles=tuple(self._profile(*each) for each in shape.profiles.items()),
            devices=tuple(self._devices()),
            rules=tuple(self._rules()),
            services=tuple(self._services()),
            local_names=tuple(
                LocalName(found.name, *split_values(values), found.scope)
                for key, values in shape.local_names.items()
                for found in (self._read_scoped("local_names", key, scoped_local_domain),)
            ),
            rewrites=tuple(
                NameRewrite(self._matcher("rewrites", key), target)
                for key, target in shape.rewrites.items()
            ),
            split_upstreams=tuple(
                SplitUpstream(found.name, upstreams, found.scope)
                for key, upstreams in shape.split_upstreams.items()
                for found in (self._read_scoped("split_upstreams", key, _READ_SPLIT),)
            ),
            calendar=shape.calendar.calendar(),
            day_starts=shape.day_starts,
            schedules=tuple(self._schedules()),
            budgets=tuple(self._budgets()),
            failures=shape.failures.failures(),
        )

    def _profile(self, profile_id: str, shape: ProfileShape) -> Profile:
        self.places["profiles", profile_id] = ("profiles", profile_id)
        band = shape.band or shape.preset
        assert band is not None  # the shape has seen to that
        profile = Profile(profile_id, _or(shape.name, profile_id), band, privacy=default_mode(band))
        if shape.preset is not None and (preset := self._preset(profile_id, shape.preset)):
            profile = apply(preset, profile)
        full, change = shape.full_log, shape.band_change
        return replace(
            profile,
            full_log=FullLogSpan(full.start, full.end) if full else None,
            band_change=AnnouncedBandChange(change.band, change.at) if change else None,
            **{"band": band} | shape.for_profile(),
        )

    def _preset(self, profile_id: str, band: Band) -> Preset | None:
        preset = self.known.presets.get(band)
        if preset is None:
            path = ("profiles", profile_id, "preset")
            self.problems.append((path, str(no_such("preset", band, self.known.presets))))
        return preset

    def _devices(self) -> Iterator[Device]:
        for profile_id, profile in self.shape.profiles.items():
            for key, device in profile.devices.items():
                self.places["devices", key] = ("profiles", profile_id, "devices", key)
                if isinstance(device, DeviceShape):
                    yield _device(key, profile_id, device)
                else:
                    yield Device(key, key, profile_id, device)
        for key, listed in self.shape.devices.items():
            self.places["devices", key] = ("devices", key)
            yield _device(key, listed.profile, listed)

    def _rules(self) -> Iterator[Rule]:
        """Yield all rules; those without an id take r1, r2 ... in the order of the file."""
        taken = {rule.id for rule in self.shape.rules}
        number = 0
        for rule, path in (*self._short_rules(), *self._long_rules()):
            rule_id = rule.id
            while not rule_id:
                number += 1
                rule_id = "" if f"r{number}" in taken else f"r{number}"
            self.places["rules", rule_id] = path
            yield replace(rule, id=rule_id)

    def _short_rules(self) -> Iterator[tuple[Rule, Path]]:
        written: set[tuple[object, str]] = {
            (_target(each), each.scope) for each in self.shape.rules
        }
        for scope, path, shape in self._scopes():
            for action in RuleAction:
                for number, target in enumerate(getattr(shape, action)):
                    written.add((target, scope))
                    yield Rule("", action, target, scope), (*path, str(action), number)
        for profile_id, profile in self.shape.profiles.items():
            preset = self.known.presets.get(profile.preset) if profile.preset else None
            for name, why in preset.allowed_names if preset else ():
                if (name, profile_id) not in written:  # what the file says itself goes first
                    rule = Rule("", RuleAction.ALLOW, name, profile_id, note=why)
                    yield rule, ("profiles", profile_id, "preset")

    def _scopes(self) -> Iterator[tuple[str, Path, HouseholdShape | ProfileShape]]:
        yield "", (), self.shape
        for profile_id, profile in self.shape.profiles.items():
            yield profile_id, ("profiles", profile_id), profile

    def _long_rules(self) -> Iterator[tuple[Rule, Path]]:
        for number, shape in enumerate(self.shape.rules):
            rule = Rule(
                shape.id or "",
                RuleAction.BLOCK if shape.allow is None else RuleAction.ALLOW,
                _target(shape),
                shape.scope,
                over_security=shape.over_security,
                unsafe_search=shape.unsafe_search,
                note=shape.note,
                created=shape.created,
            )
            yield rule, ("rules", number)

    def _schedules(self) -> Iterator[Schedule]:
        """Yield those below the profiles, then those by themselves, then those of presets."""
        for key, scope, written in self._time_rules("schedules"):
            yield schedule(key, scope, written)
        for profile_id, times in self._preset_times():
            yield from self._not_written("schedules", profile_id, times.schedules)

    def _budgets(self) -> Iterator[Budget]:
        for key, scope, written in self._time_rules("budgets"):
            yield budget(key, scope, written)
        for profile_id, times in self._preset_times():
            yield from self._not_written("budgets", profile_id, times.budgets)

    def _time_rules(self, part: str) -> Iterator[tuple[str, str, Any]]:
        """Yield (id, scope, what is written): profile by profile, then what stands by itself."""
        everyone, *profiles = self._scopes()
        for scope, path, shape in (*profiles, everyone):
            for key, written in getattr(shape, part).items():
                self.places[part, key] = (*path, part, key)
                yield key, scope, written

    def _preset_times(self) -> Iterator[tuple[str, Times]]:
        for profile_id, profile in self.shape.profiles.items():
            preset = self.known.presets.get(profile.preset) if profile.preset else None
            if preset is not None and profile.preset_times:
                yield profile_id, preset.times(profile_id)

    def _not_written(
        self, part: str, profile_id: str, suggested: Iterable[Timed]
    ) -> Iterator[Timed]:
        """Yield what the file does not say itself, under the same name."""
        below: Iterable[str] = getattr(self.shape.profiles[profile_id], part)
        written = {*getattr(self.shape, part), *below, *(f"{profile_id}-{key}" for key in below)}
        for each in suggested:
            if each.id not in written:
                self.places[part, each.id] = ("profiles", profile_id, "preset_times")
                yield each

    def idle_budgets(
        self, household: Household, held: Collection[Budget]
    ) -> Iterator[tuple[Path, str]]:
        """Yield where budgets without effect stand that the household does not have yet."""
        for each in household.budgets:
            idle = find_idle(household, each, self.known)
            if idle is not None and each not in held:
                yield self.place(idle), str(idle.what)

    def _services(self) -> Iterator[OwnService]:
        for key, shape in self.shape.own_services.items():
            self.places["services", key] = ("own_services", key)
            yield OwnService(key, _or(shape.title, key), shape.names, shape.contact)

    def _read_scoped(self, part: str, key: str, read: Callable[[str], ScopedName]) -> ScopedName:
        found = self._key(part, key, read)
        return found if isinstance(found, ScopedName) else ScopedName(key)

    def _matcher(self, part: str, key: str) -> Matcher:
        found = self._key(part, key, parse_matcher)
        return found if isinstance(found, Matcher) else Matcher(key)

    def _key(self, part: str, key: str, parse: Any) -> object:
        try:
            found = parse(key)
        except (CopdnsError, ValueError) as error:
            self.problems.append(((part, key), str(error)))
            return key
        self.places[part, str(found)] = (part, key)
        return found

    def place(self, fault: Violation) -> Path:
        """Return the path of what a fault is about, as far as the file has it."""
        path = self.places.get((fault.part, fault.key), (fault.part,))
        longer = (*path, "for" if fault.field == "scope" else fault.field)
        return longer if longer in self.document.places else path


def _or(name: str | None, key: str) -> str:
    return key if name is None else name


def _device(key: str, profile_id: str, shape: DeviceShape) -> Device:
    name = _or(shape.name, key)
    return Device(key, name, profile_id, shape.addresses, shape.macs, shape.kind, shape.tokens)


def _target(shape: RuleShape) -> Matcher | str:
    target = shape.block if shape.allow is None else shape.allow
    assert target is not None  # the shape has seen to that
    return target
