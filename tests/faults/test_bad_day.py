"""docs/bad-day.md is what the day of tests/faults/bad_day.py gives."""

from __future__ import annotations

from tests.faults.bad_day import PAGE, page


def test_the_page_of_the_bad_day_is_what_the_day_gives() -> None:
    assert PAGE.read_text() == page(), "python -m tests.faults.bad_day writes it anew"
