"""Circles of people and tiles of services keep their colours."""

from __future__ import annotations

from dataclasses import replace

from copdns.web.signs import COLOURS, PersonSign, person_signs, service_colour
from tests.household import MIA, TOM

FAMILY = (MIA, TOM, *(replace(MIA, id=f"p{n}", name=f"{n}") for n in range(COLOURS - 2)))


def test_nobody_shares_a_colour_while_there_are_enough() -> None:
    colours = [each.colour for each in person_signs(FAMILY).values()]
    assert sorted(colours) == list(range(1, COLOURS + 1))


def test_with_more_people_than_colours_they_are_shared_evenly() -> None:
    colours = [each.colour for each in person_signs((*FAMILY, replace(MIA, id="last"))).values()]
    assert sorted(map(colours.count, range(1, COLOURS + 1))) == [1] * (COLOURS - 1) + [2]


def test_who_joins_changes_the_colour_of_nobody() -> None:
    before = person_signs(FAMILY[:3])
    after = person_signs(FAMILY)
    assert {name: after[name].colour for name in before} == {
        name: each.colour for name, each in before.items()
    }


def test_a_new_name_or_age_keeps_the_colour() -> None:
    renamed = replace(MIA, name="Amelia")
    assert person_signs([renamed])["mia"].colour == person_signs([MIA])["mia"].colour
    assert person_signs([renamed])["mia"].letters == "A"


def test_two_people_who_begin_alike_have_two_letters() -> None:
    signs = person_signs([MIA, replace(MIA, id="max", name="max"), TOM])
    assert [each.letters for each in signs.values()] == ["Mi", "Ma", "T"]


def test_a_name_without_letters_has_a_sign_too() -> None:
    signs = person_signs([replace(MIA, name="😀"), replace(TOM, name="مريم")])
    assert [each.letters for each in signs.values()] == ["?", "م"]


def test_somebody_who_was_removed_has_a_sign_without_a_colour() -> None:
    assert person_signs([TOM])["mia"] == PersonSign("M", 0)


def test_colours_stay_the_same_from_version_to_version() -> None:
    """A family knows them by now."""
    assert person_signs([MIA, TOM]) == {"mia": PersonSign("M", 2), "tom": PersonSign("T", 3)}
    assert [service_colour(each) for each in ("youtube", "roblox")] == [2, 3]
