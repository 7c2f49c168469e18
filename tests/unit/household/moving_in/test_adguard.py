"""A family comes from AdGuard Home."""

from __future__ import annotations

import pytest

from copdns.household.moving_in.adguard import read_adguard
from copdns.household.moving_in.draft import Result
from copdns.household.moving_in.plan import Plan
from copdns.model.errors import MoveInError
from copdns.model.household import Band, DeviceKind, RuleAction
from copdns.time.schedule import slot_text
from tests.household import MIA, family
from tests.unit.household.moving_in.files import ADGUARD, plan_at_provider, plan_of, told


@pytest.fixture(scope="module")
def plan() -> Plan:
    return plan_of(read_adguard(ADGUARD, "AdGuardHome.yaml"), family(devices=()))


def empty_plan(**ages: Band) -> Plan:
    house = family(devices=())
    house = type(house)(house.id, house.name)
    return plan_of(read_adguard(ADGUARD, "AdGuardHome.yaml"), house, **ages)


def test_each_entry_is_told_once_with_its_line() -> None:
    found = read_adguard(ADGUARD, "AdGuardHome.yaml")
    plan = plan_of(found, family(devices=()))
    assert len(plan.outcomes) == len(found.entries)
    assert [each.place for each in plan.outcomes] == [each.place for each in found.entries]
    line = ADGUARD.splitlines().index("  - '||games.example^'") + 1
    assert told(plan, "||games.example^").place == f"line {line}"


def test_a_client_with_settings_of_its_own_becomes_a_person_with_a_device() -> None:
    plan = empty_plan()
    everyone, mia = plan.household.profiles
    assert (everyone.name, mia.name, mia.band) == ("Everyone", "Mia", Band.ADULT)
    assert mia.categories == {"ads", "adult"}
    assert mia.services == {"tube"}
    assert mia.safe_search == (("google", "strict"), ("youtube", "strict"))
    television, tablet = sorted(plan.household.devices, key=lambda each: each.kind, reverse=True)
    assert (television.kind, television.profile) == (DeviceKind.TELEVISION, everyone.id)
    assert (tablet.kind, tablet.profile, tablet.addresses) == (
        DeviceKind.TABLET,
        mia.id,
        ("192.0.2.8",),
    )
    assert tablet.macs == ("02:00:00:00:00:08",)
    assert told(plan, "mias-tablet").result is Result.LEFT


def test_a_child_gets_the_preset_of_the_age_that_somebody_chose() -> None:
    mia = empty_plan(mia=Band.TO_9).household.profile("mia")
    assert mia is not None
    assert mia.band is Band.TO_9
    assert {"ads", "adult"} <= mia.categories
    said = [str(each.said) for each in empty_plan().outcomes if each.text == "Mia"]
    assert said == ["a new person, marked as a child there: choose their age group"]


def test_rules_become_rules_in_what_they_cover(plan: Plan) -> None:
    assert {(str(each.target), each.action) for each in plan.household.rules} == {
        ("games.example", RuleAction.BLOCK),
        ("chess.games.example", RuleAction.ALLOW),
        ("=exact.example", RuleAction.BLOCK),
        ("=blocked.example", RuleAction.BLOCK),
    }
    assert all(each.scope == "" for each in plan.household.rules)


def test_what_no_rule_can_say_becomes_a_list_for_everyone(plan: Plan) -> None:
    (made,) = plan.lists
    assert made.text == "/^ads[0-9]+\\.example$/\n||tube.example^$dnstype=AAAA\n"
    assert set(made.people) == {each.id for each in plan.household.profiles}


def test_answers_become_local_names_and_rewrites(plan: Plan) -> None:
    assert {each.name: each.addresses for each in plan.household.local_names} == {
        "nas.home.arpa": ("192.0.2.9",),
        "printer.home.arpa": ("192.0.2.7",),
        "*.printer.home.arpa": ("192.0.2.7",),
        "box.home.arpa": ("192.0.2.3",),
        "*.dev.home.arpa": ("192.0.2.4",),
    }
    assert {(str(each.matcher), each.target) for each in plan.household.rewrites} == {
        ("club.example", "chess.example"),
        ("=old.home.arpa", "box.home.arpa"),
    }


