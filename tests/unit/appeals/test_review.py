"""The reasons of a decision: the page and the code say the same, and every answer has its words."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from copdns.appeals.review import (
    GRANTING,
    NO_PERSONS,
    PAGE,
    REFUSING,
    TALKING,
    TOLD,
    VERSION,
    DecisionReason,
)
from copdns.appeals.review import section as section_of

TEXT = (Path(__file__).parents[3] / PAGE).read_text()
SECTIONS = dict(re.findall(r"^### `(\w+)`\n(.*?)(?=^##|\Z)", TEXT, re.DOTALL | re.MULTILINE))
SIDES = {"## A yes": GRANTING, "## A no": REFUSING, "## Neither": TALKING}


def test_the_page_has_a_section_for_each_reason_and_no_other() -> None:
    assert list(SECTIONS) == [str(because) for because in DecisionReason], (
        f"{PAGE} and copdns/appeals/review.py"
    )


@pytest.mark.parametrize("because", DecisionReason)
def test_the_page_says_when_and_what_the_child_is_told(because: DecisionReason) -> None:
    words = " ".join(SECTIONS[because].split())
    assert words.startswith("**When:** ")
    assert words.endswith(f'**The child is told:** "{TOLD[because]}"')


@pytest.mark.parametrize("heading", SIDES)
def test_a_reason_stands_under_the_answer_that_it_gives(heading: str) -> None:
    part = re.search(rf"^{heading}\n(.*?)(?=^## |\Z)", TEXT, re.DOTALL | re.MULTILINE)
    assert part
    assert set(re.findall(r"^### `(\w+)`", part[1], re.MULTILINE)) == SIDES[heading]


def test_every_reason_is_a_yes_a_no_or_a_talk() -> None:
    assert set(DecisionReason) == GRANTING | REFUSING | TALKING
    assert len(GRANTING) + len(REFUSING) + len(TALKING) == len(DecisionReason)


def test_nobody_is_refused_by_a_machine() -> None:
    assert NO_PERSONS
    assert NO_PERSONS <= GRANTING


def test_the_page_tells_the_version_that_decisions_keep() -> None:
    assert f"This is version **{VERSION}**" in TEXT


def test_a_reason_leads_to_its_section() -> None:
    assert section_of(DecisionReason.TRIAL) == "docs/review-policy.md#trial"


def test_no_child_is_told_a_word_of_blame() -> None:
    blaming = re.compile(r"\b(?:bad|naughty|forbidden|must|disobey\w*|your fault)\b")
    assert [told for told in TOLD.values() if blaming.search(told.lower())] == []
