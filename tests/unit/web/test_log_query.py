"""What the address of the log asks for, and that each filter is a link that keeps the others."""

from __future__ import annotations

from datetime import date
from urllib.parse import parse_qsl

import pytest
from hypothesis import given
from hypothesis import strategies as st

from copdns.privacy.row_filter import RowFilter
from copdns.web.desk.activity.log_query import (
    CauseKind,
    LogQuery,
    LookupOutcome,
    parse_log_query,
    searched_text,
)

FULL = {
    "q": "games",
    "person": "mia",
    "show": "blocked",
    "cause": "category:games",
    "device": "mia-phone",
    "day": "2026-03-29",
    "before": "7",
}


def test_an_address_is_read_and_written_the_same() -> None:
    assert parse_log_query(FULL).fields == FULL


def test_a_filter_keeps_the_others_and_begins_with_the_newest_row() -> None:
    address = parse_log_query(FULL).address(outcome=LookupOutcome.TIME)
    fields = dict(parse_qsl(address.partition("?")[2]))
    assert fields == {key: "time" if key == "show" else text for key, text in FULL.items()
                      if key != "before"}  # fmt: skip
    assert LogQuery().address() == "/guardian/log"


@pytest.mark.parametrize(
    "fields",
    [
        {"show": "everything"},
        {"cause": "games"},
        {"cause": "list:games"},
        {"cause": "category:"},
        {"day": "yesterday"},
        {"day": "0001-01-01"},
        {"day": "9999-12-31"},
        {"before": "-1"},
        {"before": "9" * 30},
        {"q": "   "},
    ],
)
def test_what_means_nothing_is_not_asked_for(fields: dict[str, str]) -> None:
    assert parse_log_query(fields) == LogQuery()


@given(st.dictionaries(st.sampled_from(list(FULL)), st.text()))
def test_any_address_can_be_read(fields: dict[str, str]) -> None:
    query = parse_log_query(fields)
    assert parse_log_query(query.fields) == query
    query.row_filter("Europe/Berlin")


def test_a_day_is_the_households() -> None:
    found = LogQuery(day=date(2026, 3, 29)).row_filter("Europe/Berlin")
    assert found.until - found.since == 23 * 3600  # the clock goes forward


@pytest.mark.parametrize(
    ("typed", "text"),
    [
        ("Games", "games"),
        ("https://user@www.games.example:443/page?x", "www.games.example"),
        ("münchen.example", "xn--mnchen-3ya.example"),
        ("robl", "robl"),
    ],
)
def test_a_site_is_found_as_people_type_it(typed: str, text: str) -> None:
    assert searched_text(typed) == text


@pytest.mark.parametrize(
    ("query", "asks"),
    [
        (LogQuery(), False),
        (LogQuery(person="mia", device="mia-phone", day=date(2026, 3, 29)), False),
        (LogQuery(outcome=LookupOutcome.BLOCKED), False),  # an "other" says that, too
        (LogQuery(outcome=LookupOutcome.TIME), True),
        (LogQuery(text="a"), True),
        (LogQuery(cause=(CauseKind.CATEGORY, "games")), True),
    ],
)
def test_an_answer_may_tell_what_an_other_is(query: LogQuery, asks: bool) -> None:
    assert query.asks_about_sites is asks


def test_time_and_a_reason_that_is_none_of_time_find_nothing() -> None:
    query = LogQuery(outcome=LookupOutcome.TIME, cause=(CauseKind.REASON, "rule"))
    assert query.row_filter("UTC") == RowFilter(reasons=("",))
