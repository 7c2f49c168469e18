"""What a guardian decides about lists, on the dashboard or through the API: about versions of
those that are fetched, about those that the household pasted, and about newer facts."""

from __future__ import annotations

import asyncio
from functools import partial

from copdns.list_files.log_only_lists import require_countable, trial_line
from copdns.list_files.own_list_edits import Kept, Wanted, history_line, keep_list, remove_list
from copdns.list_files.versions import Versions
from copdns.lists.download import CopyState
from copdns.lists.facts import FactsChoice, FactsState, facts_choice_line
from copdns.lists.own_lists import OwnList
from copdns.lists.version_book import VersionChoice, choice_line
from copdns.model.errors import FactsError, FetchError, HouseholdError, ListError
from copdns.model.household import Household
from copdns.web.context import AppContext
from copdns.words.download_warnings import failure

_UNSEEN = "unseen"  # the id of no version: whoever decides about one has looked at it


async def decide_version(
    context: AppContext, household: str, author: str, choice: VersionChoice, slug: str, version: str
) -> CopyState:
    """Do what somebody decided about a version, and return the state of the one in force.

    household, author: for the history, where a second tap on a button writes no second line.
    version: the one that was looked at; to go back also "", the one before.

    Raises HouseholdError.
    """
    now = context.now()
    if not version and choice is not VersionChoice.ROLL_BACK:
        version = _UNSEEN

    def act(versions: Versions) -> tuple[CopyState, bool]:
        """Return the state in force, and whether it was decided before."""
        before = versions.state_if_decided(choice, slug, version) if version else None
        if before is not None:
            return before, True
        return _act(versions, choice, slug, version, now), False

    try:
        state, was_decided = await context.updates.decide(act)
    except FetchError as error:
        raise HouseholdError(failure(str(error))) from error
    if not was_decided:
        await context.store.note(household, author, choice_line(slug, choice, state), int(now))
    return state


def _act(
    versions: Versions, choice: VersionChoice, slug: str, version: str, now: float
) -> CopyState:
    match choice:
        case VersionChoice.ACCEPT:
            return versions.accept(slug, version)
        case VersionChoice.REFUSE:
            return versions.refuse(slug, version)
        case VersionChoice.ROLL_BACK:
            return versions.roll_back(slug, now, version)


async def decide_facts(
    context: AppContext, household: str, author: str, choice: FactsChoice, version: str
) -> FactsState:
    """Do what somebody decided about the facts, and return the state.

    version: of what was looked at; to go back, the digest of earlier ones, "" for those before.
    The others are as of `decide_version`.  Raises HouseholdError.
    """
    now, store = context.now(), context.facts_updates.store
    try:
        match choice:
            case FactsChoice.ACCEPT:
                act = partial(store.accept, version or _UNSEEN)
            case FactsChoice.KEEP:
                act = partial(store.keep, version or _UNSEEN)
            case FactsChoice.ROLL_BACK:
                act = partial(store.roll_back, now, version or None)
        state = await asyncio.to_thread(act)
    except FetchError as error:
        raise HouseholdError(failure(str(error))) from error
    except FactsError as error:
        raise HouseholdError(
            "the newer version is damaged on disk; it is made again when it is downloaded again"
        ) from error
    await context.facts_updates.refresh()
    await context.store.note(household, author, facts_choice_line(choice, state), int(now))
    return state


async def set_trial(
    context: AppContext, household: str, author: str, slug: str, days: int
) -> float | None:
    """Let a list only count for some days from now on, or block now (0); return until when it
    only counts.

    household, author: for the history.  Raises HouseholdError.
    """
    now, statuses = context.now(), context.snapshot().library.statuses
    require_countable(next((e.info for e in statuses if e.info.slug == slug), None), slug)
    try:
        await context.updates.set_days(slug, days, now)
    except FetchError as error:
        raise HouseholdError(failure(str(error))) from error
    await context.store.note(household, author, trial_line(slug, days), int(now))
    return context.updates.log_only.until(slug, now)


# --- lists that the household pasted --------------------------------------------------------------


async def find_own(context: AppContext, slug: str) -> tuple[OwnList, str] | None:
    """Return a list that was pasted, and its text; None where there is none of this slug.

    Raises HouseholdError where the lists cannot be read.
    """

    def read() -> tuple[OwnList, str] | None:
        own = context.updates.own.find(slug)
        return (own, context.updates.own.text(slug)) if own else None

    try:
        return await asyncio.to_thread(read)
    except ListError as error:
        raise HouseholdError(failure(str(error))) from error


async def all_own(context: AppContext) -> tuple[OwnList, ...]:
    """Return the lists that were pasted, by title; raise HouseholdError for a damaged book."""
    try:
        return await asyncio.to_thread(context.updates.own.all)
    except ListError as error:
        raise HouseholdError(failure(str(error))) from error


async def keep_own(
    context: AppContext,
    household: Household,
    author: str,
    wanted: Wanted,
    before: OwnList | None = None,
) -> Kept:
    """Keep a list that somebody pasted; return it with what became of each line.

    author: for the history.  before: the one whose place it takes.  Raises HouseholdError.
    """
    now, library = int(context.now()), context.snapshot().library
    try:
        kept = await asyncio.to_thread(
            keep_list, context.updates.own, wanted, library, household, now, before
        )
    except ListError as error:
        raise HouseholdError(failure(str(error)), name="text") from error
    line = history_line(kept.own, "changed" if before else "added")
    await context.store.note(household.id, author, line, now)
    return kept


async def remove_own(context: AppContext, household: Household, author: str, own: OwnList) -> None:
    """Remove a list; raise HouseholdError while something names its category.  author: for the
    history."""
    await asyncio.to_thread(remove_list, context.updates.own, household, own)
    await context.store.note(household.id, author, history_line(own, "removed"), int(context.now()))
