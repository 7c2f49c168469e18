"""Read the settings file of AdGuard Home, `AdGuardHome.yaml`: versions of its schema from 10 to 30.

Clients become people and devices, rules become rules, and each key that has no counterpart is told.
Field names and meanings: AdGuard Home's wiki, "Configuration" and "Hosts blocklists".  Pure.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Final

from copdns.household.moving_in.other_names import CHILD_TAG, KINDS, engine_of, service_of
from copdns.household.moving_in.rule_lines import read_rule
from copdns.household.moving_in.wishes import (
    EVERYONE,
    NO_COUNTERPART,
    NOT_THE_FAMILY,
    TURNED_OFF,
    WRONG_SHAPE,
    DeviceWish,
    EntryCollector,
    FoundSettings,
    ListWish,
    LocalWish,
    NoWish,
    PersonWish,
    Product,
    RewriteWish,
    SettingKind,
    SettingWish,
    Switch,
    UpstreamsWish,
    Wish,
)
from copdns.model.errors import ConfigError, MoveInError
from copdns.model.household import DeviceKind
from copdns.model.sentences import literal, sentence
from copdns.model.times import DAY_MINUTES, WEEKDAYS
from copdns.model.yaml_text import YamlDocument, document

HOUSE: Final = "house"  # the key of those without settings of their own
HOUSE_NAME: Final = "Everyone"
# Keys of groups: of those to whom the lists, the settings and the blocked services of all apply.
_LISTS, _SETTINGS, _SERVICES = "lists", "settings", "services"
_PARTS: Final = ("clients", "filters", "whitelist_filters", "user_rules", "dns", "filtering")
# Keys whose values say what is blocked; older files have them below `dns`.
_FAMILY_KEYS: Final = frozenset(
    {"parental_enabled", "safebrowsing_enabled", "safesearch_enabled", "safe_search"}
    | {"blocked_services", "rewrites", "rewrites_enabled", "upstream_dns"}
)
_CLIENT_KEYS: Final = frozenset(
    {"name", "ids", "tags", "uid", "upstreams", "use_global_settings", "filtering_enabled"}
    | {"use_global_blocked_services", *_FAMILY_KEYS}
)
_DURATION: Final = re.compile(r"(?:(\d{1,2})h)?(?:(\d{1,4})m)?(?:\d+(?:\.\d+)?m?s)?")
_SPLIT: Final = re.compile(r"\[/([^\]]*)/\]\s*(.*)")
_CLIENT_ID: Final = re.compile(r"[a-z0-9-]{1,63}", re.IGNORECASE)
_NO_CLIENT_ID: Final = sentence(
    "copdns cannot recognise a device in this way; add it again under Devices"
)
_OTHER_SERVERS: Final = sentence("copdns already has its own setting for this")
_NOT_FILTERED: Final = sentence(
    "nothing was filtered there; here rules for everyone and security apply to all"
)


def is_adguard(document: Mapping[str, object]) -> bool:
    """Tell whether the keys of a YAML file are those of AdGuard Home."""
    return "schema_version" in document or {"dns", "filters"} <= document.keys()


def read_adguard(text: str, name: str) -> FoundSettings:
    """Return what a file says.  name: of the file, for errors.  Raises MoveInError."""
    try:
        found = document(text, name)
    except ConfigError as error:
        lines = str(error).splitlines()
        raise MoveInError(
            "this file cannot be read: %(why)s", name="file", why=literal(lines[0])
        ) from None
    if not is_adguard(found.value):
        raise MoveInError(
            "this is no settings file of AdGuard Home; choose AdGuardHome.yaml", name="file"
        )
    return _Reader(found).read()


class _Reader:
    def __init__(self, found: YamlDocument) -> None:
        self.found = found
        self.out = EntryCollector()
        self.timezone = ""

    def read(self) -> FoundSettings:
        """Return all that an AdGuard Home file has, each entry with its place in it."""
        root = self.found.value
        clients = root.get("clients")
        people = clients.get("persistent") if isinstance(clients, dict) else clients
        old = "persistent" not in clients if isinstance(clients, dict) else True
        self._house(root)
        path = ("clients",) if old else ("clients", "persistent")
        for at, each in self._items(path, people if isinstance(people, list) else []):
            self._client(at, each)
        for key, opens in (("filters", False), ("whitelist_filters", True)):
            for at, each in self._items((key,), root.get(key)):
                self._list(at, each, opens=opens)
        for at, line in self._items(("user_rules",), root.get("user_rules")):
            self._rule(at, line)
        for key in root:
            if key not in _PARTS:
                self.out.leave(self._place((key,)), key, NOT_THE_FAMILY)
        return FoundSettings(Product.ADGUARD_HOME, tuple(self.out.entries), self.timezone)

    # --- places and shapes ----------------------------------------------------------------------

    def _place(self, path: Sequence[str | int]) -> str:
        line, _ = self.found.places.get(tuple(path), (1, 1))
        return f"line {line}"

    def _items(
        self, path: tuple[str | int, ...], value: object
    ) -> Iterator[tuple[tuple[str | int, ...], Any]]:
        """Yield the items of a list with their paths; what is no list is told."""
        if isinstance(value, list):
            yield from (((*path, number), each) for number, each in enumerate(value))
        elif value not in (None, ""):
            self.out.leave(self._place(path), path[-1], WRONG_SHAPE)

    def _note(self, path: Sequence[str | int], text: object, wish: Wish) -> None:
        self.out.add(self._place(path), text, wish)

    # --- the house ------------------------------------------------------------------------------

    def _house(self, root: Mapping[str, Any]) -> None:
        """Read what holds for everyone: below `filtering`, or in older files below `dns`."""
        self.out.add(
            "whole file",
            "those without settings of their own",
            PersonWish(
                HOUSE,
                HOUSE_NAME,
                frozenset({_LISTS, _SETTINGS, _SERVICES}),
                stands_for_all=True,
            ),
        )
        for part in ("filtering", "dns"):
            section = root.get(part)
            if not isinstance(section, dict):
                if section is not None:
                    self._note((part,), part, NoWish(WRONG_SHAPE))
                continue
            self._settings((part,), section, f"#{_SETTINGS}")
            self._blocked_services((part, "blocked_services"), section, f"#{_SERVICES}")
            for at, each in self._items((part, "rewrites"), section.get("rewrites")):
                self._rewrite(at, each)
            for at, each in self._items((part, "upstream_dns"), section.get("upstream_dns")):
                self._upstreams(at, each, EVERYONE)
            for key in section:
                if key not in _FAMILY_KEYS:
                    self._note((part, key), key, NoWish(NOT_THE_FAMILY))

    def _settings(
        self, path: tuple[str | int, ...], section: Mapping[str, Any], scope: str
    ) -> None:
        switches = (
            ("safebrowsing_enabled", SettingWish(SettingKind.SWITCH, Switch.SECURITY, (scope,))),
            ("parental_enabled", SettingWish(SettingKind.CATEGORY, "adult", (scope,))),
        )
        for key, wish in switches:
            if section.get(key) is True:
                self._note((*path, key), key, wish)
        search = section.get("safe_search")
        if isinstance(search, dict):
            is_on = search.get("enabled") is True
            for key, value in search.items():
                if key != "enabled" and is_on and value is True:
                    self._engine((*path, "safe_search", key), key, scope)
        elif section.get("safesearch_enabled") is True:
            for key in ("google", "youtube", "bing", "duckduckgo", "yandex", "pixabay"):
                self._engine((*path, "safesearch_enabled"), key, scope)

    def _engine(self, path: Sequence[str | int], key: str, scope: str) -> None:
        engine = engine_of(key)
        wish: Wish = NoWish(NO_COUNTERPART)
        if engine:
            wish = SettingWish(SettingKind.SEARCH, engine, (scope,))
        self._note(path, f"safe search: {key}", wish)

    def _blocked_services(
        self, path: tuple[str | int, ...], section: Mapping[str, Any], scope: str
    ) -> None:
        value = section.get("blocked_services")
        times: tuple[str, ...] | None = None
        if isinstance(value, dict):
            times = self._times((*path, "schedule"), value.get("schedule"))
            path, value = (*path, "ids"), value.get("ids")
        for at, each in self._items(path, value):
            if isinstance(each, str):
                wish = SettingWish(SettingKind.SERVICE, service_of(each), (scope,), times)
                self._note(at, each, wish)
            else:
                self._note(at, each, NoWish(WRONG_SHAPE))

    def _times(self, path: tuple[str | int, ...], schedule: object) -> tuple[str, ...] | None:
        """Return when blocked services are open; None where they are always blocked."""
        if not isinstance(schedule, dict):
            return None
        slots = []
        for key, value in schedule.items():
            if key == "time_zone":
                if isinstance(value, str) and value not in ("", "Local"):
                    self.timezone = value
                continue
            slot = _slot(key, value)
            if slot is None:
                self._note((*path, key), f"{key}: {value}", NoWish(WRONG_SHAPE))
            elif slot:
                slots.append(slot)
        return tuple(slots) or None

    def _rewrite(self, path: tuple[str | int, ...], value: object) -> None:
        domain = value.get("domain") if isinstance(value, dict) else None
        answer = value.get("answer") if isinstance(value, dict) else None
        text = f"{domain} {answer}"
        if not isinstance(domain, str) or not isinstance(answer, str):
            self._note(path, value, NoWish(WRONG_SHAPE))
        elif isinstance(value, dict) and value.get("enabled") is False:
            self._note(path, text, NoWish(TURNED_OFF))
        elif answer in ("A", "AAAA") or answer == domain:
            self._note(path, text, NoWish(sentence("it only lifts another rewrite")))
        elif _is_name(answer):
            below = domain.startswith("*.")
            self._note(path, text, RewriteWish(domain if below else f"={domain}", answer))
        else:
            self._note(path, text, LocalWish(domain, answer))

    def _upstreams(self, path: tuple[str | int, ...], value: object, scope: str) -> None:
        """Read `[/name/other/]server server`, or a server for every name."""
        if not isinstance(value, str) or not value.strip():
            if value not in ("", None):
                self._note(path, value, NoWish(WRONG_SHAPE))
            return
        line = value.strip()
        if line.startswith("#"):
            return
        found = _SPLIT.fullmatch(line)
        if found is None:
            wish: Wish = UpstreamsWish(".", (line,), scope) if scope else NoWish(_OTHER_SERVERS)
            self._note(path, line, wish)
            return
        servers = tuple(found[2].split())
        for name in found[1].split("/"):
            if not name or servers in ((), ("#",)):
                self._note(path, line, NoWish(NO_COUNTERPART))
            else:
                self._note(path, line, UpstreamsWish(name.removeprefix("*."), servers, scope))

    # --- clients --------------------------------------------------------------------------------

    def _client(self, path: tuple[str | int, ...], value: object) -> None:
        name = value.get("name") if isinstance(value, dict) else None
        if not isinstance(value, dict) or not isinstance(name, str) or not name.strip():
            self._note(path, value, NoWish(WRONG_SHAPE))
            return
        given = value.get("tags")
        tags = [e for e in given if isinstance(e, str)] if isinstance(given, list) else []
        is_child = CHILD_TAG in tags
        own_settings = value.get("use_global_settings") is False
        own_services = value.get("use_global_blocked_services") is False
        upstreams = value.get("upstreams")
        person = HOUSE
        if own_settings or own_services or is_child or upstreams:
            person = f"client {path[-1]}"
            is_filtered = not own_settings or value.get("filtering_enabled") is not False
            groups = {_LISTS: is_filtered, _SETTINGS: not own_settings, _SERVICES: not own_services}
            shared = frozenset(key for key, holds in groups.items() if holds)
            self._note(path, name, PersonWish(person, name, shared, is_child))
        if own_settings:
            self._settings(path, value, person)
            if value.get("filtering_enabled") is False:
                self._note((*path, "filtering_enabled"), name, NoWish(_NOT_FILTERED))
        if own_services:
            self._blocked_services((*path, "blocked_services"), value, person)
        for at, each in self._items((*path, "upstreams"), upstreams):
            self._upstreams(at, each, person)
        self._device(path, name, person, value.get("ids"), tags)
        for key in value:
            if key not in _CLIENT_KEYS and value[key] not in (False, 0, "", None):
                self._note((*path, key), f"{name}: {key}", NoWish(NOT_THE_FAMILY))

    def _device(
        self, path: tuple[str | int, ...], name: str, person: str, ids: object, tags: list[str]
    ) -> None:
        kind = next((KINDS[each] for each in tags if each in KINDS), DeviceKind.OTHER)
        known_by = []
        for at, each in self._items((*path, "ids"), ids):
            if not isinstance(each, str):
                self._note(at, each, NoWish(WRONG_SHAPE))
            elif _CLIENT_ID.fullmatch(each) and not _is_hardware(each):
                self._note(at, each, NoWish(_NO_CLIENT_ID))
            else:
                known_by.append(each)
        if known_by:
            text = f"{name}: {', '.join(known_by)}"
            self._note(path, text, DeviceWish(person, name, tuple(known_by), kind))

    # --- lists and rules ------------------------------------------------------------------------

    def _list(self, path: tuple[str | int, ...], value: object, *, opens: bool) -> None:
        url = value.get("url") if isinstance(value, dict) else None
        if not isinstance(value, dict) or not isinstance(url, str):
            self._note(path, value, NoWish(WRONG_SHAPE))
        elif value.get("enabled") is not True:
            self._note(path, url, NoWish(TURNED_OFF))
        else:
            title = value.get("name")
            title = title if isinstance(title, str) else ""
            self._note(path, url, ListWish(url, title, opens, (f"#{_LISTS}",)))

    def _rule(self, path: tuple[str | int, ...], line: object) -> None:
        if not isinstance(line, str):
            self._note(path, line, NoWish(WRONG_SHAPE))
            return
        for wish in read_rule(line):
            self._note(path, line, wish)


def _slot(day: str, value: object) -> str | None:
    """Return a slot of one day of the week; "" for none, None for what is none."""
    if day not in WEEKDAYS or not isinstance(value, dict):
        return None
    start, end = _minutes(value.get("start")), _minutes(value.get("end"))
    if start is None or end is None or not 0 <= start <= end <= DAY_MINUTES:
        return None
    return slot_of(day, start, end)


def slot_of(day: str, start: int, end: int) -> str:
    """Return a slot as a schedule writes it, from minutes of the day; "" for an empty one."""
    if start >= end:
        return ""
    end %= DAY_MINUTES
    return f"{day} {start // 60:02}:{start % 60:02}-{end // 60:02}:{end % 60:02}"


def _minutes(value: object) -> int | None:
    """Return the minutes of a duration such as `8h30m0s`; None for another text."""
    if value in (0, None, ""):
        return 0
    found = _DURATION.fullmatch(value) if isinstance(value, str) else None
    return int(found[1] or 0) * 60 + int(found[2] or 0) if found else None


def _is_name(answer: str) -> bool:
    """Tell whether an answer is another name and not an address."""
    return not re.fullmatch(r"[0-9.]+|[0-9a-fA-F:.]*:[0-9a-fA-F:.]*", answer)


def _is_hardware(text: str) -> bool:
    """Tell whether a text without dots and colons is a MAC address."""
    return bool(re.fullmatch(r"(?:[0-9a-f]{2}-){5}[0-9a-f]{2}", text, re.IGNORECASE))
