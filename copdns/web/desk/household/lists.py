"""The blocklists: their subject, maintainer and age, what they block, and how much of it
wrongly."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator, Mapping
from typing import NamedTuple

from aiohttp import web

from copdns.accounts.roles import Actor, Permission, may
from copdns.appeals.list_errors import WrongEntry
from copdns.list_files import audit_results
from copdns.list_files.audit_results import AuditResults
from copdns.list_files.copies import NOT_HERE
from copdns.list_files.load import measured_scores
from copdns.list_files.updates import OWN_LISTS_DAMAGED, ListUpdater
from copdns.lists.download import CopyState
from copdns.lists.index import ListInfo, ListKind
from copdns.lists.log_only_book import COUNTING_KINDS, OFFERED_DAYS
from copdns.lists.parse import SkipReason
from copdns.lists.shapes import MeasuredListShape
from copdns.lists.small_index import HeldEntry, ListStatus
from copdns.lists.version_book import HeldVersion, VersionChoice, version_id
from copdns.model.errors import HouseholdError
from copdns.model.sentences import Sentence, sentence
from copdns.privacy.list_counts import ListCountKey, trial_count, week_start
from copdns.privacy.list_scores import WeekScore, score_lists
from copdns.web.browser_input import fields_of
from copdns.web.context import AppContext, context_of
from copdns.web.desk.change import say_done
from copdns.web.desk.page import household_in_force
from copdns.web.list_versions import all_own, decide_version, set_trial
from copdns.web.session import require
from copdns.web.wording import desk_wording
from copdns.words.download_warnings import failure
from copdns.words.warnings import trouble

HERE = "/guardian/lists"
# Kinds that people choose; others are listed in short.
_KINDS_SHOWN = frozenset({ListKind.SECURITY, ListKind.CATEGORY, ListKind.BYPASS, ListKind.LEGAL})

_HELD_REASONS = (SkipReason.INFRASTRUCTURE, SkipReason.MISTAKE)

# Texts of the lists that ship, marked for translation.
OURS = (
    sentence("Ways to get around the filter"),
    sentence("the people who make copdns"),
)


class ListRow(NamedTuple):
    """A list as the page shows it.

    error: why it is not in force or could not be fetched; None without an error.  age: seconds
    since its server confirmed the copy as current; None where the list is not fetched.  unused:
    entries that are not used.  held: the first that the gate left out, of held_count.  caught: rows
    of the query log that it blocked.  percent: of names that should be allowed, how many it blocks;
    None where nobody measured it.  waiting: a newer version that is held.  earlier: versions that
    one can go back to, the newest first.  trial_until: until when it only counts, in seconds since
    the epoch; None where it blocks.  would_block: queries that it would have blocked; None where
    too few people had a part in that.  can_try: it may be put on trial.  weeks: how it did, the
    newest first.  measured: how it did when it was measured for copdns.
    """

    info: ListInfo
    is_here: bool
    error: Sentence | None
    age: float | None
    unused: int
    held: tuple[HeldEntry, ...]
    held_count: int
    caught: int
    percent: float | None
    waiting: HeldVersion | None
    earlier: tuple[CopyState, ...]
    trial_until: float | None
    would_block: int | None
    can_try: bool
    weeks: tuple[WeekScore, ...]
    measured: MeasuredListShape | None

    def as_anothers(self) -> ListRow:
        """Return the row for readers who do not look after the list: without what waits."""
        return self._replace(waiting=None, earlier=())


async def lists(request: web.Request) -> web.Response:
    """Show every list."""
    actor, context = await require(request, Permission.SEE_STATUS), context_of(request)
    household = household_in_force(request, actor)
    sees_log = may(actor, Permission.SEE_LOG)
    caught = await asyncio.to_thread(context.log.rows_by_list, household.id) if sees_log else {}
    found = await asyncio.to_thread(audit_results.load_results, context.folder)
    statuses, updates = context.snapshot().library.statuses, context.updates
    slugs = [each.slug for each in updates.chosen_lists.sources]
    earlier = await asyncio.to_thread(lambda: {e: updates.versions.earlier(e) for e in slugs})
    counts = await asyncio.to_thread(context.log.list_counts, household.id, 0)
    try:
        sees_own = may(actor, Permission.SEE_PROFILES) and not context.is_shared
        own = await all_own(context) if sees_own else ()
    except HouseholdError:  # the others are shown all the same
        own = None
    measured = (await asyncio.to_thread(measured_scores)).lists
    shown = [each for each in statuses if each.info.kind in _KINDS_SHOWN]
    rows = _list_rows(shown, updates, earlier, caught, found, counts, measured, context.now())
    is_ours = not context.is_shared
    return context.pages.render(
        request,
        "desk/lists.html",
        actor=actor,
        lists=tuple(each if is_ours else each.as_anothers() for each in rows),
        own=own,
        own_slugs=context.updates.own_slugs,
        own_damaged=trouble(OWN_LISTS_DAMAGED),
        others=[each.info for each in statuses if each.info.kind not in _KINDS_SHOWN],
        errors=await _list_errors(context, actor),
        chosen=context.updates.chosen_lists,
        missing=context.updates.missing_text and trouble(context.updates.missing_text),
        asked=context.updates.is_fetch_requested,
        audited=found,
        sees_log=sees_log,
        sees_rules=may(actor, Permission.SEE_PROFILES),
        is_ours=is_ours,
        may_update=is_ours and may(actor, Permission.EDIT_HOUSEHOLD),
        version_id=version_id,
        week_start=week_start,
        say=desk_wording(request, household),
        zone=household.timezone,
    )


async def _list_errors(context: AppContext, actor: Actor) -> tuple[WrongEntry, ...] | None:
    """Return the false positives; None for a reader who may not know which sites somebody asked
    for."""
    if not may(actor, Permission.SEE_APPEALS):
        return None
    return await context.appeals.list_errors(actor.household)


async def update(request: web.Request) -> web.Response:
    """Look for newer copies; it begins within seconds, and at most once a minute."""
    actor = await require(request, Permission.EDIT_HOUSEHOLD)
    context_of(request).updates.request_fetch()
    say_done(request, actor, sentence("newer lists are looked for now; until then these apply"))
    raise web.HTTPSeeOther(HERE)


async def accept(request: web.Request) -> web.Response:
    """Put the version in force that is held."""
    await _decide(
        request,
        VersionChoice.ACCEPT,
        sentence("the new version of the list is used now; you can go back to the one before"),
    )
    raise web.HTTPSeeOther(HERE)


async def refuse(request: web.Request) -> web.Response:
    """Leave the version in force."""
    await _decide(
        request,
        VersionChoice.REFUSE,
        sentence("the new version of the list is not used; the one before stays in use"),
    )
    raise web.HTTPSeeOther(HERE)


async def rollback(request: web.Request) -> web.Response:
    """Go back to an earlier version."""
    await _decide(
        request,
        VersionChoice.ROLL_BACK,
        sentence("the earlier version of the list is used now; newer ones wait for your decision"),
    )
    raise web.HTTPSeeOther(HERE)


async def trial(request: web.Request) -> web.Response:
    """Let a list only count for some days, or block now."""
    actor, context = await require(request, Permission.EDIT_HOUSEHOLD), context_of(request)
    fields = await fields_of(request)
    slug, days = str(fields.get("list", "")), str(fields.get("days", ""))
    if days not in ("0", str(OFFERED_DAYS)):
        raise HouseholdError("a list can be on trial for three days, or block now")
    await set_trial(context, actor.household, actor.name, slug, int(days))
    say_done(
        request,
        actor,
        sentence("the list is on trial for three days; until then it blocks nothing")
        if int(days)
        else sentence("the list blocks now"),
    )
    raise web.HTTPSeeOther(HERE)


async def _decide(request: web.Request, choice: VersionChoice, said: Sentence) -> None:
    actor, context = await require(request, Permission.EDIT_HOUSEHOLD), context_of(request)
    fields = await fields_of(request)
    slug, version = str(fields.get("list", "")), str(fields.get("version", ""))
    if not version or slug not in (each.slug for each in context.updates.chosen_lists.sources):
        raise HouseholdError("this list is not downloaded, so it has no other versions")
    await decide_version(context, actor.household, actor.name, choice, slug, version)
    say_done(request, actor, said)


def _list_rows(
    statuses: list[ListStatus],
    updates: ListUpdater,
    earlier: Mapping[str, tuple[CopyState, ...]],
    caught: Mapping[str, int],
    found: AuditResults | None,
    counts: Mapping[ListCountKey, int],
    measured: Mapping[str, MeasuredListShape],
    now: float,
) -> Iterator[ListRow]:
    weeks = {each.list: each.weeks for each in score_lists(statuses, counts)}
    for each in statuses:
        slug = each.info.slug
        state: CopyState = updates.copy_state(slug)
        why = state.error or ("" if each.error == NOT_HERE else each.error)
        yield ListRow(
            each.info,
            not each.error,
            failure(why) if why else None,
            state.age(now),
            sum(each.unused.values()),
            each.held,
            sum(each.unused.get(reason, 0) for reason in _HELD_REASONS),
            caught.get(slug, 0),
            found.percent(slug) if found else None,
            updates.held_versions.get(slug),
            earlier.get(slug, ()),
            updates.log_only.until(slug, now),
            _would_block(updates, counts, slug),
            each.info.kind in COUNTING_KINDS,
            weeks.get(slug, ()),
            measured.get(slug),
        )


def _would_block(updates: ListUpdater, counts: Mapping[ListCountKey, int], slug: str) -> int | None:
    found = updates.log_only.book.get(slug)
    return None if found is None else trial_count(counts, slug, found.since)
