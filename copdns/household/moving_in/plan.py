"""What a file of another program becomes here: the household after it, and what is told, line by
line.

A plan is a preview: nothing is stored before somebody says yes.  What the household would refuse is
told with its reason, and raises no error.  New people get the age group that somebody chooses, or
`adult`, which blocks nothing beyond what comes over.  Pure.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import replace
from typing import NamedTuple

from copdns.household.edit_checks import validate
from copdns.household.moving_in.draft import (
    MOST_DEVICES,
    MOST_LISTS,
    MOST_NAMES,
    MOST_PEOPLE,
    EntryOutcome,
    PlanDraft,
    PlannedList,
    PlannedPerson,
    Result,
    Surroundings,
)
from copdns.household.moving_in.plan_lists import plan_lines, plan_lists, settings_text
from copdns.household.moving_in.plan_names import plan_names
from copdns.household.moving_in.plan_people import plan_devices, plan_people, plan_settings
from copdns.household.moving_in.plan_rules import plan_rules
from copdns.household.moving_in.wishes import (
    DeviceWish,
    FoundSettings,
    ListWish,
    LocalWish,
    NoWish,
    PersonWish,
    Product,
    RewriteWish,
    UpstreamsWish,
)
from copdns.model.errors import HouseholdError, MoveInError
from copdns.model.household import Household

MOVED_IN = "moved in from "  # begins the line of the history


class Plan(NamedTuple):
    """What comes over.

    before: the household that it was made for.  household: as it becomes, without the categories
    of `lists`.  outcomes: in the order of the file's parts.  lists: to be pasted.
    settings: YAML that somebody has to add to the settings; "" for none.
    """

    product: Product
    before: Household
    household: Household
    outcomes: tuple[EntryOutcome, ...]
    people: tuple[PlannedPerson, ...]
    lists: tuple[PlannedList, ...]
    settings: str

    def count_results(self) -> dict[Result, int]:
        """Return how many entries come over, partly, are there already, and are left."""
        counts = Counter(each.result for each in self.outcomes)
        return {each: counts[each] for each in Result}

    @property
    def is_empty(self) -> bool:
        """Tell whether nothing would change here."""
        return not any(each.result is Result.TAKEN for each in self.outcomes)

    @property
    def history_line(self) -> str:
        """The line of the history."""
        return f"{MOVED_IN}{self.product}"


def make_plan(found: FoundSettings, around: Surroundings) -> Plan:
    """Return what a file becomes.

    Raises HouseholdError where no plan can be made of it; MoveInError where it has more than comes
    over at once, before anything is planned.
    """
    _check_size(found)
    draft = PlanDraft(around, around.household)
    plan_people(draft, found.entries)
    plan_settings(draft, found)
    wanted = plan_lists(draft, found.entries)
    plan_devices(draft, found.entries)
    lines = plan_rules(draft, found.entries)
    plan_names(draft, found.entries)
    plan_lines(draft, found, lines)
    for each in found.entries:
        if isinstance(each.wish, NoWish):
            draft.tell(each, Result.LEFT, each.wish.why)
    return Plan(
        found.product,
        around.household,
        validate(draft.household),
        tuple(draft.outcomes[id(each)] for each in found.entries if id(each) in draft.outcomes),
        tuple(draft.planned),
        tuple(draft.lists),
        settings_text(wanted),
    )


def _check_size(found: FoundSettings) -> None:
    counts = Counter(type(each.wish) for each in found.entries)
    names = counts[LocalWish] + counts[RewriteWish] + counts[UpstreamsWish]
    if (
        counts[PersonWish] > MOST_PEOPLE
        or counts[DeviceWish] > MOST_DEVICES
        or counts[ListWish] > MOST_LISTS
        or names > MOST_NAMES
    ):
        raise MoveInError(
            "at most %(people)s people or groups, %(devices)s devices, %(lists)s lists and "
            "%(names)s names of your own come over from one file, and this one has more; take some "
            "out of it first",
            name="file",
            people=MOST_PEOPLE,
            devices=MOST_DEVICES,
            lists=MOST_LISTS,
            names=MOST_NAMES,
        )


def store_plan(before: Household, plan: Plan, slugs: Sequence[str]) -> Household:
    """Return the household with what came over.

    slugs: of the lists that were pasted, in the order of `plan.lists`; each is the slug of a
    category of its own too.  Raises HouseholdError where the household is another one by now.
    """
    if replace(before, revision=plan.before.revision) != plan.before:
        raise HouseholdError(
            "something else was changed here meanwhile; look at the preview again", name="file"
        )
    added: dict[str, set[str]] = {}
    for slug, planned in zip(slugs, plan.lists, strict=True):
        for person in planned.people:
            added.setdefault(person, set()).add(slug)
    profiles = (
        replace(each, categories=each.categories | added.get(each.id, set()))
        for each in plan.household.profiles
    )
    return replace(plan.household, profiles=tuple(profiles), revision=before.revision)
