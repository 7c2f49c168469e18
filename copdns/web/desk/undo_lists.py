"""Undo what one did to a list that the household pasted, within the ten minutes of any undo."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence

from copdns.accounts.roles import Actor
from copdns.list_files.own_list_edits import history_line, require_unused
from copdns.lists.own_lists import OwnChange, OwnList
from copdns.model.errors import HouseholdError, ListError
from copdns.model.household import Household
from copdns.model.sentences import Sentence, sentence
from copdns.model.undo_prefix import UNDONE
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


def require_unused_after(
    context: AppContext, gone: Sequence[OwnChange], household: Household
) -> None:
    """Raise HouseholdError where a list that goes is no more as it was, or a household still names
    its category.  It reads files."""
    for each in gone:
        assert each.before is not None
        own, _ = each.before
        there = context.updates.own.find(own.slug)
        if there is None or (there, context.updates.own.text(own.slug)) != each.before:
            raise HouseholdError(
                "something else was changed since then, so this can no longer be undone; nothing "
                "was changed now"
            )
        require_unused(context.updates.own, household, own)


async def put_back_lists(context: AppContext, actor: Actor, changes: Sequence[OwnChange]) -> None:
    """Make changes to lists that came with a change of the household; raise HouseholdError.

    before, after: of each, as it is now and as it becomes.
    """
    for each in changes:
        back = OwnChange(each.after, each.before)
        await asyncio.to_thread(context.updates.own.take_back, back)
        own = next(pair[0] for pair in each if pair is not None)
        what = f"{UNDONE}{history_line(own, 'added')}"
        await context.store.note(actor.household, actor.name, what, int(context.now()))


def removed_sentence(own: OwnList) -> Sentence:
    """Return what holds once a list is removed."""
    return sentence("the list %(list)s was removed; it blocks nothing now", list=own.title)
