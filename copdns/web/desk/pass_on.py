"""Pass a request on to a provider's reviewers, where one of their lists blocks the site.

They get the site as the list has it, the list and a reason of a closed list; nothing of the child,
of the household or of what anybody wrote.
"""

from __future__ import annotations

from typing import NamedTuple

from aiohttp import web

from copdns.accounts.roles import Actor, Permission
from copdns.appeals.appeal import TIME_RULES, Appeal, ContestedVerdict, contest
from copdns.appeals.other_closures import find_other_closure
from copdns.lists.index import Entry, ListInfo, ListKind, find_shown
from copdns.model.errors import AppealError
from copdns.model.sentences import sentence
from copdns.model.verdict import Reason
from copdns.web.browser_input import fields_of
from copdns.web.context import context_of
from copdns.web.desk.change import say_done
from copdns.web.desk.page import household_in_force
from copdns.web.many_households.review_desk import LIST_REASONS, ListQuestion
from copdns.web.session import require
from copdns.web.time_view import time_view

_OF_THE_PROVIDER = frozenset({ListKind.CATEGORY, ListKind.BYPASS, ListKind.SECURITY})
_SET_AT_HOME = TIME_RULES | {
    *(Reason.RULE, Reason.SERVICE, Reason.CONTACT, Reason.NOT_ON_ALLOWLIST),
}


class BlockingLine(NamedTuple):
    """What reviewers can be asked about.  site: as the list has it.  text: of the line."""

    site: str
    info: ListInfo
    text: str


def is_set_at_home(request: web.Request, appeal: Appeal) -> bool:
    """Tell whether a provider's family set what a request is about, so that it alone decides."""
    at_provider = context_of(request).review_desk is not None
    return at_provider and appeal.ask.to.reason in _SET_AT_HOME


def list_line(request: web.Request, actor: Actor, appeal: Appeal) -> BlockingLine | None:
    """Return the line of a list of the provider's that has the site of a request; None where there
    is none, and where there is no provider.

    Where a time closed the site, it is the list that would close it without that.
    """
    context = context_of(request)
    if context.review_desk is None or not appeal.ask.name:
        return None
    to = _closed_by_content(request, actor, appeal)
    if to is None or to.list in context.updates.own_slugs:
        return None
    name = to.via or appeal.ask.name
    return next(
        (
            BlockingLine(_site(name, each.entry), each.info, each.text)
            for each in find_shown(context.snapshot().library.index, name)
            if each.info.slug == to.list
            and each.info.kind in _OF_THE_PROVIDER
            and not each.entry.allow
        ),
        None,
    )


def _closed_by_content(
    request: web.Request, actor: Actor, appeal: Appeal
) -> ContestedVerdict | None:
    """Return what closed a site for what it is: for a time, what closes it besides; None for
    nothing."""
    ask, context = appeal.ask, context_of(request)
    if ask.to.reason not in TIME_RULES:
        return ask.to
    household = household_in_force(request, actor)
    if household.profile(ask.profile) is None:
        return None
    view = time_view(context, household, actor)
    rest = find_other_closure(view.policy(ask.profile), ask, view.now, view.now)
    return None if rest is None else contest(rest, household.revision)


def _site(name: str, entry: Entry) -> str:
    """Return the site of a line.  What was asked for below it can be anybody's words."""
    is_a_name = name == entry.name or name.endswith(f".{entry.name}")
    return entry.name if is_a_name else name  # patterns and hashes have no site of their own


async def pass_on(request: web.Request) -> web.Response:
    """Ask the reviewers whether the list is right."""
    actor, context = await require(request, Permission.DECIDE_APPEALS), context_of(request)
    if context.review_desk is None:
        raise web.HTTPNotFound
    fields = await fields_of(request)
    found = await context.appeals.appeal(actor.household, request.match_info["appeal"])
    if found is None:
        raise AppealError("there is no request '%(appeal)s'", appeal=request.match_info["appeal"])
    line, reason = list_line(request, actor, found), str(fields.get("reason", ""))
    if line is None:
        raise AppealError("no list of your internet provider blocks this site")
    if reason not in LIST_REASONS:
        raise AppealError("choose one of the reasons on the page", name="reason")
    question = ListQuestion(found.id, actor.name, line.site, line.info.slug, line.text, reason)
    if not await context.review_desk.pass_on(actor.household, question, int(context.now())):
        raise AppealError("the reviewers have too much to do now; try again in some days")
    say_done(request, actor, sentence("your provider's reviewers look at the list now"))
    raise web.HTTPSeeOther(f"/guardian/appeals/{found.id}")
