"""How commands print, and how differences between two households read."""

from __future__ import annotations

from dataclasses import replace
from datetime import date, timedelta

import pytest
from hypothesis import given, settings

from copdns.as_json.plain import plain, utc
from copdns.cli import output
from copdns.cli.changes import differences
from copdns.cli.output import count_text
from copdns.cli.time_words import ticket_text
from copdns.model.addresses import UpstreamAddress
from copdns.model.household import AnnouncedBandChange, Band, FullLogSpan, Household, OwnService
from copdns.model.matchers import Matcher
from copdns.model.record_types import qtype_name, qtype_number
from copdns.model.times import (
    Bonus,
    Budget,
    DayType,
    Extra,
    FailureChoices,
    Grant,
    OnFailure,
    PauseSpan,
    Schedule,
    SchoolCalendar,
    Slot,
    Ticket,
    Topic,
    TopicKind,
)
from tests.unit.households import FAMILY, households, running
from tests.whole import examples


def test_columns_begin_below_each_other_in_any_script() -> None:
    assert output.align([("a", "b"), ("名前", "c"), ("é", "")]) == ["a     b", "名前  c", "é"]


def test_nothing_steers_the_terminal() -> None:
    assert (
        output.printable("a\x1b[2Jb\u202ec")
        == "a\N{REPLACEMENT CHARACTER}[2Jb\N{REPLACEMENT CHARACTER}c"
    )


def test_a_terminal_gets_a_table_of_rich_without_its_markup(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    pytest.importorskip("rich")
    monkeypatch.setattr("sys.stdout.isatty", lambda: True)
    output.print_table(("name",), [("[red]a[/red]",)])
    assert "[red]a[/red]" in capsys.readouterr().out


def test_values_become_what_json_has() -> None:
    value = {
        "matcher": Matcher("a.example"),
        "address": UpstreamAddress("192.0.2.1"),
        "set": frozenset({Band.TO_9, Band.ADULT}),
        "object": OwnService("s", "S", (Matcher("a.example"),)),
        "none": None,
    }
    assert plain(value) == {
        "matcher": "a.example",
        "address": "192.0.2.1:53",
        "set": ["7-9", "adult"],
        "object": {"slug": "s", "title": "S", "names": ["a.example"], "contact": "none"},
        "none": None,
    }


def test_moments_are_utc_for_programs_and_local_for_people() -> None:
    assert utc(1_800_000_000) == "2027-01-15T08:00:00Z"
    assert utc(None) is None
    assert output.local_text(1_800_000_000, "Asia/Tokyo") == "2027-01-15 17:00"


@pytest.mark.parametrize("number", [1, 28, 65, 257, 4711, 65535])
def test_a_type_is_read_as_it_is_written(number: int) -> None:
    assert qtype_number(qtype_name(number)) == number
    assert qtype_number(f"type{number}") == number


@pytest.mark.parametrize(
    "text", ["", "0", "TYPE", "TYPE0", "65536", "000001111111", "AA", "-1", "1.5", "9" * 5000]
)
def test_what_is_no_type_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="not a valid record type"):
        qtype_number(text)


@settings(max_examples=examples(30))
@given(households().flatmap(running), households().flatmap(running))
def test_there_is_a_difference_exactly_where_households_differ(
    before: Household, other: Household
) -> None:
    after = replace(other, id=before.id)
    assert differences(before, before) == []
    assert bool(differences(before, after)) is (before != after)


def test_each_difference_reads_as_a_line() -> None:
    mia, tom, ada = FAMILY.profiles
    older = replace(
        mia,
        band=Band.TO_12,
        bypass=True,
        safe_search=(("films", "strict"),),
        full_log=FullLogSpan(1_800_000_000, 1_800_086_400),
        band_change=AnnouncedBandChange(Band.TO_9, 1_800_000_000),
    )
    after = replace(
        FAMILY,
        timezone="Asia/Tokyo",
        guest="",
        profiles=(ada, older),
        rules=(replace(FAMILY.rules[0], note="Because."), FAMILY.rules[1]),
    )
    assert differences(FAMILY, after) == [
        "household: timezone: UTC -> Asia/Tokyo",
        "household: guest: ada -> none",
        "profile tom removed: Tom, 13-15",
        "profile mia: band: 7-9 -> 10-12",
        "profile mia: safe search: + films=strict",
        "profile mia: bypass: off -> on",
        "profile mia: full log: none -> "
        "every domain is recorded from 2027-01-15 17:00 to 2027-01-16 17:00",
        "profile mia: band change: none -> becomes 7-9 on 2027-01-15 17:00",
        "profiles: order changed",
        "rule r1: note: none -> Because.",
    ]
    assert tom not in after.profiles


