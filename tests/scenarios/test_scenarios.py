"""Every file in the folders beside this one is a promise, told as a short story; here they come
true.

Each story is played in two homes: in the second all devices ask for structured errors (EDNS
option 26), and nothing may be forged for those.  `check` of `fits.py` holds for every reply.
"""

from __future__ import annotations

import re
from itertools import combinations
from pathlib import Path

import pytest

from copdns.model.household import BlockMode
from copdns.model.verdict import Reason
from tests.scenarios.steps import play
from tests.scenarios.story import FOLDER, Place, home, read

FILES = sorted(FOLDER.glob("*/*.yaml"))


@pytest.mark.parametrize("structured", [False, True], ids=["plain", "structured"])
@pytest.mark.parametrize("path", FILES, ids=lambda path: f"{path.parent.name}/{path.stem}")
def test_the_promise_is_kept(path: Path, structured: bool) -> None:
    story = read(path)
    place = home(story, structured=structured)
    for number, step in enumerate(story.steps, 1):
        try:
            play(step, place, story)
        except AssertionError as error:
            raise AssertionError(f"{path.name}, step {number}: {step}\n{error}") from error


def test_a_file_is_called_as_its_title_says() -> None:
    """So that a list of the files reads as the list of promises."""
    for path in FILES:
        words = re.findall(r"[a-z]+", read(path).title.lower().replace("'", ""))
        assert path.stem == "_".join(words)


# --- nothing is left out -------------------------------------------------------------------------

AFTER_AN_ANSWER: tuple[Place, ...] = ("target", "address", "rebinding", "filtered")
PLACES: tuple[Place, ...] = (*range(1, 16), *AFTER_AN_ANSWER)


def why_they_cannot_meet(one: Place, other: Place) -> str:
    """Return why no question can reach both places; "" for those that can (docs/decision.md)."""
    if one == 1 and other in (6, 7, 8, 9):
        return "a stranger has no profile that somebody could pause or permit something to"
    if one == 1 and other in AFTER_AN_ANSWER:
        return "no upstream is asked for a stranger"
    if (one, other) == (3, 4):
        return "a legal entry that covers a protected name is held for a person"
    if one in (3, 5, 7, 8, 9, 11, 12, 13) and other in AFTER_AN_ANSWER[1:]:
        return "what this step blocks is not asked upstream: there are no addresses to judge"
    return ""


def test_every_pair_of_places_that_can_meet_meets_in_a_scenario() -> None:
    told = {tuple(sorted(pair, key=PLACES.index)) for path in FILES for pair in read(path).pairs}
    every = {pair for pair in combinations(PLACES, 2) if not why_they_cannot_meet(*pair)}
    assert every - told == set()
    assert told - every == set()


def expected(key: str) -> set[object]:
    """Return all values that scenarios expect for one thing, such as `reason`."""
    return {step[key] for path in FILES for step in read(path).steps if key in step}


def test_every_step_of_the_order_and_every_reason_is_met_in_a_scenario() -> None:
    assert expected("step") >= {*range(1, 17)}
    assert expected("reason") == {str(reason) for reason in Reason}


def test_every_way_to_answer_a_block_is_met_in_a_scenario() -> None:
    text = " ".join(path.read_text() for path in FILES)
    assert [mode for mode in BlockMode if f"block_mode: {mode}" not in text.replace('"', "")] == []
