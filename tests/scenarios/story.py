"""How a scenario is written, and how its world is built.

title: the promise.  at: the moment it begins.  house: as in a household file; people of the cast
need neither age nor device.  lists: names beside those of lists.yaml, or `bundled` for the lists
that copdns brings along.  time: closed times and permissions of a profile, where a story is about
their place in the order and needs no plan in the house for them.  upstream: what the usual one
says, see `tests.fakes`.  pairs: which places of the order meet here.

A time of day is on the day of `at`; "tomorrow 07:00" and a full moment are understood too.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from datetime import datetime, timedelta
from functools import cache
from ipaddress import IPv4Network, IPv6Network
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field

from copdns.household.file import parse
from copdns.household.shape import Moment
from copdns.list_files.load import known_ids, load_catalogue
from copdns.lists.catalogue import Catalogue
from copdns.model import yaml_text
from copdns.model.household import Contact, Household
from copdns.model.times import Grant, Subject, parse_subject
from copdns.model.verdict import Reason
from copdns.policy.judge import RebindingGuard
from copdns.time.plan import Closure, TimePlan
from tests.fakes import FakeUpstream
from tests.home import Home
from tests.household import ADDRESSES, PEOPLE, library

FOLDER = Path(__file__).parent


class Shape(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", populate_by_name=True)


# --- the world ---------------------------------------------------------------------------------


class ServiceShape(Shape):
    names: list[str]
    contact: Contact = Contact.NONE


class EngineShape(Shape):
    hosts: list[str]
    modes: dict[str, str]


class MoreShape(Shape):
    """A further list of a category, when it matters which list says what."""

    category: str
    names: list[str]


class ListsShape(Shape):
    """Names by list; one that begins with ! is an exception, which lifts that list."""

    categories: dict[str, list[str]] = {}
    security: dict[str, list[str]] = {}
    services: dict[str, ServiceShape] = {}
    bypass: list[str] = []
    no_safe_search: list[str] = []
    canaries: dict[str, list[str]] = {}
    protected: dict[str, list[str]] = {}
    engines: dict[str, EngineShape] = {}
    legal: list[str] = []
    beacons: list[str] = []
    more: dict[str, MoreShape] = {}

    def library(self) -> Catalogue:
        return library(
            categories=self.categories,
            security=self.security,
            services={slug: each.names for slug, each in self.services.items()},
            contacts={slug: each.contact for slug, each in self.services.items()},
            bypass=self.bypass,
            no_safe_search=self.no_safe_search,
            canaries=self.canaries,
            protected=self.protected,
            engines={slug: (each.hosts, each.modes) for slug, each in self.engines.items()},
            legal=self.legal,
            beacons=self.beacons,
            more={slug: (each.category, each.names) for slug, each in self.more.items()},
        )


class StretchShape(Shape):
    """When something is closed.  of: categories and services; none: everything."""

    start: str = Field(alias="from")
    until: str
    of: list[str] = []


class GrantShape(Shape):
    """A permission.  given: when it was decided; at its start unless it says otherwise."""

    what: str
    start: str = Field(alias="from")
    until: str
    given: str | None = None
    lifts: list[Literal["content", "time"]] = ["content"]


class TimeShape(Shape):
    always: list[str] = []
    paused: list[StretchShape] = []
    schedules: list[StretchShape] = []
    budgets: list[StretchShape] = []
    grants: list[GrantShape] = []


class RebindingShape(Shape):
    allow: list[str] = []
    names: list[str] = []


Place = int | Literal["target", "address", "rebinding", "filtered"]
Script = dict[str, Any]


class ScenarioShape(Shape):
    title: str
    at: Moment
    day: str = ""  # filled with the text of `at`
    house: dict[str, Any] = {}
    lists: ListsShape | Literal["bundled"] = ListsShape()
    time: dict[str, TimeShape] = {}
    upstream: Script = {}
    second_upstream: Script | None = None
    split_upstreams: dict[str, Script] = {}
    fetches_help: bool = False  # the box asks for help names by itself while time goes by
    known_filter: bool = False  # the usual upstream blocks by answering 0.0.0.0
    rebinding: RebindingShape = RebindingShape()
    pairs: list[tuple[Place, Place]] = []
    steps: Annotated[list[dict[str, Any]], Field(min_length=1)]


class Step(Shape):
    """A line of a scenario."""

    def play(self, home: Home, story: ScenarioShape) -> None:
        raise NotImplementedError


def read(path: Path) -> ScenarioShape:
    value = yaml_text.document(path.read_text(), str(path)).value
    if value.get("lists") != "bundled":
        value["lists"] = merged(_common_lists(), value.get("lists", {}))
    return ScenarioShape.model_validate_json(json.dumps(value | {"day": value["at"]}))


@cache
def _common_lists() -> dict[str, Any]:
    path = FOLDER / "lists.yaml"
    value: dict[str, Any] = yaml_text.document(path.read_text(), str(path)).value
    return value


def merged(one: Any, other: Any) -> Any:
    """Return both: keys of mappings side by side, lists one after the other."""
    if isinstance(one, Mapping) and isinstance(other, Mapping):
        return dict(one) | {k: merged(one[k], v) if k in one else v for k, v in other.items()}
    if isinstance(one, list) and isinstance(other, list):
        return [*one, *other]
    return other


@cache
def _bundled() -> Catalogue:
    return load_catalogue(())


# --- moments ------------------------------------------------------------------------------------

_UNITS = {"s": 1, "m": 60, "h": 3600, "d": 86_400}


def duration(text: str) -> int:
    """Return the seconds of "90s", "30m", "2h" or "1d"."""
    return int(text[:-1]) * _UNITS[text[-1]]


def moment(text: str, day: str) -> float:
    """Return a time of the day on which the scenario begins, in its zone."""
    begins = datetime.fromisoformat(day)
    found = re.fullmatch(r"(tomorrow )?(\d\d):(\d\d)(?::(\d\d))?", text)
    if found is None:
        return datetime.fromisoformat(text).timestamp()
    hour, minute, second = (int(each or 0) for each in found.groups()[1:])
    at = begins.replace(hour=hour, minute=minute, second=second, microsecond=0)
    return (at + timedelta(days=1 if found[1] else 0)).timestamp()


def timing(shape: TimeShape, day: str, zone: str = "UTC") -> TimePlan:
    stretches = (
        *((Reason.PAUSED, each) for each in shape.paused),
        *((Reason.SCHEDULE, each) for each in shape.schedules),
        *((Reason.BUDGET, each) for each in shape.budgets),
    )
    return TimePlan(
        closures=tuple(
            Closure(
                reason,
                moment(each.start, day),
                moment(each.until, day),
                tuple(map(parse_subject, each.of)),
            )
            for reason, each in stretches
        ),
        grants=tuple(_grant(each, day) for each in shape.grants),
        always_open=about(shape.always),
        zone=zone,
    )


def about(texts: list[str]) -> tuple[Subject, ...]:
    return tuple(map(parse_subject, texts))


def _grant(shape: GrantShape, day: str) -> Grant:
    return Grant(
        parse_subject(shape.what),
        moment(shape.start, day),
        moment(shape.until, day),
        moment(shape.given or shape.start, day),
        content="content" in shape.lifts,
        time="time" in shape.lifts,
    )


# --- building -----------------------------------------------------------------------------------


def lists_of(story: ScenarioShape) -> Catalogue:
    return _bundled() if isinstance(story.lists, str) else story.lists.library()


def household(house: Mapping[str, Any], lists: Catalogue) -> Household:
    """Return the household; people of the cast are filled in where it leaves them out."""
    written = dict(house)
    people = {who: {} for who in PEOPLE} | dict(written.get("profiles", {}))
    written["profiles"] = {who: _person(who, values or {}) for who, values in people.items()}
    return parse(json.dumps(written), "house", known_ids(lists))  # JSON is YAML


def _person(who: str, values: Mapping[str, Any]) -> Mapping[str, Any]:
    cast = PEOPLE.get(who)
    if cast is None:
        return values
    start: dict[str, Any] = {"name": cast.name, "tags": sorted(cast.tags)}
    if "preset" not in values:
        start["band"] = str(cast.band)
    start["devices"] = {
        f"{who}-phone": {"name": f"{cast.name}'s phone", "addresses": [ADDRESSES[who]]}
    }
    return start | dict(values)


def home(story: ScenarioShape, *, structured: bool) -> Home:
    lists = lists_of(story)
    upstream = FakeUpstream(
        story.upstream,
        story.second_upstream,
        story.split_upstreams,
        filtering=story.known_filter,
    )
    return Home(
        household(story.house, lists),
        lists,
        upstream=upstream,
        timing={
            who: timing(shape, story.day, story.house.get("timezone", "UTC"))
            for who, shape in story.time.items()
        },
        at=float(story.at),
        rebinding=RebindingGuard(
            allow=tuple(map(_network, story.rebinding.allow)), names=tuple(story.rebinding.names)
        ),
        structured=structured,
        fetches_help=story.fetches_help,
    )


def _network(text: str) -> IPv4Network | IPv6Network:
    return IPv6Network(text) if ":" in text else IPv4Network(text)
