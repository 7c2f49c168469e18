"""What the bundled lists and presets mean together: the youngest, guests, calls and clocks."""

from __future__ import annotations

from dataclasses import replace
from functools import cache
from typing import Any

import pytest

from copdns.household.presets import apply
from copdns.list_files.load import bundled_presets, load_catalogue
from copdns.lists.catalogue import Catalogue
from copdns.model.household import Band, Profile, Rule, RuleAction
from copdns.model.matchers import parse_matcher
from copdns.model.times import Budget, PauseSpan, Schedule
from copdns.model.verdict import Action, Reason, Verdict
from copdns.policy.context import build_context
from copdns.policy.decide import Policy, charged_budgets, decide
from copdns.policy.guest import guest_profile
from copdns.policy.order import build_policy
from copdns.policy.special_names import A
from copdns.time.plan import build_time_plan
from copdns.time.schedule import parse_slots
from tests.household import DEFAULTS, MIA, NOW, family


@cache
def bundled() -> Catalogue:
    return load_catalogue([])


def person(band: Band) -> Profile:
    return apply(bundled_presets()[band], Profile("mia", "Mia", band))


def policy(profile: Profile, *rules: Rule, **times: Any) -> Policy:
    """Return the policy of a person.  times: fields of the household that close by time."""
    house = family(replace(MIA, id="mia"), **times)
    plan = build_time_plan(house, profile, NOW)
    context = build_context(bundled(), DEFAULTS, house)
    preset = bundled_presets()[profile.band]
    allowed = (
        Rule(f"allow {name}", RuleAction.ALLOW, name, "") for name, _ in preset.allowed_names
    )
    made = (*allowed, *rules)
    return build_policy(profile, made, context, NOW, plan)


def verdict(made: Policy, name: str) -> Verdict:
    return decide(made, name, A, NOW)


GARDEN = person(Band.TO_6)

OF_ENGINES = [
    *("www.google.com", "www.google.fr", "www.bing.com", "duckduckgo.com", "html.duckduckgo.com"),
    *("lite.duckduckgo.com", "noai.duckduckgo.com", "search.brave.com", "yandex.com"),
    *(
        "www.ecosia.org",
        "pixabay.com",
        "www.startpage.com",
        "you.com",
        "searx.be",
        "search.yahoo.com",
    ),
    *("www.youtube.com", "m.youtube.com", "youtubei.googleapis.com", "www.dailymotion.com"),
]


@pytest.mark.parametrize("name", OF_ENGINES)
def test_the_garden_of_the_youngest_has_no_search_engine_and_no_youtube(name: str) -> None:
    found = verdict(policy(GARDEN), name)
    assert found.blocks, found


def test_an_engine_that_a_guardian_allows_there_is_safe() -> None:
    rule = Rule("mine", RuleAction.ALLOW, parse_matcher("www.google.com"), "")
    found = verdict(policy(GARDEN, rule), "www.google.com")
    assert (found.action, found.target) == (Action.REWRITE, "forcesafesearch.google.com")


@pytest.mark.parametrize("name", ["www.blinde-kuh.de", "www.fragfinn.de", "pbskids.org"])
def test_engines_and_sites_for_children_are_open_there(name: str) -> None:
    assert not verdict(policy(GARDEN), name).blocks


CALLS = ["epdg.epc.mnc011.mcc460.pub.3gppnetwork.org", "sos.epdg.epc.mcc208.pub.3gppnetwork.org"]
TESTS_AND_CLOCKS = [
    *("captive.apple.com", "connectivitycheck.gstatic.com", "www.msftconnecttest.com"),
    *("ctest.cdn.nintendo.net", "conntest.nintendowifi.net", "captive.roku.com"),  # consoles, TVs
    *("time.apple.com", "time-ios.apple.com", "time.android.com", "time.windows.com"),  # watches
    "time.samsungcloudsolution.com",
]
UPDATES = [
    *("swcdn.apple.com", "gdmf.apple.com", "swscan.apple.com", "appldnld.apple.com"),
    *("update.googleapis.com", "edgedl.me.gvt1.com", "dl.google.com", "clients2.google.com"),
    *("fus01.ps5.update.playstation.net", "sun.hac.lp1.d4c.nintendo.net"),
    *("assets1.delivery.mp.microsoft.com", "snu.lge.com"),
]


