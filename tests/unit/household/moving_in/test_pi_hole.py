"""A family comes from Pi-hole, of version 5 and 6, or with a gravity.db alone."""

from __future__ import annotations

import json

import pytest

from copdns.household.moving_in.draft import Result
from copdns.household.moving_in.plan import Plan
from copdns.household.moving_in.recognise import read_file
from copdns.household.moving_in.wishes import DeviceWish, FoundSettings, PersonWish
from copdns.model.household import Household, RuleAction
from copdns.store.gravity import read_gravity
from tests.household import family
from tests.unit.household.moving_in.files import (
    gravity,
    in_many_groups,
    plan_of,
    tar,
    teleporter_5,
    teleporter_6,
    told,
)

EMPTY = Household("home", "Example family")


def read(octets: bytes) -> FoundSettings:
    return read_file(octets, "pi-hole", read_gravity)


@pytest.fixture(params=["5", "6"], scope="module")
def plan(request: pytest.FixtureRequest) -> Plan:
    octets = teleporter_5() if request.param == "5" else teleporter_6()
    return plan_of(read(octets), EMPTY)


def test_the_key_of_a_person_is_short_whatever_their_groups() -> None:
    found = read(in_many_groups(3_000, client=10))
    devices = [each.wish for each in found.entries if isinstance(each.wish, DeviceWish)]
    people = {each.wish.key for each in found.entries if isinstance(each.wish, PersonWish)}
    assert len(devices) == 10
    assert {each.person for each in devices} < people
    assert max(map(len, people)) < 20


def test_each_entry_is_told_once(plan: Plan) -> None:
    places = [each.place for each in plan.outcomes]
    assert len(plan.outcomes) > 20
    assert any("client" in each for each in places)


def test_each_set_of_groups_becomes_a_person(plan: Plan) -> None:
    people = {each.name: each for each in plan.household.profiles}
    assert set(people) == {"Everyone", "Children", "Everyone, Children"}
    owners = {each.name: each.profile for each in plan.household.devices}
    assert owners["Mia's tablet"] == people["Children"].id
    assert owners["Tom's phone"] == people["Everyone, Children"].id
    assert told(plan, "laptop.lan").result is Result.LEFT
    assert told(plan, "Old").result is Result.LEFT


def test_a_reservation_adds_to_the_device_that_is_a_client_already(plan: Plan) -> None:
    (laptop,) = (each for each in plan.household.devices if "192.0.2.40" in each.addresses)
    assert laptop.name == "ada-laptop"
    assert laptop.macs == ("02:00:00:00:00:40",)


def test_a_rule_is_for_those_whose_groups_have_it(plan: Plan) -> None:
    rules = {str(each.target): each for each in plan.household.rules}
    both = {each.id for each in plan.household.profiles if each.name != "Everyone"}
    games = rules["=games.example"]
    assert games.action is RuleAction.BLOCK
    assert games.note == "After school"
    tag = games.scope.removeprefix("#")
    assert {each.id for each in plan.household.profiles if tag in each.tags} == both
    assert (rules["=chess.example"].scope, rules["=chess.example"].action) == (
        "",
        RuleAction.ALLOW,
    )
    assert rules["tube.example"].scope.startswith("#")  # (\.|^)tube\.example$ is a whole name
    assert told(plan, "nobody.example").result is Result.LEFT
    assert told(plan, "off.example").result is Result.LEFT


def test_patterns_become_lines_of_a_list(plan: Plan) -> None:
    (made,) = plan.lists
    assert made.text == "/^ads[0-9]+\\./\n/^a\\./$dnstype=AAAA\n"
    assert told(plan, "invert").result is Result.LEFT


def test_local_names_aliases_and_the_servers_of_the_home_come_over(plan: Plan) -> None:
    household = plan.household
    assert {each.name: each.addresses for each in household.local_names} == {
        "nas.home.arpa": ("192.0.2.9",),
        "nas2.home.arpa": ("192.0.2.9",),
    }
    assert [(str(e.matcher), e.target) for e in household.rewrites] == [
        ("=files.home.arpa", "nas.home.arpa")
    ]
    assert {each.key: each.upstreams for each in household.split_upstreams} == {
        "lan": ("192.0.2.1:5353",),
        "2.0.192.in-addr.arpa": ("192.0.2.1:5353",),
    }


def test_a_list_blocks_its_category_for_whoever_has_it(plan: Plan) -> None:
    people = {each.name: each.categories for each in plan.household.profiles}
    assert people == {"Everyone": {"ads"}, "Everyone, Children": {"ads"}, "Children": set()}


def test_without_groups_a_rule_is_for_everyone() -> None:
    rows = [{"id": 1, "domain": "games.example", "enabled": 1}]
    octets = tar({"blacklist.exact.json": json.dumps(rows)})
    (rule,) = plan_of(read(octets), EMPTY).household.rules
    assert (str(rule.target), rule.scope) == ("=games.example", "")


@pytest.mark.parametrize(
    ("regex", "target"),
    [
        (r"(\.|^)games\.example$", "games.example"),
        (r"(^|\.)games\.example$", "games.example"),
        (r"^(.+\.)?games\.example$", "games.example"),
        (r"^games\.example$", "=games.example"),
        (r".*\.games\.example$", "*.games.example"),
        (r"games\.example", None),  # any name with these letters in it
        (r"^ad[sx]?\.", None),
    ],
)
def test_an_expression_for_a_name_is_read_as_that_name(regex: str, target: str | None) -> None:
    rows = [{"id": 1, "domain": regex, "enabled": 1}]
    plan = plan_of(read(tar({"blacklist.regex.json": json.dumps(rows)})), family())
    assert [str(each.target) for each in plan.household.rules] == ([target] if target else [])
    assert [each.text for each in plan.lists] == ([] if target else [f"/{regex}/\n"])


def test_a_gravity_db_alone_is_enough() -> None:
    plan = plan_of(read(gravity()), EMPTY)
    assert {each.name for each in plan.household.devices} == {
        "Mia's tablet",
        "Tom's phone",
        "192.0.2.40",
    }


def test_what_is_not_about_the_family_is_told() -> None:
    plan = plan_of(read(teleporter_6()), EMPTY)
    assert [each.result for each in plan.outcomes if "webserver" in each.place] == [Result.LEFT]
