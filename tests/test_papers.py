"""What an outsider signs has a version and a day of review, and what only they know has a form."""

from __future__ import annotations

import re
from datetime import date, datetime
from pathlib import Path

import pytest

DOCS = Path(__file__).parents[1] / "docs"
SIGNED = ("safeguarding", "dpia", "child-rights-impact", "privacy", "asking-children")
REVIEWED = (*SIGNED, "review-policy", "risks")


def text(page: str) -> str:
    return " ".join((DOCS / f"{page}.md").read_text().split())


def day(told: str) -> date:
    return datetime.strptime(f"{told} +0000", "%d %B %Y %z").date()


@pytest.mark.parametrize("page", SIGNED)
def test_a_paper_has_a_version_and_is_reviewed_within_a_year_of_it(page: str) -> None:
    found = re.search(
        r"Version \*\*(\d+)\*\* of (\d+ \w+ \d{4})\. To be reviewed by (\d+ \w+ \d{4})", text(page)
    )
    assert found
    assert 0 < (day(found[3]) - day(found[2])).days <= 366


@pytest.mark.parametrize("page", REVIEWED)
def test_a_paper_says_when_it_is_reviewed(page: str) -> None:
    assert re.search(r"[Tt]o be reviewed by \d+ \w+ \d{4}", text(page))


def test_what_only_a_reader_knows_is_in_a_form_of_the_same_version() -> None:
    version = re.search(r"Version \*\*(\d+)\*\*", text("safeguarding"))
    assert version
    assert f"| this form belongs to version | {version[1]} of" in text("safeguarding-form")
    assert "[to fill in]" not in text("safeguarding")


@pytest.mark.parametrize("page", ["safeguarding", "privacy", "dpia", "for-parents"])
def test_it_is_said_who_speaks_for_a_device(page: str) -> None:
    assert "hoever holds the unlocked device speaks for" in text(page)


@pytest.mark.parametrize("page", ["asking-children", "child-rights-impact", "dpia", "safeguarding"])
def test_it_is_said_that_no_child_has_tested_it(page: str) -> None:
    """Until a round of the protocol has a result: then this test and the sentence go."""
    assert "| none yet | | | |" in text("asking-children")
    assert "No child has tested copdns" in text(page)
