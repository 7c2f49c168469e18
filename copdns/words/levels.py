"""The three ways in which something is said to a child, by its age band."""

from __future__ import annotations

from enum import StrEnum

from copdns.model.household import Band


class Level(StrEnum):
    """How much is said.  Each is a context of the text catalogue, too."""

    PICTURES = "pictures"  # a few very short sentences, each beside a picture
    PLAIN = "plain"  # short sentences, common words
    FULL = "full"  # everything


def level_of(band: Band) -> Level:
    """Return how a band is spoken to; adults read all of it."""
    if band.age < Band.TO_12.age:
        return Level.PICTURES
    return Level.PLAIN if band is Band.TO_12 else Level.FULL
