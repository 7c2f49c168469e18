"""`copdns check --week`: when a name is open in a week says the same as each moment of it."""

from __future__ import annotations

from datetime import date, datetime
from pathlib import Path

import pytest

from copdns.cli.base import Options
from copdns.cli.check_week import (
    ClientSelector,
    _without_budget_use,
    compute_week,
    walk_decisions,
)
from copdns.cli.home import Home as Opened
from copdns.policy.decide import decide
from copdns.store.log_db.usage import UsageStore
from copdns.time.minutes import Minutes, Usage
from tests.unit.calling import Home

NOON = 1_795_518_000  # Tuesday 2026-11-24, twelve o'clock in Paris
WEEK = 7 * 86_400 - 43_200  # seconds from there to the end of the seventh date
MIA = ClientSelector("home", "mia")


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Home:
    monkeypatch.setattr("time.time", lambda: NOON)
    return Home(tmp_path)


@pytest.fixture
def busy(home: Home) -> Home:
    """A family with a bit of everything that the clock changes."""
    for words in (
        "schedule add bed school_night 21:00-07:00 --profile mia",
        "schedule add play weekend 10:00-12:00 --profile mia --open --about category:games",
        "schedule day 2026-11-27 holiday",
        "budget add games school=60,weekend=0,holiday=30 --profile mia --about category:games",
        "rule add allow chess.example --profile mia",
        "grant mia chess.example --from 2026-11-25T20:00 --for 2h --lifts time",
        "grant mia everything --from 2026-11-28T11:00 --for 30m",
        "pause mia --for 45m",
    ):
        home.ok(*words.split())
    return home


def opened(home: Home) -> Opened:
    return Opened(Options(home.settings, home.data).settings())


def test_a_week_says_what_each_moment_of_it_says(busy: Home) -> None:
    found = opened(busy)
    week = compute_week(found, MIA, "chess.example", 1, NOON)
    assert week.stretches[0].start == NOON
    assert week.stretches[-1].end == NOON + WEEK
    for before, after in zip(week.stretches, week.stretches[1:], strict=False):
        assert before.end == after.start
    edges = [each.start for each in week.stretches]
    moments = {NOON + hours * 3600 for hours in range(WEEK // 3600)}
    moments |= {at + by for at in edges for by in (-1, 0, 1) if NOON <= at + by < NOON + WEEK}
    for at in sorted(moments):
        verdict = decide(MIA.find_client(found.make_snapshot(at)).policy, "chess.example", 1, at)
        stretch = next(each for each in week.stretches if each.start <= at < each.end)
        assert (stretch.verdict.action, stretch.verdict.reason, stretch.verdict.period) == (
            verdict.action,
            verdict.reason,
            verdict.period,
        ), at


def test_a_week_is_walked_from_edge_to_edge_however_few_minutes_are_left(busy: Home) -> None:
    day = Usage(
        "home", "mia", "games", date(2026, 11, 24), NOON - 43_200, minutes=Minutes(58, 58, 58)
    )
    UsageStore(busy.data).save([day])
    steps = list(walk_decisions(opened(busy), MIA, "chess.example", 1, NOON, NOON + WEEK))
    assert len(steps) < 60


def test_minutes_that_are_left_now_end_nothing_of_what_is_planned(home: Home) -> None:
    home.ok("budget", "add", "all", "school=60,weekend=0", "--profile", "mia")
    begins = NOON - 43_200
    day = Usage("home", "mia", "all", date(2026, 11, 24), begins, minutes=Minutes(58, 58, 58))
    UsageStore(home.data).save([day])
    policy = MIA.find_client(opened(home).make_snapshot(NOON)).policy
    planned = _without_budget_use(policy)
    soon, later = (decide(each, "open.example", 1, NOON).valid_until for each in (policy, planned))
    assert soon is not None
    assert soon < NOON + 3600
    assert later is None or later > soon
    assert decide(policy, "open.example", 1, NOON).valid_until == soon


def test_for_people_it_is_a_line_a_stretch_with_the_reason(home: Home) -> None:
    home.ok("schedule", "add", "bed", "school_night", "21:00-07:00", "--profile", "mia")
    lines = home.ok("check", "open.example", "--profile", "mia", "--week").splitlines()
    assert lines[0] == "open.example, type A, for mia (Europe/Paris)"
    assert lines[2:4] == [
        "Tue 2026-11-24 12:00 +0100  Tue 2026-11-24 21:00 +0100  allowed  (default)",
        "Tue 2026-11-24 21:00 +0100  Wed 2026-11-25 07:00 +0100  blocked  (schedule by bed)",
    ]
    assert "2026-11-30" in lines[-1]
    assert home.call("check", "games.example", "--profile", "mia", "--week").exit_code == 0


def test_budgets_that_run_are_named(home: Home) -> None:
    home.ok("budget", "add", "all", "school=60,weekend=0", "--profile", "mia")
    first, *others = home.json("check", "open.example", "--profile", "mia", "--week")["stretches"]
    assert (first["open"], first["budgets"]) == (True, ["all"])
    closed = [each for each in others if not each["open"]]
    assert [(each["start"], each["end"], each["period"]) for each in closed] == [
        ("2026-11-27T23:00:00Z", "2026-11-29T23:00:00Z", "all")
    ]
    text = home.ok("check", "open.example", "--profile", "mia", "--week")
    assert "allowed  (default), while minutes of all last" in text


def test_a_device_is_asked_as_its_owner_and_a_stranger_is_closed_all_week(home: Home) -> None:
    assert home.json("check", "a.example", "--client", "127.0.0.2", "--week")["profile"] == "tom"
    stranger = home.json("check", "a.example", "--client", "203.0.113.1", "--week")
    assert [each["action"] for each in stranger["stretches"]] == ["refuse"]


def test_a_week_begins_where_it_is_asked_to_and_has_the_changes_of_the_clock(home: Home) -> None:
    home.ok("schedule", "add", "bed", "daily", "21:00-07:00", "--profile", "mia")
    words = ["check", "a.example", "--profile", "mia", "--week", "--at", "2027-03-27T20:00"]
    stretches = home.json(*words)["stretches"]
    nights = [
        datetime.fromisoformat(each["end"]) - datetime.fromisoformat(each["start"])
        for each in stretches
        if not each["open"]
    ]
    assert [night.total_seconds() / 3600 for night in nights[:2]] == [9, 10]
    assert "+0200" in home.ok(*words)