NOW = 1_800_000_000  # 17:00 on 2027-01-15 in Tokyo
GAMES = Topic(TopicKind.CATEGORY, "games")
NIGHT = Slot(frozenset({"school_night"}), 1260, 600)
HOLIDAYS = tuple((date(2026, 12, 24) + timedelta(days=n), DayType.HOLIDAY) for n in range(3))
TIMED = replace(
    FAMILY,
    timezone="Asia/Tokyo",
    schedules=(
        Schedule("bedtime", "mia", (NIGHT,)),
        Schedule("play", "", (NIGHT,), (GAMES,), opens=True, grace=5, note="Fair"),
    ),
    budgets=(
        Budget("games", "#kids", (("school", 60), ("daily", 90)), (GAMES,)),
        Budget("all", "", (("daily", 120),), carry_over=True, grace=2, note="Go out"),
    ),
    pauses=(PauseSpan("mia", NOW), PauseSpan("tom", NOW, NOW + 60, homework=True)),
    grants=(
        Grant(GAMES, NOW, NOW + 60, NOW, time=True, id="g1", profile="mia", note="Club"),
        Grant(None, NOW, NOW + 60, NOW, id="g2", profile="tom"),
    ),
    bonuses=(
        Bonus("b1", "mia", "games", date(2027, 1, 15), 30),
        Bonus("b2", "mia", "games", date(2027, 1, 15), 5, Extra.CREDIT),
    ),
    tickets=(
        Ticket("t1", "5ecret", 45, NOW, NOW + 60, "mia", GAMES, "Dishes"),
        Ticket("t2", "5ecret too", 10, NOW, NOW + 60, redeemed=NOW, redeemed_by="tom"),
    ),
)


def test_times_read_as_lines_when_they_come_and_when_they_go() -> None:
    told = [
        "schedule bedtime {}: mia: everything off school_night 21:00-07:00",
        "schedule play {}: everyone: category:games only school_night 21:00-07:00, "
        "grace period 5 minutes (Fair)",
        "budget games {}: #kids: category:games 60 minutes school, 90 minutes a day",
        "budget all {}: everyone: everything 120 minutes a day, unused minutes carry over, "
        "grace period 2 minutes (Go out)",
        "pause mia {}: from 2027-01-15 17:00 until someone ends it",
        "pause tom {}: from 2027-01-15 17:00 until 2027-01-15 17:01, homework mode",
        "grant g1 {}: mia: category:games from 2027-01-15 17:00 until 2027-01-15 17:01, "
        "lifts content and time, by guardian (Club)",
        "grant g2 {}: tom: everything from 2027-01-15 17:00 until 2027-01-15 17:01, "
        "lifts content, by guardian",
        "bonus b1 {}: mia: 30 minutes extra for games on 2027-01-15",
        "bonus b2 {}: mia: 5 minutes credited to games on 2027-01-15",
        "ticket t1 {}: 45 minutes of category:games for mia, valid until 2027-01-15 17:01 (Dishes)",
        "ticket t2 {}: 10 minutes of everything for anyone with the code, "
        "redeemed by tom on 2027-01-15 17:00",
    ]
    before = replace(FAMILY, timezone="Asia/Tokyo")
    assert differences(before, TIMED) == [line.format("added") for line in told]
    assert differences(TIMED, before) == [line.format("removed") for line in told]


def test_what_is_changed_of_times_is_told_field_by_field_and_no_code_is() -> None:
    after = replace(
        TIMED,
        calendar=SchoolCalendar(frozenset({4}), HOLIDAYS),
        day_starts=240,
        failures=FailureChoices(clock=OnFailure.ESSENTIAL),
        schedules=(
            replace(TIMED.schedules[0], slots=(replace(NIGHT, start=1200),), about=(GAMES,)),
            TIMED.schedules[1],
        ),
        budgets=(
            replace(TIMED.budgets[0], minutes=(("school", 30), ("daily", 90))),
            TIMED.budgets[1],
        ),
        pauses=(replace(TIMED.pauses[0], end=NOW + 60), TIMED.pauses[1]),
        grants=(replace(TIMED.grants[0], end=NOW + 3600, about=None), TIMED.grants[1]),
        tickets=(
            replace(TIMED.tickets[0], digest="5ecret 3", redeemed=NOW, redeemed_by="mia"),
            TIMED.tickets[1],
        ),
    )
    lines = differences(TIMED, after)
    assert lines == [
        "household: weekend: sat, sun -> fri",
        "household: calendar: + 2026-12-24..2026-12-26 holiday",
        "household: day starts: 00:00 -> 04:00",
        "household: failures: clock: last_known -> essential",
        "schedule bedtime: slots: + school_night 20:00-06:00, - school_night 21:00-07:00",
        "schedule bedtime: about: + category:games",
        "budget games: minutes: + school=30, - school=60",
        "pause mia: end: none -> 2027-01-15 17:01",
        "grant g1: about: category:games -> everything",
        "grant g1: end: 2027-01-15 17:01 -> 2027-01-15 18:00",
        "ticket t1: code: changed",
        "ticket t1: redeemed: none -> 2027-01-15 17:00",
        "ticket t1: redeemed by: none -> mia",
    ]
    assert "5ecret" not in "".join(lines)


def test_days_of_the_calendar_that_go_are_told_as_stretches() -> None:
    before = replace(FAMILY, calendar=SchoolCalendar(days=HOLIDAYS))
    after = replace(FAMILY, calendar=SchoolCalendar(days=((HOLIDAYS[0][0], DayType.SCHOOL),)))
    assert differences(before, after) == [
        "household: calendar: + 2026-12-24 school, - 2026-12-25..2026-12-26 holiday"
    ]


def test_one_is_no_plural() -> None:
    assert [count_text(n, "minute") for n in (0, 1, 2)] == ["0 minutes", "1 minute", "2 minutes"]
    assert "1 minute of" in ticket_text(Ticket("t1", "d" * 64, 1, 0, 1), "UTC")
