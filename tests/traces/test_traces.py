"""Tests of the estimate against traces whose true minutes are known: how wrong it can be."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.traces.table import RUNS, TRACES, Result, Trace, estimated, lines, result

PAGE = Path(__file__).parents[2] / "docs" / "usage.md"


def of(title: str) -> Result:
    return next(result(each) for each in TRACES if each.title == title)


@pytest.mark.parametrize(
    ("title", "few", "many"),
    [
        # By how many minutes nine of ten days are estimated too low, or too high, at most.
        ("a film", 30, 2),
        ("short videos", 3, 2),
        ("a game: lobby and matches", 15, 2),
        ("a game, twice, with a break", 20, 2),
        ("a chat", 10, 2),
        ("messages of 8 hours, unread", 0, 40),
        ("the same, and a chat", 0, 45),
        ("films on two devices at once", 22, 2),
        ("a page of two names, asked each 60 s", 0, 2),
        ("everything: web pages", 5, 32),
        ("everything: short videos", 5, 25),
        ("everything: a film", 85, 20),
        ("everything: a game", 85, 20),
        ("everything: two devices at once", 5, 25),
        ("everything: an idle phone, 10 hours", 0, 25),
    ],
)
def test_nine_of_ten_days_are_no_further_off(title: str, few: int, many: int) -> None:
    found = of(title)
    true = found.trace.true
    assert true - few <= found.least
    assert found.most <= true + many


@pytest.mark.parametrize(
    "title",
    [each.title for each in TRACES if each.about and each.true and "same" not in each.title],
)
def test_use_of_one_service_is_seen_for_the_most_part(title: str) -> None:
    found = of(title)
    assert 0.85 * found.trace.true <= found.likely <= 1.05 * found.trace.true


@pytest.mark.parametrize("trace", TRACES, ids=lambda trace: trace.title)
def test_the_most_it_may_have_been_is_hardly_ever_less_than_the_truth(trace: Trace) -> None:
    less = [run for run in range(RUNS) if estimated(trace, run).high < 0.85 * trace.true]
    assert len(less) <= RUNS // 20


def test_what_shows_use_is_not_more_than_there_was() -> None:
    for each in TRACES:
        assert result(each).low <= max(each.true, 20), each.title


def test_an_idle_phone_takes_next_to_nothing() -> None:
    assert of("everything: an idle phone, 10 hours").likely < 0.02 * 600


def test_two_screens_at_once_cost_one_minute() -> None:
    found = of("films on two devices at once")
    assert found.trace.true == 90
    assert found.most < 95  # not 120


def test_the_page_shows_the_table_as_it_is_printed() -> None:
    assert "\n".join(lines()) in PAGE.read_text()
