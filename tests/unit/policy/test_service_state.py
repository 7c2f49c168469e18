"""What can be done with a service is read off its verdicts."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from copdns.model.household import Contact, Default, OwnService, Profile, Rule
from copdns.model.matchers import parse_matcher
from copdns.model.reasons import text_of
from copdns.model.times import Grant, Schedule, Slot
from copdns.model.verdict import Action, Reason
from copdns.policy.service_state import Extent, ServiceState, service_state, stays_blocked
from copdns.policy.without_time import without_time
from copdns.time.bedtime import is_bedtime
from copdns.time.plan import NO_TIME_PLAN, Closure, TimePlan
from tests.household import MIA, NOW, allow, block, family, library, live, policy

NAMES = {"blocks": ["blocks.example", "cdn.blocks.example"], "chat": ["chat.example"]}
STRANGERS = {"blocks": Contact.STRANGERS, "chat": Contact.STRANGERS}
MET = replace(MIA, contacts=frozenset({Contact.STRANGERS}))
EXCEPTED = replace(MET, contact_exceptions=frozenset({"blocks"}))
HOUR = 3600


def state(profile: Profile, service: str = "blocks", **house: Any) -> ServiceState:
    at, categories = house.pop("at", NOW), house.pop("categories", None)
    lists = library(services=NAMES, contacts=STRANGERS, categories=categories)
    made = live(family(profile, **house), lists=lists, now=NOW).policy("home", profile.id)
    return service_state(made, map(parse_matcher, NAMES[service]), at)


def said(found: ServiceState) -> tuple[str, str, str]:
    verdict = found.verdict
    return str(found.extent), str(verdict.reason), verdict.contact


def test_a_contact_kind_closes_it_and_an_exception_opens_it_and_says_so() -> None:
    assert said(state(MET)) == ("blocked", "contact", "strangers")
    assert said(state(EXCEPTED)) == ("open", "default", "strangers")
    assert text_of(state(EXCEPTED).verdict) == "default: service blocks is an exception (strangers)"
    assert said(state(EXCEPTED, "chat")) == ("blocked", "contact", "strangers")
    assert said(state(MIA)) == ("open", "default", "")


@pytest.mark.parametrize(
    ("profile", "reason"),
    [
        (replace(EXCEPTED, services=frozenset({"blocks"})), "service"),
        (replace(EXCEPTED, categories=frozenset({"games"})), "category"),
        (replace(EXCEPTED, default=Default.ALLOWLIST), "not_on_allowlist"),
    ],
)
def test_an_exception_opens_nothing_that_another_rule_closes(profile: Profile, reason: str) -> None:
    found = state(profile, categories={"games": ["blocks.example"]})
    assert said(found)[:2] == ("blocked", reason)


def test_a_name_that_another_closed_service_owns_stays_closed() -> None:
    names = {"blocks": ["owner.example"], "chat": ["login.owner.example"]}
    made = policy(EXCEPTED, services=names, contacts=STRANGERS)
    open_one = service_state(made, [parse_matcher("owner.example")], NOW)
    closed = service_state(made, [parse_matcher("login.owner.example")], NOW)
    assert (open_one.extent, closed.verdict.service) == (Extent.OPEN, "chat")


def test_what_a_contact_kind_closes_tells_of_a_category_that_would_close_it_too() -> None:
    both = state(
        replace(MET, categories=frozenset({"games"})), categories={"games": ["blocks.example"]}
    )
    assert said(both)[:2] == ("blocked", "contact")
    assert both.also is not None
    assert (both.also.reason, both.also.category) == (Reason.CATEGORY, "games")
    assert state(MET, categories={"games": ["blocks.example"]}).also is None


def test_an_exception_counts_for_services_of_the_household_too() -> None:
    club = OwnService("club", "Club", (parse_matcher("club.example"),), Contact.STRANGERS)
    mia = replace(MET, contact_exceptions=frozenset({"club"}))
    made = policy(mia, house=family(mia, services=(club,)))
    assert service_state(made, club.names, NOW).verdict.is_exception


def test_what_is_blocked_in_part_says_by_what() -> None:
    found = state(
        replace(MIA, categories=frozenset({"ads"})), categories={"ads": ["cdn.blocks.example"]}
    )
    assert said(found)[:2] == ("partly", "category")
    ruled = state(MET, rules=(allow("cdn.blocks.example"),))
    assert said(ruled) == ("partly", "contact", "strangers")


BEDTIME = Schedule("bed", "mia", (Slot(frozenset({"daily"}), 19 * 60, 12 * 60),))


def test_what_is_open_says_until_when_and_what_closes_it_then() -> None:
    found = state(MIA, schedules=(BEDTIME,))
    assert found.then is not None
    assert (found.extent, found.then.reason, found.then.period) == (
        Extent.OPEN,
        Reason.SCHEDULE,
        "bed",
    )
    assert found.until == NOW + 3 * HOUR  # 16:00 UTC


def test_what_opens_again_says_when_and_what_still_closes_it_says_that() -> None:
    late = state(MET, schedules=(BEDTIME,), at=NOW + 4 * HOUR)
    assert late.verdict.reason is Reason.SCHEDULE
    assert late.until == NOW + 15 * HOUR
    assert late.then is not None
    assert late.then.reason is Reason.CONTACT
    assert stays_blocked(late)
    assert not stays_blocked(state(MIA, schedules=(BEDTIME,), at=NOW + 4 * HOUR))
    morning = state(MIA, schedules=(BEDTIME,), at=NOW + 4 * HOUR).then
    assert morning is not None
    assert morning.action is Action.ALLOW


def test_temporary_access_says_when_it_ends() -> None:
    about = parse_matcher("blocks.example")
    grant = Grant(about, NOW - 60, NOW + HOUR, NOW - 60, id="g1", profile="mia")
    found = state(MET, grants=(grant,))
    assert (found.extent, found.verdict.reason, found.until) == (
        Extent.OPEN,
        Reason.GRANTED,
        NOW + HOUR,
    )


def test_a_bedtime_turns_everything_off_over_a_night() -> None:
    assert is_bedtime(BEDTIME)
    assert is_bedtime(replace(BEDTIME, slots=(Slot(frozenset({"daily"}), 0, 6 * 60),)))
    assert not is_bedtime(replace(BEDTIME, about=(parse_matcher("blocks.example"),)))
    assert not is_bedtime(replace(BEDTIME, slots=(Slot(frozenset({"daily"}), 600, 60),)))
    assert not is_bedtime(replace(BEDTIME, opens=True))


# --- by settings and rules alone -----------------------------------------------------------------

GAMES: dict[str, Any] = {
    "categories": {"games": ["chess.example", "go.example"], "chat": ["go.example"]},
    "services": {
        "chess": ["chess.example"],
        "go": ["go.example", "cdn.example"],
        "room": ["r.example"],
        "vpn": ["vpn.example"],
        "relay": ["mask.example"],
    },
    "canaries": {"private_relay": ["mask.example"]},
    "contacts": {"room": Contact.STRANGERS},
    "bypass": ["vpn.example"],
}


def blocked(*rules: Rule, timing: TimePlan = NO_TIME_PLAN, **fields: Any) -> set[str]:
    """Return the services that are wholly blocked for Mia, whatever the time is."""
    made = without_time(policy(replace(MIA, **fields), *rules, timing=timing, **GAMES))
    return {
        slug
        for slug, names in GAMES["services"].items()
        if service_state(made, map(parse_matcher, names), NOW).extent is Extent.BLOCKED
    }


def test_a_service_is_blocked_by_its_tick_its_contact_kind_a_category_or_a_signal() -> None:
    assert blocked() == set()
    assert blocked(services=frozenset({"chess"})) == {"chess"}
    assert blocked(contacts=frozenset({Contact.STRANGERS})) == {"room"}
    assert blocked(categories=frozenset({"games", "chat"})) == {"chess"}  # of "go" only a part
    assert blocked(canaries=frozenset({"private_relay"})) == {"relay"}
    assert blocked(bypass=True) == {"vpn"}


def test_rules_count_as_well_as_settings() -> None:
    assert blocked(block("go.example"), block("cdn.example")) == {"go"}
    ticked = frozenset({"go", "chess"})
    for name in ("go.example", "=cdn.example"):
        assert blocked(allow(name, "mia"), services=ticked) == {"chess"}
        assert blocked(allow(name, "tom"), services=ticked) == {"chess", "go"}


def test_a_pause_and_a_bedtime_do_not_count() -> None:
    closed = TimePlan(closures=(Closure(Reason.PAUSED, NOW - 60, NOW + 600),))
    made = policy(MIA, timing=closed, **GAMES)
    assert service_state(made, [parse_matcher("go.example")], NOW).extent is Extent.BLOCKED
    assert blocked(timing=closed) == set()
