"""Pass a request on to a provider's reviewers, where one of their lists blocks the site.

They get the site as the list has it, the list and a reason of a closed list; nothing of the child,
of the household or of what anybody wrote.
"""

from __future__ import annotations

from aiohttp import web

from copdns.accounts.roles import Permission
from copdns.appeals.appeal import Appeal
from copdns.lists.index import Entry, ListKind, find_shown
from copdns.model.errors import AppealError
from copdns.model.sentences import sentence
from copdns.web.browser_input import fields_of
from copdns.web.context import context_of
from copdns.web.desk.change import say_done
from copdns.web.many_households.review_desk import LIST_REASONS, ListQuestion
from copdns.web.session import require

_OF_THE_PROVIDER = frozenset({ListKind.CATEGORY, ListKind.BYPASS, ListKind.SECURITY})


def list_line(request: web.Request, appeal: Appeal) -> tuple[str, str, str] | None:
    """Return the site, the list and the line that a request is about; None where no list of the
    provider's has it, and where there is no provider."""
    context, name = context_of(request), appeal.ask.to.via or appeal.ask.name
    if context.review_desk is None or not name or appeal.ask.to.list in context.updates.own_slugs:
        return None
    return next(
        (
            (_site(name, each.entry), each.info.slug, each.text)
            for each in find_shown(context.snapshot().library.index, name)
            if each.info.slug == appeal.ask.to.list
            and each.info.kind in _OF_THE_PROVIDER
            and not each.entry.allow
        ),
        None,
    )


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
    about, reason = list_line(request, found), str(fields.get("reason", ""))
    if about is None:
        raise AppealError("no list of your internet provider blocks this site")
    if reason not in LIST_REASONS:
        raise AppealError("choose one of the reasons on the page", name="reason")
    question = ListQuestion(found.id, actor.name, *about, reason)
    if not await context.review_desk.pass_on(actor.household, question, int(context.now())):
        raise AppealError("the reviewers have too much to do now; try again in some days")
    say_done(request, actor, sentence("your provider's reviewers look at the list now"))
    raise web.HTTPSeeOther(f"/guardian/appeals/{found.id}")
