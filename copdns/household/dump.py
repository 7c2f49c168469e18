"""A household as the text of a file, short where a parent would be, and nothing lost.

`household.file.parse` reads it back; the two are held together by a test over random households.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import fields
from typing import Any, TypeVar

import yaml

from copdns.household.shape import moment_text
from copdns.household.time_dump import (
    budget_text,
    calendar_text,
    clock_text,
    failures_text,
    schedule_text,
)
from copdns.model.household import (
    AnnouncedBandChange,
    DeviceKind,
    FullLogSpan,
    Household,
    OwnService,
    Profile,
    Rule,
)
from copdns.model.matchers import Matcher
from copdns.model.times import Budget, Schedule, Topic

Timed = TypeVar("Timed", Schedule, Budget)


def dump(household: Household) -> str:
    """Return the household as the text of a file, with what is not as by default."""
    nested, listed = _devices_apart(household)
    short, long = _rules_apart(household)
    schedules, all_schedules = _split_timed(household, household.schedules, schedule_text)
    budgets, all_budgets = _split_timed(household, household.budgets, budget_text)
    written: dict[str, Any] = {
        "household": household.name,
        "id": household.id,
        "timezone": household.timezone,
        "guest": household.guest,
        "protected": list(household.protected),
        "language": household.language,
        "country": household.country,
        "helplines": list(household.helplines),
        "calendar": calendar_text(household.calendar),
        "day_starts": clock_text(household.day_starts) if household.day_starts else "",
        "failures": failures_text(household.failures),
        "profiles": {
            each.id: _profile_text(each, nested.get(each.id, {}))
            | short.get(each.id, {})
            | _some("schedules", schedules.get(each.id))
            | _some("budgets", budgets.get(each.id))
            for each in household.profiles
        },
        "devices": listed,
        **short.get("", {}),
        "rules": [_rule_text(each) for each in long],
        "schedules": all_schedules,
        "budgets": all_budgets,
        "own_services": {each.slug: _service_text(each) for each in household.services},
        "local_names": {each.key: list(each.values) for each in household.local_names},
        "rewrites": {str(each.matcher): each.target for each in household.rewrites},
        "split_upstreams": {each.key: list(each.upstreams) for each in household.split_upstreams},
    }
    return _yaml({key: value for key, value in written.items() if value or key == "household"})


def _profile_text(profile: Profile, devices: dict[str, Any]) -> dict[str, Any]:
    """Return what differs from a Profile's defaults; privacy is always said."""
    written: dict[str, Any] = {"name": profile.name, "band": str(profile.band)}
    for each in fields(Profile)[3:]:
        value = getattr(profile, each.name)
        if value != each.default or each.name == "privacy":
            written[each.name] = _plain(value)
    return written | _some("devices", devices)


def _some(key: str, value: Any) -> dict[str, Any]:
    return {key: value} if value else {}


def _plain(value: Any) -> Any:
    """Return a profile's value as YAML has it."""
    match value:
        case bool() | int():
            return value
        case FullLogSpan():
            return {"start": moment_text(value.start), "end": moment_text(value.end)}
        case AnnouncedBandChange():
            return {"band": str(value.band), "at": moment_text(value.at)}
        case frozenset():
            return sorted(map(str, value))
        case (Topic() | Matcher(), *_):  # a topic is a tuple as well
            return [str(each) for each in value]
        case tuple():
            return dict(value)
    return str(value)


