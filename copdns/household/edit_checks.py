"""What all changes to a household have in common: find what is meant, refuse what cannot be."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator
from dataclasses import replace
from typing import Any, Protocol, TypeVar
from unicodedata import normalize

from copdns.household.check import KnownIds, unknown_references, violations
from copdns.model.errors import HouseholdError
from copdns.model.household import SIGNS_END_AT, Household, Profile
from copdns.model.violations import Violation, no_such, sentence_of

Value = TypeVar("Value")


class HasId(Protocol):
    """A value of a household that has an id."""

    @property
    def id(self) -> str: ...


def validate(household: Household) -> Household:
    """Return the household when nothing is wrong with it; raise HouseholdError."""
    wrong = list(violations(household))
    if wrong:
        raise _edit_error(wrong)
    return household


def validate_references(household: Household, part: str, key: str, known: KnownIds) -> Household:
    """Return the household when it is sound and one of its parts refers to what there is.

    part, key: as of a `Violation`.
    """
    wrong = [
        each
        for each in unknown_references(household, known)
        if (each.part, each.key) == (part, key)
    ]
    if wrong:
        raise _edit_error(wrong)
    return validate(household)


def _edit_error(wrong: list[Violation]) -> HouseholdError:
    """Return the error; forms call their fields as the household does, where they have them."""
    first = wrong[0]
    return HouseholdError(*(each.sentence for each in wrong), name=first.field or first.part)


def require_profile(household: Household, profile_id: str) -> Profile:
    """Return the profile; raise HouseholdError when there is none of this id."""
    profile = household.profile(profile_id)
    if profile is None:
        people = [each.id for each in household.profiles]
        raise HouseholdError(no_such("profile", profile_id, people))
    return profile


def without_orphans(household: Household) -> Household:
    """Return the household without what runs for people, or adds to budgets, that are gone."""
    people = {each.id for each in household.profiles}
    budgets = {each.id for each in household.budgets}
    return replace(
        household,
        pauses=tuple(each for each in household.pauses if each.profile in people),
        grants=tuple(each for each in household.grants if each.profile in people),
        moved_bedtimes=tuple(each for each in household.moved_bedtimes if each.profile in people),
        filter_breaks=tuple(each for each in household.filter_breaks if each.profile in people),
        bonuses=tuple(
            each for each in household.bonuses if each.profile in people and each.budget in budgets
        ),
        tickets=tuple(
            each for each in household.tickets if {each.profile, each.redeemed_by} <= {"", *people}
        ),
    )


def remove_one(
    values: tuple[Value, ...], attribute: str, wanted: object, noun: str
) -> tuple[Value, ...]:
    """Return the values but the one whose attribute is as wanted; raise when there is none."""
    rest = tuple(each for each in values if getattr(each, attribute) != wanted)
    if len(rest) == len(values):
        there = [str(getattr(each, attribute)) for each in values]
        raise HouseholdError(no_such(noun, str(wanted), there))
    return rest


def free_id(letter: str, values: Iterable[HasId]) -> str:
    """Return "r1", "r2" ..., one above the highest number in use, so that none comes back soon."""
    numbers = [0]
    for value in values:
        digits = value.id.removeprefix(letter)
        if value.id.startswith(letter) and digits.isascii() and digits.isdigit():
            numbers.append(int(digits))
    return f"{letter}{max(numbers) + 1}"


def free_slug(name: str, taken: Iterable[str], usual: str) -> str:
    """Return an id that reads like a name: "Mia's tablet" gives "mia-s-tablet".

    usual: for a name without a Latin letter; a number is added to one that is taken.
    """
    plain = normalize("NFKD", name).encode("ascii", "ignore").decode().lower()
    first = "-".join(re.findall("[a-z0-9]+", plain))[:40].strip("-") or usual
    there, number, found = set(taken), 1, first
    while found in there:
        number += 1
        found = f"{first}-{number}"
    return found


def free_public_slug(title: str, taken: Iterable[str], usual: str, household: Household) -> str:
    """Return an id as `free_slug` does, for what answers name: one without a title that names a
    person, a device or the household.  usual: for such a title too."""
    names = "|".join(re.escape(each) for each in private_names(household) if each)
    is_private = re.search(rf"(?<!\w)(?:{names})s?(?!\w)", title, re.IGNORECASE) if names else None
    return free_slug("" if is_private else title, taken, usual)


def private_names(household: Household) -> Iterator[str]:
    """Yield what no answer may say: names and ids of people and devices, and the household's name.

    A name may be "".
    """
    yield household.name
    for person in household.profiles:
        yield from (person.id, person.name)
    for device in household.devices:
        yield from (device.id, device.name)


def check_fields(values: dict[str, Any], allowed: set[str], noun: str) -> None:
    """Raise HouseholdError for a field that cannot be set."""
    for key in values:
        if key not in allowed:
            raise HouseholdError(no_such(f"field of a {noun}", key, allowed))


def parse_field(parse: Callable[[str], Value], text: str) -> Value:
    """Return what a text means, or raise the parser's word as a HouseholdError."""
    try:
        return parse(text)
    except ValueError as error:
        raise HouseholdError(sentence_of(error)) from None


def without_idle_signs(profile: Profile, *, asked: bool) -> Profile:
    """Return the profile without signs of bypass where nobody could notice any; raise
    HouseholdError where they were asked for all the same."""
    if not profile.bypass_signs:
        return profile
    if asked and profile.band.age >= SIGNS_END_AT:
        raise HouseholdError(
            "from 16 on, nobody looks for signs that a device does not use the filter",
            name="bypass_signs",
        )
    if asked and not profile.bypass:
        raise HouseholdError(
            "ways to get around the filter are allowed here, so there is nothing to notice; block "
            "them first",
            name="bypass_signs",
        )
    is_idle = profile.band.age >= SIGNS_END_AT or not profile.bypass
    return replace(profile, bypass_signs=False) if is_idle else profile