def test_servers_for_some_names_come_over_and_those_for_all_names_do_not(plan: Plan) -> None:
    assert {each.key: each.upstreams for each in plan.household.split_upstreams} == {
        "work.example": ("192.0.2.53:53", "192.0.2.54:5353"),
        "lan": ("192.0.2.53:53", "192.0.2.54:5353"),
        ".@mia": ("192.0.2.53:53",),
    }
    assert told(plan, "dns-query").result is Result.LEFT


def test_blocked_services_with_times_become_a_schedule() -> None:
    plan = empty_plan()
    (schedule,) = plan.household.schedules
    assert (schedule.scope, schedule.opens) == ("everyone", True)
    assert [*map(str, schedule.about)] == ["service:tube", "service:x_twitter"]
    assert [*map(slot_text, schedule.slots)] == ["mon 15:00-17:30", "sat 00:00-24:00"]
    assert told(plan, "twitter").result is Result.PARTLY  # by the clock of another zone
    assert told(plan, "qq").result is Result.LEFT


def test_lists_that_copdns_knows_come_by_their_category_and_others_by_the_settings() -> None:
    plan = empty_plan()
    assert told(plan, "lists.example/ads.txt").result is Result.TAKEN
    assert told(plan, "other.example/more.txt").result is Result.LEFT
    assert told(plan, "other.example/off.txt").result is Result.LEFT
    assert "https://other.example/more.txt" in plan.settings
    assert "off.txt" not in plan.settings


def test_at_a_provider_neither_lists_nor_servers_come_over() -> None:
    plan = plan_at_provider(read_adguard(ADGUARD, "f"), family())
    assert (plan.lists, plan.settings, plan.household.split_upstreams) == ((), "", ())
    for text, why in (
        ("other.example/more.txt", "did not choose this list"),
        ("/^ads[0-9]", "cannot add lists of their own"),
    ):
        found = told(plan, text)
        assert (found.result, why in str(found.said)) == (Result.LEFT, True), text
    servers = [each for each in plan.outcomes if "192.0.2.54:5353" in each.text]
    assert {str(each.said) for each in servers} == {
        "your internet provider decides which DNS servers are asked"
    }
    assert plan.household.rules, "rules for single sites are the family's own"


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("||help.example^", "protected"),
        ("com 192.0.2.6", "every site ending in"),
        ("Whole network", "too many devices"),
        ("site.example##.banner", "part of a page"),
        ("||shop.example/page", "single page"),
        ("off.home.arpa", "turned off"),
        ("http", "only for the other program"),
    ],
)
def test_what_stays_behind_has_its_reason(plan: Plan, text: str, why: str) -> None:
    found = [each for each in plan.outcomes if text in each.text and why in str(each.said)]
    assert [each.result for each in found] == [Result.LEFT] * len(found)
    assert found


def test_a_person_who_is_here_keeps_her_age_and_what_is_blocked() -> None:
    plan = plan_of(read_adguard(ADGUARD, "f"), family(MIA, devices=()))
    mia = plan.household.profile("mia")
    assert mia is not None
    assert mia.band is MIA.band
    assert told(plan, "qq").result is Result.LEFT
    assert [each.is_new for each in plan.people if each.id == "mia"] == [False]


def test_an_address_that_another_device_has_stays_with_it() -> None:
    plan = plan_of(read_adguard(ADGUARD, "f"), family())
    mias = next(each for each in plan.outcomes if each.text.startswith("Mia: "))
    assert mias.result is Result.PARTLY
    assert [each.profile for each in plan.household.devices if "192.0.2.8" in each.addresses] == [
        "mia"
    ]


def test_a_second_time_nothing_new_comes_over() -> None:
    first = plan_of(read_adguard(ADGUARD, "f"), family(devices=()))
    again = plan_of(read_adguard(ADGUARD, "f"), first.household, (first.lists[0].text,))
    assert again.household.rules == first.household.rules
    assert again.household.devices == first.household.devices
    assert again.household.local_names == first.household.local_names
    assert not again.lists


@pytest.mark.parametrize("text", ["a: [", "a: 1\n", "dns: 5\nfilters: x\n"])
def test_a_file_that_is_none_is_refused_or_told(text: str) -> None:
    try:
        found = read_adguard(text, "f")
    except MoveInError:
        return
    assert plan_of(found, family()).is_empty
