"""The lists: what each is about, who keeps it and where its mistakes are told, how old it is, what
it catches, and how much it closes wrongly."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator, Mapping
from typing import NamedTuple

from aiohttp import web

from copdns.accounts.roles import Permission, may
from copdns.list_files import audit_results
from copdns.list_files.audit_results import AuditResults
from copdns.list_files.copies import NOT_HERE
from copdns.list_files.updates import ListUpdater
from copdns.lists.download import CopyState
from copdns.lists.index import ListInfo, ListKind
from copdns.lists.small_index import ListStatus
from copdns.model.sentences import Sentence, sentence
from copdns.web.context import context_of
from copdns.web.desk.page import house_of
from copdns.web.session import require
from copdns.web.wording import desk_saying
from copdns.words.download_warnings import failure
from copdns.words.warnings import trouble

HERE = "/guardian/lists"
# What people choose; services, protected groups and signals are shown in short.
_SHOWN = frozenset({ListKind.SECURITY, ListKind.CATEGORY, ListKind.BYPASS, ListKind.LEGAL})


# What lists that ship say of themselves.
OURS = (
    sentence("VPNs, proxies and other ways around the rules"),
    sentence("copdns's issue tracker"),
)


class Listed(NamedTuple):
    """A list as it is shown.

    error: why it is not in force, or could not be fetched; None where all is well.  age: seconds
    since its server said last that this is the newest; None for one that is not fetched.
    caught: rows of the log; percent: of names that should be open, None where nobody looked.
    """

    info: ListInfo
    is_here: bool
    error: Sentence | None
    age: float | None
    unused: int
    caught: int
    percent: float | None


async def lists(request: web.Request) -> web.Response:
    """Every list, with what is known of it."""
    actor, parts = await require(request, Permission.SEE_STATUS), context_of(request)
    household = house_of(request, actor)
    caught = await asyncio.to_thread(parts.log.caught, household.id)
    found = await asyncio.to_thread(audit_results.load_results, parts.folder)
    statuses = parts.live().library.statuses
    shown = [each for each in statuses if each.info.kind in _SHOWN]
    return parts.pages.render(
        request,
        "desk/lists.html",
        actor=actor,
        lists=tuple(_listed(shown, parts.updates, caught, found, parts.now())),
        others=[each.info for each in statuses if each.info.kind not in _SHOWN],
        errors=await parts.appeals.list_errors(household.id),
        chosen=parts.updates.chosen,
        missing=parts.updates.missing and trouble(parts.updates.missing),
        asked=parts.updates.is_asked,
        audited=found,
        may_update=may(actor, Permission.EDIT_HOUSEHOLD),
        say=desk_saying(request, household),
        zone=household.timezone,
    )


async def update(request: web.Request) -> web.Response:
    """Look for newer copies now; it begins within seconds, and is asked once a minute at most."""
    await require(request, Permission.EDIT_HOUSEHOLD)
    context_of(request).updates.request_fetch()
    raise web.HTTPSeeOther(HERE)


def _listed(
    statuses: list[ListStatus],
    updates: ListUpdater,
    caught: Mapping[str, int],
    found: AuditResults | None,
    now: float,
) -> Iterator[Listed]:
    for each in statuses:
        slug = each.info.slug
        state: CopyState = updates.state(slug)
        why = state.error or ("" if each.error == NOT_HERE else each.error)
        yield Listed(
            each.info,
            not each.error,
            failure(why) if why else None,
            state.age(now),
            sum(each.unused.values()),
            caught.get(slug, 0),
            found.percent(slug) if found else None,
        )
