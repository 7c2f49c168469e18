"""Age labels beside age groups: those of the impact assessment, and none too high."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from copdns.household.age_labels import BBFC, IARC, PEGI, USK_AND_FSK, AgeLabels, age_labels_of
from copdns.model.household import Band

PAGE = Path(__file__).parents[3] / "docs" / "child-rights-impact.md"


@pytest.mark.parametrize("band", Band)
def test_the_page_has_the_labels_that_the_dashboard_shows(band: Band) -> None:
    table = PAGE.read_text().partition("### Age labels")[2].partition("\n### ")[0]
    (row,) = re.findall(rf"^\| `{band}` \| (.*) \|$", table, re.MULTILINE)
    assert AgeLabels(*(cell.strip(" ¹") for cell in row.split("|"))) == age_labels_of(band)


def test_nobody_is_shown_a_label_that_the_youngest_has_not_reached() -> None:
    for band in Band:
        bbfc, *labels = age_labels_of(band)
        assert BBFC[bbfc] <= max(band.age, BBFC["U"])
        for label, ages in zip(labels, (PEGI, USK_AND_FSK, IARC), strict=True):
            assert int(label.rstrip("+")) <= max(band.age, ages[0])


def test_a_group_shows_the_highest_label_that_it_has_reached() -> None:
    assert age_labels_of(Band.TO_9) == ("U", "7", "6", "7+")
    assert age_labels_of(Band.TO_12) == ("PG", "7", "6", "7+")
    assert age_labels_of(Band.TO_15) == ("12", "12", "12", "12+")
