"""Whether an age group is still right: who said so last, and when to ask again.

No birth date is kept, so nothing tells copdns that a child grew older; after a year it asks.  Pure;
moments are seconds since the epoch, UTC.
"""

from __future__ import annotations

from typing import NamedTuple

from copdns.model.household import Profile

ASKED_AFTER = 365 * 86_400


class AgeConfirmation(NamedTuple):
    """When it was last said that somebody's age group is right.

    at: by a guardian, also by choosing it.  said: by the person since then; None for not.
    """

    at: int
    said: int | None = None


def asks_guardians(profile: Profile, confirmed: AgeConfirmation | None, now: float) -> bool:
    """Tell whether guardians are asked if an age group is still right: a year after their yes.

    confirmed: None where it is not known, as in a household that was never stored.
    """
    if confirmed is None or not profile.band_at(now).is_child:
        return False
    return now >= confirmed.at + ASKED_AFTER


def asks_person(profile: Profile, confirmed: AgeConfirmation | None, now: float) -> bool:
    """Tell whether the person is asked, too: not within a year of their own yes."""
    said = None if confirmed is None else confirmed.said
    is_recent = said is not None and now < said + ASKED_AFTER
    return asks_guardians(profile, confirmed, now) and not is_recent
