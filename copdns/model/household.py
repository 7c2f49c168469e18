"""The values that everything else speaks of: a household, its people and rules, and a verdict.

Frozen and valid by construction: text is parsed at the border, once (`model/matchers.py`,
`settings/`, `store/`, the command line).  Times are seconds since the epoch, UTC, as floats or
ints; ids and slugs are lower-case text.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from enum import StrEnum

from copdns.model.matchers import Matcher
from copdns.model.scoped_names import EVERY_NAME, ScopedName
from copdns.model.times import (
    USUAL_FAILURES,
    USUAL_WEEK,
    Bonus,
    Budget,
    FailureChoices,
    FilterBreak,
    Grant,
    MovedBedtime,
    PauseSpan,
    Schedule,
    SchoolCalendar,
    Subject,
    Ticket,
)

LANGUAGES = ("en", "fr", "es", "ar", "ru", "zh")  # that pages speak


class Band(StrEnum):
    """An age band; no birth date is ever asked for or kept."""

    TO_6 = "0-6"
    TO_9 = "7-9"
    TO_12 = "10-12"
    TO_15 = "13-15"
    TO_17 = "16-17"
    ADULT = "adult"

    @property
    def is_child(self) -> bool:
        """Whether it is an age below 18."""
        return self is not Band.ADULT

    @property
    def age(self) -> int:
        """The youngest age of the band, for comparing two bands."""
        return {"0-6": 0, "7-9": 7, "10-12": 10, "13-15": 13, "16-17": 16, "adult": 18}[self.value]


class PrivacyMode(StrEnum):
    """What is kept of a profile's look-ups (docs/privacy.md)."""

    OFF = "off"  # nothing, not even counts
    COUNTS = "counts"  # how many by hour and category; no names
    BLOCKED = "blocked"  # counts, and the names that were blocked, time rounded to 5 minutes
    FULL = "full"  # every name; ends by itself (`FullLogSpan`)


class BlockMode(StrEnum):
    """How a blocked name is answered (docs/blocking.md)."""

    NODATA = "nodata"
    NXDOMAIN = "nxdomain"
    NULL = "null"  # 0.0.0.0 and ::
    PAGE = "page"  # the address of this machine, whose page explains
    REFUSED = "refused"


class Contact(StrEnum):
    """With whom a service puts a child in touch."""

    NONE = "none"
    KNOWN = "known"
    STRANGERS = "strangers"


class Default(StrEnum):
    """What happens to a name that no rule and no list knows."""

    ALLOW = "allow"
    ALLOWLIST = "allowlist"


class RuleAction(StrEnum):
    """What a rule does with the names that it covers."""

    ALLOW = "allow"
    BLOCK = "block"


class DeviceKind(StrEnum):
    """What a device is, as far as somebody said so."""

    PHONE = "phone"
    TABLET = "tablet"
    COMPUTER = "computer"
    CONSOLE = "console"
    TELEVISION = "television"
    WATCH = "watch"
    SPEAKER = "speaker"
    OTHER = "other"

    @property
    def has_browser(self) -> bool:
        """Whether its user can open a page on it; where nobody said what it is, they may."""
        return self not in _WITHOUT_BROWSER


_WITHOUT_BROWSER = frozenset(
    {DeviceKind.CONSOLE, DeviceKind.TELEVISION, DeviceKind.WATCH, DeviceKind.SPEAKER}
)


@dataclass(frozen=True, slots=True)
class Rule:
    """An allow or block that someone wrote.

    id: short text, unique in its household.
    target: a `Matcher`, or a network in CIDR form ("198.51.100.0/24") that answers must not hold.
    scope: a profile's id, "#tag" for all profiles with the tag, "" for the whole household.
    over_security: an allow that also lifts the security lists, for their false positives.
    unsafe_search: an allow that also keeps safe search from rewriting the name.
    note: the reason in the writer's words, shown to the child; created: seconds since the epoch.
    """

    id: str
    action: RuleAction
    target: Matcher | str
    scope: str = ""
    over_security: bool = False
    unsafe_search: bool = False
    note: str = ""
    created: int = 0


@dataclass(frozen=True, slots=True)
class FullLogSpan:
    """The time in which a profile has a full log.

    start, end: seconds since the epoch; end is exclusive.
    """

    start: int
    end: int


