"""Plan what a file of another program becomes here, and keep the lists that come with it."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from functools import partial

from copdns.household.moving_in.draft import PlannedList, Surroundings
from copdns.household.moving_in.plan import Plan, make_plan
from copdns.household.moving_in.wishes import FoundSettings
from copdns.list_files.own_list_edits import (
    Wanted,
    history_line,
    judge_lines,
    keep_list,
    remove_list,
)
from copdns.list_files.own_lists import OwnLists
from copdns.lists.catalogue import Catalogue
from copdns.lists.own_lists import OwnChange, OwnList
from copdns.model.errors import CopdnsError, HouseholdError, ListError
from copdns.model.household import Band, Household
from copdns.web.context import AppContext
from copdns.words.download_warnings import failure


async def plan_for(
    context: AppContext, household: Household, found: FoundSettings, ages: Mapping[str, Band]
) -> Plan:
    """Return what a file becomes in a household as stored; raise HouseholdError.

    ages: the age groups of new people, by id.
    """
    lists, known, now = context.updates.own, context.known_ids(), int(context.now())
    is_shared = context.is_shared

    def make() -> Plan:
        texts = tuple(lists.text(each.slug) for each in lists.all()) if not is_shared else ()
        judge = partial(judge_lines, lists)
        sources = context.updates.available.sources
        return make_plan(
            found,
            Surroundings(household, known, sources, texts, judge, now, dict(ages), is_shared),
        )

    try:
        return await asyncio.to_thread(make)
    except ListError as error:
        raise HouseholdError(failure(str(error)), name="file") from error


@asynccontextmanager
async def keep_lists(
    context: AppContext, household: Household, author: str, plan: Plan
) -> AsyncIterator[tuple[OwnChange, ...]]:
    """Keep the lists of a plan while its change is stored; remove them where that is refused.

    author: for the history, which gets a line of each list at the end.  Raises HouseholdError.
    """
    lists, library, now = context.updates.own, context.snapshot().library, int(context.now())
    kept = await asyncio.to_thread(_keep_all, lists, library, household, plan.lists, now)
    try:
        yield tuple(OwnChange(None, (own, lists.text(own.slug))) for own in kept)
    except CopdnsError:
        await asyncio.to_thread(_remove_all, lists, household, kept)
        raise
    for own in kept:
        await context.store.note(household.id, author, history_line(own, "added"), now)


def _keep_all(
    lists: OwnLists,
    library: Catalogue,
    household: Household,
    wanted: Sequence[PlannedList],
    now: int,
) -> list[OwnList]:
    kept: list[OwnList] = []
    try:
        for each in wanted:
            taken = [own.slug for own in (*kept, *lists.all())]
            pasted = Wanted(each.title, "", each.text, "adblock", is_exact=True)
            kept.append(keep_list(lists, pasted, library, household, now, taken=taken).own)
    except CopdnsError as error:
        _remove_all(lists, household, kept)
        if isinstance(error, ListError):
            raise HouseholdError(failure(str(error))) from error
        raise
    return kept


def _remove_all(lists: OwnLists, household: Household, kept: Sequence[OwnList]) -> None:
    for own in kept:
        remove_list(lists, household, own)


def slugs_of(kept: Sequence[OwnChange]) -> tuple[str, ...]:
    """Return the slugs of lists that were kept."""
    return tuple(each.after[0].slug for each in kept if each.after is not None)
