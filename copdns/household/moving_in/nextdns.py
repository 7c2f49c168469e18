"""Read a profile of NextDNS as JSON, as its API gives it: one profile is one person.

Field names: NextDNS's documentation of its API, "Profile".  Pure.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, Final

from copdns.household.moving_in.adguard import slot_of
from copdns.household.moving_in.other_names import category_of, service_of
from copdns.household.moving_in.wishes import (
    NO_COUNTERPART,
    NOT_THE_FAMILY,
    TURNED_OFF,
    WRONG_SHAPE,
    EntryCollector,
    FoundSettings,
    LocalWish,
    NoWish,
    PersonWish,
    Product,
    RewriteWish,
    RuleWish,
    SettingKind,
    SettingWish,
    Switch,
    Wish,
)
from copdns.model.addresses import is_address
from copdns.model.errors import MoveInError
from copdns.model.household import RuleAction
from copdns.model.sentences import sentence
from copdns.model.times import DAY_MINUTES, WEEKDAYS

PERSON: Final = "profile"
_KNOWN_PARTS: Final = frozenset(
    {"name", "security", "privacy", "parentalControl", "denylist", "allowlist", "rewrites"}
)
# What the security page has that lists of malware and phishing stand in for.
_HARM: Final = frozenset({"threatIntelligenceFeeds", "googleSafeBrowsing", "cryptojacking", "csam"})
_SAFE_ENGINES: Final = ("google", "bing", "duckduckgo", "ecosia", "pixabay", "yandex", "brave")
_DAYS: Final = dict(
    zip(
        ("monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday"),
        WEEKDAYS,
        strict=True,
    )
)
_ALREADY_SO: Final = sentence("it applies here anyway, to everyone")


def is_nextdns(value: object) -> bool:
    """Tell whether JSON is a profile of NextDNS."""
    found = _data(value)
    return isinstance(found, dict) and bool({"denylist", "parentalControl"} & found.keys())


def read_nextdns(value: object) -> FoundSettings:
    """Return what a profile says, from what JSON was read as; raise MoveInError."""
    found = _data(value)
    if not isinstance(found, dict) or not is_nextdns(found):
        raise MoveInError(
            "this file is not a NextDNS profile; choose what its API gives for one profile",
            name="file",
        )
    return _Reader(found).read()


def _data(value: object) -> object:
    """Return a profile, which the API wraps."""
    return value.get("data", value) if isinstance(value, dict) else value


class _Reader:
    def __init__(self, found: Mapping[str, Any]) -> None:
        self.found = found
        self.out = EntryCollector()
        self.timezone = ""

    def read(self) -> FoundSettings:
        """Return all that a NextDNS profile has, each entry with its place in it."""
        name = self.found.get("name")
        name = name.strip() if isinstance(name, str) and name.strip() else "NextDNS"
        self.out.add("name", name, PersonWish(PERSON, name))
        self._security(self._section("security"))
        self._privacy(self._section("privacy"))
        self._parental(self._section("parentalControl"))
        for part, action in (("denylist", RuleAction.BLOCK), ("allowlist", RuleAction.ALLOW)):
            for place, domain, row in self._rows(part, self.found.get(part)):
                self._put(place, domain, row, RuleWish(action, domain, (PERSON,)))
        self._rewrites()
        for key in self.found:
            if key not in _KNOWN_PARTS:
                self.out.leave(key, key, NOT_THE_FAMILY)
        return FoundSettings(Product.NEXTDNS, tuple(self.out.entries), self.timezone)

    def _section(self, key: str) -> Mapping[str, Any]:
        value = self.found.get(key)
        if value is not None and not isinstance(value, dict):
            self.out.leave(key, value, WRONG_SHAPE)
        return value if isinstance(value, dict) else {}

    def _rows(self, place: str, rows: object) -> Iterator[tuple[str, str, Mapping[str, Any]]]:
        """Yield each row of a list with its place and its id; what has none is told."""
        if not isinstance(rows, list):
            if rows is not None:
                self.out.leave(place, rows, WRONG_SHAPE)
            return
        for number, row in enumerate(rows, 1):
            key = row.get("id") if isinstance(row, dict) else None
            if isinstance(row, dict) and isinstance(key, str):
                yield f"{place} {number}", key, row
            else:
                self.out.leave(f"{place} {number}", row, WRONG_SHAPE)

    def _put(self, place: str, text: str, row: Mapping[str, Any], wish: Wish) -> None:
        self.out.add(place, text, wish if row.get("active", True) else NoWish(TURNED_OFF))

    def _security(self, section: Mapping[str, Any]) -> None:
        for key, value in section.items():
            place = f"security.{key}"
            if key == "tlds":
                for at, tld, _ in self._rows(place, value):
                    why = sentence("a whole top-level domain would be blocked, which is too much")
                    self.out.leave(at, tld, why)
            elif value is not True:
                continue
            elif key in _HARM:
                self.out.add(place, key, _setting(SettingKind.SWITCH, Switch.SECURITY))
            else:
                self.out.leave(place, key, _ALREADY_SO if key == "dnsRebinding" else NO_COUNTERPART)

    def _privacy(self, section: Mapping[str, Any]) -> None:
        for at, key, _ in self._rows("privacy.blocklists", section.get("blocklists")):
            self.out.add(at, key, _setting(SettingKind.CATEGORY, "ads"))
        for at, key, _ in self._rows("privacy.natives", section.get("natives")):
            self.out.add(at, key, _setting(SettingKind.CATEGORY, "ads"))
        for key in ("disguisedTrackers", "allowAffiliate"):
            if section.get(key) is True:
                why = _ALREADY_SO if key == "disguisedTrackers" else NO_COUNTERPART
                self.out.leave(f"privacy.{key}", key, why)

    def _parental(self, section: Mapping[str, Any]) -> None:
        times = self._times(section.get("recreation"))
        parts = (
            ("services", SettingKind.SERVICE, service_of),
            ("categories", SettingKind.CATEGORY, category_of),
        )
        for part, kind, name in parts:
            for at, key, row in self._rows(f"parentalControl.{part}", section.get(part)):
                open_at = times if row.get("recreation") is True else None
                self._put(at, key, row, _setting(kind, name(key), open_at))
        if section.get("safeSearch") is True:
            for engine in _SAFE_ENGINES:
                search = _setting(SettingKind.SEARCH, engine)
                self.out.add("parentalControl.safeSearch", engine, search)
        switches: dict[str, Wish] = {
            "youtubeRestrictedMode": _setting(SettingKind.SEARCH, "youtube"),
            "blockBypass": _setting(SettingKind.SWITCH, Switch.BYPASS),
        }
        for key, switch in switches.items():
            if section.get(key) is True:
                self.out.add(f"parentalControl.{key}", key, switch)

    def _times(self, recreation: object) -> tuple[str, ...] | None:
        """Return when what may be used at times is open; None for no times."""
        if not isinstance(recreation, dict):
            return None
        zone, times = recreation.get("timezone"), recreation.get("times")
        self.timezone = zone if isinstance(zone, str) else ""
        slots = []
        for day, span in times.items() if isinstance(times, dict) else ():
            start = _minutes(span.get("start")) if isinstance(span, dict) else None
            end = _minutes(span.get("end")) if isinstance(span, dict) else None
            if day not in _DAYS or start is None or end is None:
                self.out.leave(f"parentalControl.recreation.{day}", span, WRONG_SHAPE)
            elif slot := slot_of(_DAYS[day], start, end or DAY_MINUTES):
                slots.append(slot)
        return tuple(slots) or None

    def _rewrites(self) -> None:
        rows = self.found.get("rewrites")
        if rows is not None and not isinstance(rows, list):
            self.out.leave("rewrites", rows, WRONG_SHAPE)
            return
        for number, row in enumerate(rows or (), 1):
            name = row.get("name") if isinstance(row, dict) else None
            content = row.get("content") if isinstance(row, dict) else None
            place = f"rewrites {number}"
            if not isinstance(name, str) or not isinstance(content, str):
                self.out.leave(place, row, WRONG_SHAPE)
            elif is_address(content):
                for each in (name, f"*.{name}"):
                    self.out.add(place, f"{name} {content}", LocalWish(each, content, PERSON))
            else:
                self.out.add(place, f"{name} {content}", RewriteWish(name, content))


def _setting(kind: SettingKind, what: str, times: tuple[str, ...] | None = None) -> SettingWish:
    return SettingWish(kind, what, (PERSON,), times)


def _minutes(value: object) -> int | None:
    """Return the minute of the day of a time such as `18:30:00`; None for another text."""
    parts = value.split(":") if isinstance(value, str) else []
    if len(parts) not in (2, 3) or not all(each.isascii() and each.isdigit() for each in parts):
        return None
    found = int(parts[0][:3]) * 60 + int(parts[1][:3])
    return found if found <= DAY_MINUTES else None
