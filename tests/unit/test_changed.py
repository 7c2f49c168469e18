"""A child reads what changed for it, whoever wrote it where, and nothing about anybody else."""

from __future__ import annotations

import pytest

from copdns.changed import TOLD_FOR, About, changes_for
from copdns.store.notes import Change
from tests.household import MIA, NOW


def told(*lines: str, at: int = int(NOW)) -> list[tuple[About, ...]]:
    changes = [Change(0, at, "Ada", each) for each in lines]
    return [each.about for each in changes_for(MIA, changes, NOW)]


@pytest.mark.parametrize(
    ("line", "about"),
    [
        ("profile mia set: category games, no-service roblox", (About.CLOSED,)),
        ("profile mia set: categories +games, services -roblox", (About.CLOSED,)),
        ("profile mia set: privacy off", (About.KEPT,)),
        ("profile mia set: full-log of 3 days", (About.KEPT,)),
        ("profile mia set: band 10-12 proposed", (About.AGE,)),
        ("profile mia set: safe_search google strict, name Mia", (About.SEARCH, About.NAME)),
        ("profile mia set: youtube strict", (About.SEARCH,)),
        ("profile mia erased: look-ups, minutes, appeals", (About.ERASED,)),
        ("rule added: block games.example for mia", (About.RULES,)),
        ("rule added: block games.example for everyone", (About.RULES,)),
        ("rule added: allow games.example for #children", (About.RULES,)),
        ("rule removed: r3", (About.RULES,)),  # nobody knows whose it was
        ("times suggested for 7-9 taken over for mia", (About.TIMES,)),
        ("device tablet added for mia", (About.DEVICES,)),
        ("household set: timezone Europe/Paris", (About.HOUSE,)),
    ],
)
def test_what_changed_is_told(line: str, about: tuple[About, ...]) -> None:
    assert told(line) == [about]


@pytest.mark.parametrize(
    "line",
    [
        "profile tom set: privacy off",
        "profile mia-2 set: privacy off",
        "profile mia added",
        "rule added: block mia.example for tom",
        "rule removed: block games.example for tom",
        "device tablet added for tom",
        "device tablet changed",
        "appeal a1 of mia: granted",
        "list error: chess.games.example",
        "account Ada made owner",
        "",
    ],
)
def test_what_is_somebody_elses_or_told_elsewhere_is_not(line: str) -> None:
    assert told(line) == []


def test_what_is_long_ago_is_told_no_more() -> None:
    line = "profile mia set: privacy off"
    assert told(line, at=int(NOW) - TOLD_FOR) == []
    assert told(line, at=int(NOW) - TOLD_FOR + 1) == [(About.KEPT,)]


def test_the_newest_is_first() -> None:
    changes = [Change(0, int(NOW) - n, "Ada", "profile mia set: privacy off") for n in (9, 1, 5)]
    assert [int(NOW) - each.at for each in changes_for(MIA, changes, NOW)] == [1, 5, 9]