@dataclass(frozen=True, slots=True)
class AnnouncedBandChange:
    """A lower age band that is announced.  at: when it takes effect, seconds since the epoch."""

    band: Band
    at: int


SIGNS_END_AT = 16  # years: from this age on nobody looks for signs of bypass


@dataclass(frozen=True, slots=True)
class Profile:
    """A person, or a group of devices.

    categories: slugs of the blocked ones.  services: slugs of the blocked ones.
    contacts: services with these contact kinds are blocked too.
    contact_exceptions: slugs of services that no contact kind blocks; all else may.
    safe_search: (engine, mode) pairs, sorted; an engine that is not named is left alone.
    no_safe_search: engines that have no safe mode are blocked.
    bypass: resolvers, VPNs and proxies are blocked.  bypass_signs: signs that a device gets around
    the filter all the same are noticed, and told.  canaries: ids of the signals that are sent
    (docs/bypass.md has all three).
    max_ttl: seconds; answers are not kept longer by the devices (None: as the band says).
    always: open through every pause, schedule and budget.  homework: open in homework mode too.
    timezone: whose clock they live by, an IANA name; "" for the household's.
    """

    id: str
    name: str
    band: Band
    tags: frozenset[str] = frozenset()
    security: bool = True
    categories: frozenset[str] = frozenset()
    services: frozenset[str] = frozenset()
    contacts: frozenset[Contact] = frozenset()
    contact_exceptions: frozenset[str] = frozenset()
    safe_search: tuple[tuple[str, str], ...] = ()
    no_safe_search: bool = False
    bypass: bool = False
    bypass_signs: bool = False
    canaries: frozenset[str] = frozenset()
    default: Default = Default.ALLOW
    block_mode: BlockMode = BlockMode.NODATA
    privacy: PrivacyMode = PrivacyMode.COUNTS  # never FULL: that is `full_log`
    full_log: FullLogSpan | None = None
    band_change: AnnouncedBandChange | None = None
    max_ttl: int | None = None
    always: tuple[Subject, ...] = ()
    homework: tuple[Subject, ...] = ()
    timezone: str = ""

    def band_at(self, now: float) -> Band:
        """Return the age band that holds at a moment, an announced change included."""
        change = self.band_change
        return change.band if change is not None and now >= change.at else self.band

    def privacy_at(self, now: float) -> PrivacyMode:
        """Return what is kept at a moment: a full log ends by itself."""
        full = self.full_log
        if full is not None and full.start <= now < full.end:
            return PrivacyMode.FULL
        return self.privacy

    def notices_signs_at(self, now: float) -> bool:
        """Tell whether signs of bypass are noticed at a moment.

        Never from 16 on, where nothing of the person may be recorded, or where the ways around the
        filter are open to them.
        """
        return (
            self.bypass_signs
            and self.bypass
            and self.band_at(now).age < SIGNS_END_AT
            and self.privacy_at(now) is not PrivacyMode.OFF
        )


@dataclass(frozen=True, slots=True)
class Device:
    """A machine that sends queries.

    profile: the id of whose it is.  addresses: plain, or prefixes in CIDR form.  macs: such as
        "02:00:00:00:00:01"; they identify it at any address (docs/devices.md).  tokens: digests of
        those that it shows over encrypted DNS, wherever it is (`model/device_tokens.py`).
    instead_of: of a guest for a while: digests of tokens in whose place its address counts, as long
        as they are shown there.
    """

    id: str
    name: str
    profile: str
    addresses: tuple[str, ...]
    macs: tuple[str, ...] = ()
    kind: DeviceKind = DeviceKind.OTHER
    tokens: tuple[str, ...] = ()
    instead_of: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class OwnService:
    """A service that the household defined; names as in a rule."""

    slug: str
    title: str
    names: tuple[Matcher, ...]
    contact: Contact = Contact.NONE


