"""The household as text: which keys its file has, and what may stand behind each.

One shape for reading; `household/file.py` turns it into a Household and back.
"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Annotated, Any, Self

from pydantic import Discriminator, Field, Tag, model_validator

from copdns.household.presets import ProfileValues, Slug
from copdns.household.time_shape import (
    BudgetShape,
    CalendarShape,
    ClockTime,
    FailuresShape,
    ListedBudgetShape,
    ListedSchedule,
    NestedSchedule,
    NoteText,
    SubjectText,
)
from copdns.model.addresses import device_address, domain, mac_address
from copdns.model.device_tokens import MAX_TOKENS, stored_token
from copdns.model.encrypted_addresses import split_address
from copdns.model.household import Band, Contact, DeviceKind
from copdns.model.local_records import local_value
from copdns.model.matchers import Matcher, parse_matcher, parse_target
from copdns.model.yaml_text import ByText, Written

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


def moment(text: str) -> int:
    """Return the seconds since the epoch of `2026-11-24T18:00:00Z`."""
    try:
        found = datetime.fromisoformat(text)
    except ValueError:
        raise ValueError(
            f"{text!r} is not a valid date and time; write one such as 2026-11-24T18:00:00Z"
        ) from None
    if found.tzinfo is None:
        raise ValueError(f"{text!r} has no time zone; add Z for UTC, or an offset such as +01:00")
    return int((found - _EPOCH).total_seconds())


def moment_text(seconds: int) -> str:
    """Return seconds since the epoch as in RFC 3339, in UTC."""
    return (_EPOCH + timedelta(seconds=seconds)).isoformat().replace("+00:00", "Z")


Moment = Annotated[int, ByText(moment)]
Target = Annotated[Matcher | str, ByText(parse_target)]
Name = Annotated[Matcher, ByText(parse_matcher)]
Domain = Annotated[str, ByText(domain)]
DeviceAddress = Annotated[str, ByText(device_address)]
DeviceMac = Annotated[str, ByText(mac_address)]
DeviceToken = Annotated[str, ByText(stored_token)]
LocalValue = Annotated[str, ByText(local_value)]
Addresses = Annotated[tuple[DeviceAddress, ...], Field(min_length=1)]
Macs = Annotated[tuple[DeviceMac, ...], Field(min_length=1)]
Tokens = Annotated[tuple[DeviceToken, ...], Field(max_length=MAX_TOKENS)]
Upstream = Annotated[str, ByText(split_address)]


class FullLogShape(Written):
    """A full log: from when until when names are recorded."""

    start: Moment
    end: Moment


class BandChangeShape(Written):
    """An age group that is announced, and when it begins."""

    band: Band
    at: Moment


class DeviceShape(Written):
    """A device below its profile; where it has no name of its own, a list of addresses will do.

    tokens: of a device that has no address and gets its first token later, [].
    """

    name: str | None = None
    addresses: Addresses = ()
    macs: Macs = ()
    kind: DeviceKind = DeviceKind.OTHER
    tokens: Tokens = ()

    @model_validator(mode="after")
    def _is_known_by_something(self) -> Self:
        if not (self.addresses or self.macs or "tokens" in self.model_fields_set):
            raise ValueError("there is no address to recognise it by; add `addresses` or `macs`")
        return self


def _form(written: Any) -> str:
    return "keys" if isinstance(written, dict) else "list"


NestedDevice = Annotated[
    Annotated[DeviceShape, Tag("keys")] | Annotated[Addresses, Tag("list")], Discriminator(_form)
]


class ListedDeviceShape(DeviceShape):
    """A device that stands by itself, and names its profile."""

    profile: Slug


class ProfileFields(ProfileValues):
    """What can be set of a profile, name, age and tags included."""

    name: str | None = None
    band: Band | None = None
    tags: tuple[Slug, ...] | None = None
    always: tuple[SubjectText, ...] | None = None
    homework: tuple[SubjectText, ...] | None = None
    timezone: str | None = None

    def for_profile(self) -> dict[str, Any]:
        """Return what was written as values for the fields of a Profile, its name and age too."""
        own: dict[str, Any] = {"name": self.name, "band": self.band, "timezone": self.timezone}
        if self.tags is not None:
            own["tags"] = frozenset(self.tags)
        for key in ("always", "homework"):
            subjects = getattr(self, key)
            own[key] = None if subjects is None else tuple(dict.fromkeys(subjects))
        return super().for_profile() | {key: each for key, each in own.items() if each is not None}


class ProfileShape(ProfileFields):
    """A profile.

    preset: the band whose preset gives the settings that are not written here.
    preset_times: its schedules and budgets are taken over too.
    """

    preset: Band | None = None
    preset_times: bool = False
    full_log: FullLogShape | None = None
    band_change: BandChangeShape | None = None
    devices: dict[Slug, NestedDevice] = Field(default_factory=dict)
    allow: tuple[Target, ...] = ()
    block: tuple[Target, ...] = ()
    schedules: dict[Slug, NestedSchedule] = Field(default_factory=dict)
    budgets: dict[Slug, BudgetShape] = Field(default_factory=dict)

    @model_validator(mode="after")
    def _has_a_band(self) -> Self:
        if self.band is None and self.preset is None:
            raise ValueError(
                "the age is missing; add `preset: 7-9`, or `band: 7-9` to use no preset"
            )
        if self.preset_times and self.preset is None:
            raise ValueError(
                "preset_times needs a preset to take the times from; add `preset: 7-9`"
            )
        return self


class RuleShape(Written):
    """A rule in full.  scope: written `for`."""

    id: Slug | None = None
    allow: Target | None = None
    block: Target | None = None
    scope: str = Field(default="", alias="for")
    over_security: bool = False
    unsafe_search: bool = False
    note: NoteText = ""
    created: Moment = 0

    @model_validator(mode="after")
    def _allows_or_blocks(self) -> Self:
        if (self.allow is None) == (self.block is None):
            raise ValueError("a rule needs either `allow` or `block`, with a domain or a network")
        if self.block is not None and (self.over_security or self.unsafe_search):
            raise ValueError("only an allow rule can have over_security or unsafe_search")
        return self


class ServiceShape(Written):
    """A service of the household's own, as in the model's OwnService."""

    title: str | None = None
    names: tuple[Name, ...] = Field(min_length=1)
    contact: Contact = Contact.NONE


class HouseholdShape(Written):
    """A household file.  household: its name for people."""

    household: str = "Home"
    id: Slug = "home"
    timezone: str = "UTC"
    guest: str = ""
    protected: tuple[Domain, ...] = ()
    language: str = ""
    country: str = ""
    helplines: tuple[Slug, ...] = ()
    calendar: CalendarShape = CalendarShape()
    day_starts: ClockTime = 0
    failures: FailuresShape = FailuresShape()
    profiles: dict[Slug, ProfileShape] = Field(default_factory=dict)
    devices: dict[Slug, ListedDeviceShape] = Field(default_factory=dict)
    allow: tuple[Target, ...] = ()
    block: tuple[Target, ...] = ()
    rules: tuple[RuleShape, ...] = ()
    schedules: dict[Slug, ListedSchedule] = Field(default_factory=dict)
    budgets: dict[Slug, ListedBudgetShape] = Field(default_factory=dict)
    own_services: dict[Slug, ServiceShape] = Field(default_factory=dict)
    local_names: dict[str, tuple[LocalValue, ...]] = Field(default_factory=dict)
    rewrites: dict[str, Domain] = Field(default_factory=dict)
    split_upstreams: dict[str, tuple[Upstream, ...]] = Field(default_factory=dict)