def _devices_apart(household: Household) -> tuple[dict[str, Any], dict[str, Any]]:
    """Return the devices that can stand below their profiles, and the rest.

    A file is read profile by profile, so only those that come in that order keep it.
    """
    nested: dict[str, dict[str, Any]] = {}
    listed: dict[str, Any] = {}
    order = {each.id: at for at, each in enumerate(household.profiles)}
    last = 0
    for device in household.devices:
        known_by = {
            "addresses": list(device.addresses),
            "macs": list(device.macs),
            "tokens": list(device.tokens),
        }
        text = {"name": device.name} | {key: each for key, each in known_by.items() if each}
        if not any(known_by.values()):
            text["tokens"] = []  # of a provider's family, which makes one next
        is_other = device.kind is DeviceKind.OTHER
        text |= {} if is_other else {"kind": str(device.kind)}
        if listed or order[device.profile] < last:
            listed[device.id] = {"profile": device.profile, **text}
        else:
            last = order[device.profile]
            plain = device.name == device.id and not device.macs and is_other
            plain = plain and "tokens" not in text
            nested.setdefault(device.profile, {})[device.id] = (
                text["addresses"] if plain and device.addresses else text
            )
    return nested, listed


def _rules_apart(household: Household) -> tuple[dict[str, dict[str, list[str]]], list[Rule]]:
    """Return the rules that `allow: [...]` and `block: [...]` can hold, by scope, and the rest.

    Those are the first rules, as long as they are nothing but a name each, come in the order in
    which a file is read, and have the ids that they would get there.
    """
    order = {"": 0} | {each.id: at for at, each in enumerate(household.profiles, 1)}
    short: dict[str, dict[str, list[str]]] = {}
    last = (0, "")
    for number, rule in enumerate(household.rules):
        plain = Rule(f"r{number + 1}", rule.action, rule.target, rule.scope)
        here = (order.get(rule.scope, -1), str(rule.action))
        if rule != plain or here < last:
            return short, list(household.rules[number:])
        last = here
        short.setdefault(rule.scope, {}).setdefault(str(rule.action), []).append(str(rule.target))
    return short, []


def _split_timed(
    household: Household, values: Iterable[Timed], text: Callable[[Timed, str], Any]
) -> tuple[dict[str, dict[str, Any]], dict[str, Any]]:
    """Return the schedules or budgets that can stand below their profiles, and the rest.

    As with devices, only those that come in the order of the profiles keep it.
    """
    nested: dict[str, dict[str, Any]] = {}
    listed: dict[str, Any] = {}
    order = {each.id: at for at, each in enumerate(household.profiles)}
    last = 0
    for each in values:
        if listed or order.get(each.scope, -1) < last:
            listed[each.id] = text(each, "")
        else:
            last = order[each.scope]
            nested.setdefault(each.scope, {})[each.id] = text(each, each.scope)
    return nested, listed


def _rule_text(rule: Rule) -> dict[str, Any]:
    written = {
        "id": rule.id,
        str(rule.action): str(rule.target),
        "for": rule.scope,
        "over_security": rule.over_security,
        "unsafe_search": rule.unsafe_search,
        "note": rule.note,
        "created": moment_text(rule.created) if rule.created else "",
    }
    return {key: value for key, value in written.items() if value}


def _service_text(service: OwnService) -> dict[str, Any]:
    names = [str(each) for each in service.names]
    return {"title": service.title, "contact": str(service.contact), "names": names}


class _Dumper(yaml.SafeDumper):
    """Short lists in one line, no aliases, and quotes around what YAML would bend."""

    def ignore_aliases(self, data: Any) -> bool:
        return True

    def list(self, data: list[Any]) -> yaml.Node:
        flow = all(isinstance(each, str) for each in data) and sum(map(len, data)) < 72
        return self.represent_sequence("tag:yaml.org,2002:seq", data, flow_style=flow)

    def text(self, data: str) -> yaml.Node:
        style = None if data.isprintable() else '"'  # some line breaks would not come back
        return self.represent_scalar("tag:yaml.org,2002:str", data, style=style)


_Dumper.add_representer(list, _Dumper.list)
_Dumper.add_representer(str, _Dumper.text)


def _yaml(written: dict[str, Any]) -> str:
    return yaml.dump(
        written,
        Dumper=_Dumper,
        allow_unicode=True,
        default_flow_style=False,
        sort_keys=False,
        width=100,
    )