@dataclass(frozen=True, slots=True)
class LocalName:
    """A name of this house; names below it do not exist.

    name: `*.dev.home.arpa` stands for all names below dev.home.arpa that have no records here.
    records: besides addresses, as in `model/local_records.py`.
    scope: a profile's id, "#tag" for all profiles with the tag, "" for everyone.
    """

    name: str
    addresses: tuple[str, ...]
    records: tuple[str, ...] = ()
    scope: str = ""

    @property
    def key(self) -> str:
        """What it is known by: `nas.home.arpa`, or `nas.home.arpa@mia`."""
        return str(ScopedName(self.name, self.scope))

    @property
    def domain(self) -> str:
        """The name itself, or that below which a wildcard stands."""
        return self.name.removeprefix("*.")

    @property
    def values(self) -> tuple[str, ...]:
        """Addresses and records."""
        return *self.addresses, *self.records


@dataclass(frozen=True, slots=True)
class NameRewrite:
    """Names that are answered with the data of another name, `target`."""

    matcher: Matcher
    target: str


@dataclass(frozen=True, slots=True)
class SplitUpstream:
    """A domain, and all names below it, for which other upstreams are asked.

    name: "" for every name; without a scope these are the usual upstreams, unless the settings name
    some.
    upstreams: "address[:port]", or encrypted as in `model/encrypted_addresses.py`.
    scope: a profile's id, "#tag" for all profiles with the tag, "" for everyone.
    """

    name: str
    upstreams: tuple[str, ...]
    scope: str = ""

    @property
    def key(self) -> str:
        """What it is known by: `work.example`, or `work.example@mia`."""
        return str(ScopedName(self.name, self.scope))


@dataclass(frozen=True, slots=True)
class Household:
    """One family's, or one subscriber's, people, devices, rules and times.

    guest: the profile of unknown devices; "" is the built-in guest policy.
    protected: names of this deployment, such as the school's, that nothing here may block.
    language: of notices and printed pages, where nobody chose one; "" for none.
    country: two letters of ISO 3166, whose helplines are shown; "" for the international ones.
    helplines: ids of lines that a guardian vouched for (`words/helplines.py`).
    day_starts: minute of the day, 0 to 719, at which budgets begin anew.
    pauses, grants, bonuses, tickets, moved_bedtimes, filter_breaks: what ends by itself; no file of
        a household holds them.
    revision: raised by every change; 0 is a household that was never stored.
    """

    id: str
    name: str
    timezone: str = "UTC"
    guest: str = ""
    protected: tuple[str, ...] = ()
    language: str = ""
    country: str = ""
    helplines: tuple[str, ...] = ()
    profiles: tuple[Profile, ...] = ()
    devices: tuple[Device, ...] = ()
    rules: tuple[Rule, ...] = ()
    services: tuple[OwnService, ...] = ()
    local_names: tuple[LocalName, ...] = ()
    rewrites: tuple[NameRewrite, ...] = ()
    split_upstreams: tuple[SplitUpstream, ...] = ()
    calendar: SchoolCalendar = USUAL_WEEK
    day_starts: int = 0
    schedules: tuple[Schedule, ...] = ()
    budgets: tuple[Budget, ...] = ()
    failures: FailureChoices = USUAL_FAILURES
    pauses: tuple[PauseSpan, ...] = ()
    grants: tuple[Grant, ...] = ()
    bonuses: tuple[Bonus, ...] = ()
    tickets: tuple[Ticket, ...] = ()
    moved_bedtimes: tuple[MovedBedtime, ...] = ()
    filter_breaks: tuple[FilterBreak, ...] = ()
    revision: int = 0

    @property
    def usual_upstreams(self) -> tuple[str, ...]:
        """The upstreams that the household chose for all names; () for none of its own."""
        return next((e.upstreams for e in self.split_upstreams if e.key == EVERY_NAME), ())

    def profile(self, profile_id: str) -> Profile | None:
        """Return a profile by its id; None for none."""
        return next((each for each in self.profiles if each.id == profile_id), None)

    def local_to(self, profile: Profile) -> Household:
        """Return the household with the clock of a person, who may live by another time zone.

        For reading alone: what is stored has the household's own zone.
        """
        zone = profile.timezone
        return replace(self, timezone=zone) if zone and zone != self.timezone else self


# What two guardians can want differently: the fields of Profile that a preset has a value for.
SETTINGS = (
    "security",
    "categories",
    "services",
    "contacts",
    "contact_exceptions",
    "safe_search",
    "no_safe_search",
    "bypass",
    "bypass_signs",
    "canaries",
    "default",
    "block_mode",
    "privacy",
    "max_ttl",
)
