"""A person hears of changes that concern them, for a week, and of nobody else's."""

from __future__ import annotations

import pytest

from copdns.changed import NEWS, Line, news
from tests.household import NOW, family

FIRST = Line(1, int(NOW) - 100 * 86_400, "Ada", "created")


@pytest.mark.parametrize(
    ("what", "heard"),
    [
        ("profile mia set: categories", True),
        ("pause of mia", True),
        ("calendar: 2026-04-01 holiday", True),  # about everyone
        ("profile tom set: categories", False),
        ("miau added for tom", False),  # the same letters, another word
    ],
)
def test_what_concerns_somebody(what: str, heard: bool) -> None:
    line = Line(2, int(NOW) - 60, "Ada", what)
    assert (news(family(), "mia", [FIRST, line], NOW) == (line,)) is heard


def test_what_changed_no_answer_is_no_news() -> None:
    lines = [FIRST, Line(1, int(NOW) - 60, "mia-phone", "browser paired with this device")]
    assert news(family(), "mia", lines, NOW) == ()


def test_news_are_over_after_a_week_and_the_newest_comes_first() -> None:
    lines = [Line(2 + n, int(NOW) + n, "Ada", f"rule {n}") for n in range(3)]
    assert news(family(), "mia", [FIRST, *lines], NOW + 2) == tuple(reversed(lines))
    assert news(family(), "mia", [FIRST, *lines], NOW + NEWS + 1) == (lines[2],)