CLOSED_BY: dict[str, dict[str, Any]] = {
    "nothing": {},
    "a pause": {"pauses": (PauseSpan("mia", int(NOW) - 60),)},
    "bedtime": {"schedules": (Schedule("night", "mia", parse_slots("daily 00:00-24:00")),)},
    "no time left": {"budgets": (Budget("screen", "mia", (("daily", 0),)),)},
}


@pytest.mark.parametrize("closed", CLOSED_BY)
@pytest.mark.parametrize("band", list(Band))
def test_calls_clocks_connection_tests_and_updates_work_at_every_hour(
    closed: str, band: Band
) -> None:
    """In the garden of the youngest too; they take no minutes, and calls leave no row."""
    made = policy(person(band), **CLOSED_BY[closed])
    assert verdict(made, "www.kika.de").blocks is (closed != "nothing")
    for name in (*CALLS, *TESTS_AND_CLOCKS, *UPDATES):
        found = verdict(made, name)
        assert (found.action, found.reason) == (Action.ALLOW, Reason.PROTECTED), name
        assert charged_budgets(made, name, found, NOW) is None, name
        assert found.is_untraced is (name in CALLS), name


@pytest.mark.parametrize("name", ["pornhub.com", "bet365.com"])
def test_a_new_device_is_no_way_round_what_the_law_keeps_from_children(name: str) -> None:
    assert verdict(policy(guest_profile()), name).blocks


def test_a_guest_gets_the_signals_that_a_child_of_ten_gets() -> None:
    child = person(Band.TO_12)
    assert guest_profile().canaries == child.canaries == bundled().canaries.keys()
    assert guest_profile().security
    for name in ("use-application-dns.net", "mask.icloud.com"):
        assert verdict(policy(guest_profile()), name).reason is Reason.CANARY


@pytest.mark.parametrize(
    "name",
    [
        *("poki.com", "www.crazygames.com", "www.coolmathgames.com", "www.friv.com", "agar.io"),
        *("www.roblox.com", "fortnite.com", "brawlstars.com", "genshin.hoyoverse.com"),
        *("playvalorant.com", "steamcommunity.com", "easports.com"),
    ],
)
def test_the_category_games_has_the_games_that_are_services(name: str) -> None:
    player = Profile("mia", "Mia", Band.TO_15, categories=frozenset({"games"}))
    found = verdict(policy(player), name)
    assert (found.reason, found.category) == (Reason.CATEGORY, "games")


@pytest.mark.parametrize(
    "name",
    [
        *("www.pinterest.fr", "pinterest.co.uk", "tiktokglobalshopv.com"),  # strangers
        *("www.startpage.com", "you.com", "swisscows.com", "search.naver.com", "www.ask.com"),
        *("searx.be", "ask.com"),
    ],
)
def test_what_was_open_to_a_child_of_ten_by_oversight_is_blocked(name: str) -> None:
    assert verdict(policy(person(Band.TO_12)), name).blocks


@pytest.mark.parametrize(
    "name", ["lite.duckduckgo.com", "html.duckduckgo.com", "noai.duckduckgo.com"]
)
def test_every_face_of_an_engine_is_made_safe(name: str) -> None:
    assert verdict(policy(person(Band.TO_12)), name).target == "safe.duckduckgo.com"


def test_a_messenger_of_known_people_stays_open_to_a_child_of_ten() -> None:
    assert not verdict(policy(person(Band.TO_12)), "talk.kakao.com").blocks
    asked = replace(person(Band.TO_12), services=frozenset({"kakaotalk"}))
    assert verdict(policy(asked), "talk.kakao.com").service == "kakaotalk"
