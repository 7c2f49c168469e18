"""The age labels of games and films that stand beside our age groups.

A group shows the highest label that its youngest member has reached, or the lowest there is.
copdns reads no labels: they tell a guardian what an age group means.  The same table is in
docs/child-rights-impact.md.
"""

from __future__ import annotations

from typing import NamedTuple

from copdns.model.household import Band

# The ages that each system has a label for.
BBFC = {"U": 4, "PG": 8, "12": 12, "15": 15, "18": 18}  # films, United Kingdom
PEGI = (3, 7, 12, 16, 18)  # games, most of Europe
USK_AND_FSK = (0, 6, 12, 16, 18)  # games and films, Germany
IARC = (3, 7, 12, 16, 18)  # apps in stores of countries without a system of their own


class AgeLabels(NamedTuple):
    """Labels as they are printed, such as "7", "PG" or, for IARC, "7+"."""

    bbfc: str
    pegi: str
    usk_and_fsk: str
    iarc: str


def age_labels_of(band: Band) -> AgeLabels:
    """Return the labels that everyone in an age group has reached."""
    bbfc = _highest_label(tuple(BBFC.values()), band.age)
    return AgeLabels(
        next(label for label, age in BBFC.items() if age == bbfc),
        str(_highest_label(PEGI, band.age)),
        str(_highest_label(USK_AND_FSK, band.age)),
        f"{_highest_label(IARC, band.age)}+",
    )


def _highest_label(ages: tuple[int, ...], age: int) -> int:
    return max((each for each in ages if each <= age), default=ages[0])
