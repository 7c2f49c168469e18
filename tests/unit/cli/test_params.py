"""How people write lengths of time, moments and subjects on the command line."""

from __future__ import annotations

from contextlib import suppress
from datetime import UTC, datetime

import click
import pytest
from hypothesis import given
from hypothesis import strategies as st

from copdns.cli.commands.budget import parse_minutes_by_day
from copdns.cli.params import (
    parse_day_minutes,
    parse_duration,
    parse_end,
    parse_moment,
    parse_note,
    parse_positive_duration,
)

PARIS = "Europe/Paris"


def at(text: str) -> float:
    return datetime.fromisoformat(text).replace(tzinfo=UTC).timestamp()


NOON = at("2026-11-24T11:00")  # twelve o'clock in Paris


@pytest.mark.parametrize(
    ("text", "minutes"),
    [("45", 45), ("30m", 30), ("2h", 120), ("1h30m", 90), ("1h30", 90), ("7d", 10_080), ("0", 0)],
)
def test_lengths_of_time_are_read(text: str, minutes: int) -> None:
    assert parse_duration(text) == minutes
    assert parse_duration(f" {text.upper()} ") == minutes


@pytest.mark.parametrize(
    "text", ["", "m", "half an hour", "-5", "1.5h", "30s", "m30", "1h 30m", "१"]
)
def test_what_is_no_length_of_time_is_refused_with_an_example(text: str) -> None:
    with pytest.raises(ValueError, match="write 45"):
        parse_duration(text)


@given(st.text())
def test_any_text_is_a_length_of_time_or_refused_in_words(text: str) -> None:
    with suppress(ValueError):
        assert parse_duration(text) >= 0


def test_what_is_given_is_a_minute_at_least_and_a_day_at_most() -> None:
    assert parse_day_minutes("24h") == 1440
    for text in ("0", "1441", "2d"):
        with pytest.raises(ValueError, match="write at"):
            parse_day_minutes(text)
    with pytest.raises(ValueError, match="is too short"):
        parse_positive_duration("0m")


@pytest.mark.parametrize(
    ("text", "utc"),
    [
        ("20:00", "2026-11-24T19:00"),
        ("12:01", "2026-11-24T11:01"),
        ("12:00", "2026-11-25T11:00"),  # the same minute is tomorrow's
        ("9:30", "2026-11-25T08:30"),
        ("2026-11-24T20:15", "2026-11-24T19:15"),
        ("2026-11-24T19:15Z", "2026-11-24T19:15"),
    ],
)
def test_a_time_of_day_is_the_next_on_the_clock_of_the_household(text: str, utc: str) -> None:
    assert parse_moment(text, PARIS, NOON, "--until") == at(utc)


@pytest.mark.parametrize("text", ["02:30", "2026-03-29T02:30"])
def test_a_time_that_the_clock_skips_is_when_it_jumps(text: str) -> None:
    assert parse_moment(text, PARIS, at("2026-03-28T20:00"), "--at") == at("2026-03-29T01:00")


@pytest.mark.parametrize("text", ["02:30", "2026-10-25T02:30"])
def test_a_time_that_comes_twice_is_the_next_of_both(text: str) -> None:
    assert parse_moment(text, PARIS, at("2026-10-24T20:00"), "--at") == at("2026-10-25T00:30")
    assert parse_moment(text, PARIS, at("2026-10-25T00:45"), "--at") == at("2026-10-25T01:30")


def test_a_time_that_is_over_can_be_written_with_its_seconds() -> None:
    written = "2026-10-25T02:30:15"
    assert parse_moment(written, PARIS, NOON, "--at") == at("2026-10-25T00:30:15")


@pytest.mark.parametrize("text", ["tonight", "24:30", "25:00", "20:60", "0001-01-01", ""])
def test_what_is_no_time_is_refused_by_the_name_of_its_option(text: str) -> None:
    with pytest.raises(click.BadParameter, match="such as 20:15") as refused:
        parse_moment(text, PARIS, NOON, "--until")
    assert refused.value.param_hint == "--until"


def test_an_end_is_after_the_start_and_now() -> None:
    assert parse_end(30, None, PARIS, NOON, NOON) == NOON + 1800
    assert parse_end(None, "20:00", PARIS, NOON, NOON) == at("2026-11-24T19:00")
    assert parse_end(None, None, PARIS, NOON, NOON) is None
    # "20:00" of a permission that begins tomorrow afternoon is tomorrow's.
    tomorrow = at("2026-11-25T13:00")
    assert parse_end(None, "20:00", PARIS, tomorrow, NOON) == at("2026-11-25T19:00")
    with pytest.raises(click.BadParameter, match="choose a later time"):
        parse_end(None, "2026-11-24T11:59", PARIS, NOON, NOON)
    with pytest.raises(click.UsageError, match="give one"):
        parse_end(30, "20:00", PARIS, NOON, NOON)


def test_minutes_are_for_every_day_or_by_kinds_of_days_in_their_order() -> None:
    assert parse_minutes_by_day("60") == (("daily", 60),)
    assert parse_minutes_by_day("school=0, weekend=2h") == (("school", 0), ("weekend", 120))


@pytest.mark.parametrize("text", ["25h", "school=60,120", "schol=60", "school=", "="])
def test_minutes_that_no_day_has_are_refused(text: str) -> None:
    with pytest.raises(ValueError, match=r"write|did you mean|there is no"):
        parse_minutes_by_day(text)


def test_a_note_is_on_one_line_and_no_longer_than_a_child_reads() -> None:
    assert parse_note(" For\nthe  club. ") == "For the club."
    with pytest.raises(ValueError, match="301 characters; shorten it to 300"):
        parse_note("x" * 301)


@pytest.mark.parametrize("text", ["1000-01-01T10:00", "9999-12-31T10:00"])
def test_a_moment_of_another_age_is_out_of_reach(text: str) -> None:
    with pytest.raises(click.BadParameter, match="out of range"):
        parse_moment(text, "Europe/Paris", NOON, "--at")
