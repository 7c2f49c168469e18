"""A family comes from NextDNS, or with a hosts file."""

from __future__ import annotations

import json
from typing import Any

import pytest

from copdns.household.moving_in.draft import (
    MOST_DEVICES,
    MOST_LISTS,
    MOST_NAMES,
    MOST_PEOPLE,
    MOST_RULES,
    Result,
)
from copdns.household.moving_in.hosts import read_hosts
from copdns.household.moving_in.nextdns import read_nextdns
from copdns.household.moving_in.plan import Plan
from copdns.household.moving_in.wishes import (
    DeviceWish,
    FileEntry,
    FoundSettings,
    ListWish,
    LocalWish,
    PersonWish,
    Product,
    RewriteWish,
    Wish,
)
from copdns.model.errors import MoveInError
from copdns.model.household import Household
from copdns.time.schedule import slot_text
from tests.household import family
from tests.unit.household.moving_in.files import HOSTS, PROFILE, plan_of, told

EMPTY = Household("home", "Example family")


@pytest.fixture(scope="module")
def mias() -> Plan:
    return plan_of(read_nextdns(PROFILE), EMPTY)


def test_a_profile_becomes_a_person_with_what_is_blocked(mias: Plan) -> None:
    (mia,) = mias.household.profiles
    assert (mia.name, mia.categories, mia.services) == ("Mia", {"ads", "adult"}, {"x_twitter"})
    assert mia.bypass
    assert {engine for engine, _ in mia.safe_search} == {
        *("google", "youtube", "bing", "brave", "duckduckgo", "ecosia", "pixabay", "yandex")
    }


def test_recreation_times_become_a_schedule(mias: Plan) -> None:
    (schedule,) = mias.household.schedules
    assert [*map(str, schedule.about)] == ["service:tube"]
    assert [*map(slot_text, schedule.slots)] == ["sat 10:00-12:30"]


def test_rules_and_local_names_are_the_persons_own(mias: Plan) -> None:
    assert {(str(each.target), each.scope) for each in mias.household.rules} == {
        ("games.example", "mia"),
        ("chess.example", "mia"),
    }
    assert {each.key for each in mias.household.local_names} == {
        "nas.home.arpa@mia",
        "*.nas.home.arpa@mia",
    }
    assert [each.target for each in mias.household.rewrites] == ["new.example"]


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("zip", "top-level domain"),
        ("unheard-of", "nothing that matches"),
        ("off.example", "turned off"),
        ("nrd", "nothing that matches"),
        ("settings", "not about the family"),
    ],
)
def test_what_stays_behind_has_its_reason(mias: Plan, text: str, why: str) -> None:
    found = told(mias, text)
    assert found.result is Result.LEFT
    assert why in str(found.said) or "not about the family" in why


def test_the_profile_may_come_without_its_wrapping() -> None:
    assert read_nextdns(PROFILE["data"]) == read_nextdns(PROFILE)


@pytest.mark.parametrize("value", [[], {}, {"data": 1}, "text"])
def test_other_json_is_refused(value: Any) -> None:
    with pytest.raises(MoveInError):
        read_nextdns(json.loads(json.dumps(value)))


def test_wrong_types_are_told() -> None:
    broken = dict.fromkeys(PROFILE["data"], 5)
    plan = plan_of(read_nextdns(broken), EMPTY)
    assert plan.count_results()[Result.LEFT] >= 6


def test_a_hosts_file_becomes_blocks_and_local_names() -> None:
    found = read_hosts(HOSTS)
    plan = plan_of(found, family())
    assert found.product is Product.HOSTS
    assert [str(each.target) for each in plan.household.rules] == [
        "=ads.example",
        "=tracker.example",
    ]
    assert {each.name for each in plan.household.local_names} == {"nas", "nas.home.arpa"}
    assert told(plan, "help.example").result is Result.LEFT
    assert told(plan, "nonsense").result is Result.LEFT


def test_of_a_long_hosts_file_what_is_too_much_for_rules_becomes_a_list() -> None:
    names = [f"a{number}.example" for number in range(MOST_RULES + 5)]
    plan = plan_of(read_hosts("".join(f"0.0.0.0 {each}\n" for each in names)), family())
    assert len(plan.household.rules) == MOST_RULES
    (made,) = plan.lists
    assert made.text.splitlines() == [f"|{each}^" for each in names[MOST_RULES:]]
    assert plan.count_results()[Result.TAKEN] == len(names)


MORE: tuple[tuple[str, list[Wish]], ...] = (
    ("people", [PersonWish(str(n), str(n)) for n in range(MOST_PEOPLE + 1)]),
    ("devices", [DeviceWish("mia", str(n), (f"02::{n:x}",)) for n in range(MOST_DEVICES + 1)]),
    ("lists", [ListWish("https://lists.example/ads.txt")] * (MOST_LISTS + 1)),
    ("names", [LocalWish(f"a{n}.lan", "192.0.2.9") for n in range(MOST_NAMES)]),
)


@pytest.mark.parametrize(("kind", "wishes"), MORE, ids=[kind for kind, _ in MORE])
def test_what_is_too_much_for_one_file_is_not_planned(kind: str, wishes: list[Wish]) -> None:
    rest = [RewriteWish("=old.example", "new.example")] if kind == "names" else []
    entries = tuple(FileEntry("1", "text", each) for each in (*wishes, *rest))
    with pytest.raises(MoveInError, match="take some out"):
        plan_of(FoundSettings(Product.PI_HOLE, entries), family())
    plan = plan_of(FoundSettings(Product.PI_HOLE, entries[:1]), family())
    assert len(plan.outcomes) == 1, "one of them is planned"


def test_another_text_is_refused() -> None:
    with pytest.raises(MoveInError, match="cannot read this file"):
        read_hosts("a letter\nto somebody\n")
