"""Undo what one did to a list that the household pasted, within the ten minutes of any undo."""

from __future__ import annotations

import asyncio

from copdns.list_files.own_lists import require_unused
from copdns.lists.own_lists import OwnChange, OwnList
from copdns.model.errors import HouseholdError, ListError
from copdns.model.household import Household
from copdns.model.sentences import Sentence, sentence
from copdns.web.context import AppContext
from copdns.words.download_warnings import failure


async def undo_own(
    context: AppContext, household: Household, author: str, own: OwnChange, what: str
) -> None:
    """Put a list back as it was before a change.  author, what: for the history.

    Raises HouseholdError where somebody changed it since, or something names its category.
    """

    def put_back() -> None:
        lists = context.updates.own
        if own.after is not None and (
            own.before is None or own.before[0].category != own.after[0].category
        ):
            require_unused(lists, household, own.after[0])
        lists.take_back(own)

    try:
        await asyncio.to_thread(put_back)
    except ListError as error:
        raise HouseholdError(failure(str(error))) from error
    await context.store.note(household.id, author, what, int(context.now()))


def removed_sentence(own: OwnList) -> Sentence:
    """Return what holds once a list is removed."""
    return sentence("the list %(list)s was removed; it blocks nothing now", list=own.title)
