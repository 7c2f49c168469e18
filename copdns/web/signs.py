"""Give each person a circle, and each service a tile: colours that stay, and letters.  Pure.

A colour is told by the number of a class of the style sheet, since no page has inline style
(docs/style-of-pages.md).
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from hashlib import blake2b
from typing import NamedTuple

from copdns.model.household import Profile

COLOURS = 8  # .k1 to .k8 for people, .t1 to .t8 for services


class PersonSign(NamedTuple):
    """The circle of a person.  letters: one, or two where two people begin alike.  colour: 1 to
    COLOURS."""

    letters: str
    colour: int


class Signs(dict[str, PersonSign]):
    """The circles of people by the ids of their profiles.

    For an id that is not among them, such as that of somebody who was removed, there is one without
    a colour (number 0).
    """

    def __missing__(self, profile: str) -> PersonSign:
        return PersonSign(_letters(profile, 1), 0)


def person_signs(profiles: Iterable[Profile]) -> Signs:
    """Return the circle of each person of a household.

    profiles: in the order in which they came into the household.  The id says which colour
    somebody would have; who came later gives way, to the next that is free.  So nobody who joins
    changes the colour of another, nor does a new name.  With more than COLOURS people some share.
    """
    people = tuple(profiles)
    begin = Counter(_letters(each.name, 1) for each in people)
    taken: Counter[int] = Counter()
    signs = Signs()
    for each in people:
        wanted = _number(each.id)
        order = (*range(wanted, COLOURS), *range(wanted))
        colour = min(order, key=lambda number: taken[number])
        taken[colour] += 1
        letters = _letters(each.name, 1)
        signs[each.id] = PersonSign(
            _letters(each.name, 2) if begin[letters] > 1 else letters, colour + 1
        )
    return signs


def service_colour(slug: str) -> int:
    """Return the number of the colour of a service's tile, 1 to COLOURS; it means nothing."""
    return _number(slug) + 1


def _number(text: str) -> int:
    """Return a number below COLOURS that is the same for a text in every process."""
    return blake2b(text.encode(), digest_size=1, person=b"arch").digest()[0] % COLOURS


def _letters(name: str, count: int) -> str:
    """Return the first letters of a name, the first one as a capital; "?" for a name without."""
    letters = "".join(each for each in name if each.isalnum())[:count]
    return letters[:1].upper() + letters[1:] if letters else "?"
