"""What a node keeps beside its tables comes back as it was, or not at all."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import pytest

from copdns.app.node.copies import SHAPES_FILE, NodeCopies
from copdns.household.file import parse
from copdns.model.errors import PlaneError
from copdns.model.household import Band, Household
from copdns.model.matchers import Matcher
from copdns.model.times import Budget, PauseSpan, Schedule, Slot, Topic, TopicKind
from copdns.provider.plane.line_shares import share_of
from tests.household import NOW
from tests.unit.households import shipped_known

GAMES = Topic(TopicKind.CATEGORY, "games")


def shapes() -> dict[int, tuple[Household, bool]]:
    """Shapes of all presets, with times of every kind."""
    night = Schedule("bedtime", "", (Slot(frozenset({"daily"}), 21 * 60, 600),))
    games = Budget("b1", "", (("daily", 60),), about=(GAMES, Matcher("chess.example")))
    found = {}
    for number, band in enumerate(Band):
        text = {"id": "ada", "guest": "mia", "profiles": {"mia": {"band": band}}}
        (profile,) = parse(json.dumps(text), "test", shipped_known()).profiles
        profile = replace(profile, always=(Matcher("music.example"), GAMES))
        home = Household(
            *("ada", "Home"),
            profiles=(profile,),
            guest="mia",
            schedules=(night,),
            budgets=(games,),
            pauses=(PauseSpan("mia", int(NOW)),),
        )
        found[number] = (share_of(home, NOW).shape, number % 2 == 0)
    return found


def test_shapes_come_back_as_they_were(tmp_path: Path) -> None:
    copies, wanted = NodeCopies(tmp_path), shapes()
    copies.write_shapes(wanted)
    assert copies.read_shapes() == wanted


@pytest.mark.parametrize("text", [None, "", '{"1": [{}, false]}'])
def test_what_cannot_be_read_is_told(tmp_path: Path, text: str | None) -> None:
    if text is not None:
        (tmp_path / SHAPES_FILE).write_text(text)
    with pytest.raises(PlaneError, match=SHAPES_FILE):
        NodeCopies(tmp_path).read_shapes()
