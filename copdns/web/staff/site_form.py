"""The public's form: is my site blocked here, and why?

Nothing of who asks is kept: no address, no cookie but that of the language, no name but the site's.
How often somebody asks is counted in memory, by a keyed digest of the address, for a minute.
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from typing import Any, NamedTuple

from aiohttp import web

from copdns.model.errors import NameTextError, RegisterError
from copdns.model.names import normalize
from copdns.provider.staff.desk import (
    AGAIN_AFTER,
    CaseOrigin,
    CaseReason,
    CaseState,
    DeskCase,
    ask_again,
    open_case,
)
from copdns.provider.staff.site_answer import SiteBlock, blocks_of
from copdns.web.languages import phrases_in
from copdns.web.pages import Pages, language_of
from copdns.web.staff.lots import draw
from copdns.web.staff.own_language import choose_own_language
from copdns.web.staff.public_pace import PublicPace, may_ask
from copdns.web.staff.site import PUBLIC_PATH, SITE, register_of
from copdns.web.staff.wording import StaffWording

_PAGES: web.AppKey[Pages] = web.AppKey("pages", Pages)


class Review(NamedTuple):
    """Where a review of a list's line stands.  reason: of the policy; "" while it waits."""

    state: str
    reason: str
    until: int


_PACE: web.AppKey[PublicPace] = web.AppKey("pace of the public", PublicPace)


def add_site_form(app: web.Application, pages: Pages) -> None:
    """Add the form to the application of the staff."""
    app[_PAGES], app[_PACE] = pages, PublicPace()
    app.add_routes(
        [
            web.get(PUBLIC_PATH, _form),
            web.post(PUBLIC_PATH, _answer),
            web.post(f"{PUBLIC_PATH}/review", _ask_for_review),
            web.post("/language", choose_own_language),
            web.get("/static/{file}", _static),
        ]
    )


async def _form(request: web.Request) -> web.Response:
    return await _page(request)


async def _answer(request: web.Request) -> web.Response:
    """Say whether a site is blocked; a page or, for who sends JSON, JSON."""
    fields = await _fields(request)
    if not (name := _name(fields.get("name", ""))):
        return await _page(request, status=400, is_wrong=True, written=fields.get("name", ""))
    if not may_ask(request, request.app[_PACE]):
        return await _page(request, status=429, is_busy=True)
    return await _page(request, name=name, blocks=await _blocks(request, name))


async def _ask_for_review(request: web.Request) -> web.Response:
    """Pass a question on to two reviewers, about a line that blocks the site now."""
    fields, site = await _fields(request), request.app[SITE]
    name, reason = _name(fields.get("name", "")), fields.get("reason", "")
    if not name or reason not in set(CaseReason):
        return await _page(request, status=400, is_wrong=True, written=fields.get("name", ""))
    if not may_ask(request, request.app[_PACE]):
        return await _page(request, status=429, is_busy=True)
    blocks = await _blocks(request, name)
    block = next(
        (each for each in blocks if each.list and each.list == fields.get("list", "")), None
    )
    if block is None:
        return await _page(request, name=name, blocks=blocks)
    now, register = int(site.now()), await register_of(request)
    staff = tuple(register.staff.values())

    def pass_on() -> None:
        """Open a case; ask one that was refused again, once, and open no other for a while then."""
        earlier = _of_owners(site.desk.about(block.list, block.entry))
        last = earlier[-1] if earlier else None
        if last is not None and last.state(now) is CaseState.REFUSED:
            if not last.asked_again:
                site.desk.change(last.number, lambda case: ask_again(case, staff, draw, now))
                return
            if now < last.decisions[-1].at + AGAIN_AFTER:
                return  # it was decided twice; the page says so
        new = DeskCase(
            *(0, "", CaseOrigin.SITE_OWNER, name, block.list, block.entry),
            *(CaseReason(reason), now, 0, ()),
        )
        site.desk.add(open_case(new, staff, draw))

    try:
        await asyncio.to_thread(pass_on)
    except RegisterError:  # no two reviewers, or too many questions
        return await _page(request, status=503, is_busy=True)
    return await _page(request, name=name, blocks=blocks)


async def _blocks(request: web.Request, name: str) -> tuple[SiteBlock, ...]:
    """Return why a name is blocked now, with where its reviews stand."""
    site, register = request.app[SITE], await register_of(request)

    def work() -> tuple[SiteBlock, ...]:
        found = site.find(name)
        cases = [
            case
            for each in found
            for case in site.desk.about(each.info.slug, each.text)
            if not each.entry.allow
        ]
        return blocks_of(name, register, found, cases, site.special, int(site.now()))

    return await asyncio.to_thread(work)


async def _page(request: web.Request, *, status: int = 200, **values: Any) -> web.Response:
    site, register = request.app[SITE], await register_of(request)
    blocks: Sequence[SiteBlock] = values.get("blocks", ())
    reviews = await asyncio.to_thread(_reviews, site.desk.about, blocks, int(site.now()))
    operator = register.operator.name if register.operator else ""
    if request.content_type == "application/json":
        return web.json_response(
            {
                "name": values.get("name", ""),
                "blocked": [
                    {
                        **each._asdict(),
                        "review": reviews[each]._asdict() if each in reviews else None,
                    }
                    for each in blocks
                ],
                "hotlines": [{"name": name, "site": url} for name, url in site.hotlines],
            },
            status=status,
        )
    return request.app[_PAGES].render(
        request,
        "site_blocked.html",
        say=StaffWording(phrases_in(language_of(request))),
        path=PUBLIC_PATH,
        status=status,
        operator=operator,
        hotlines=site.hotlines,
        reviews=reviews,
        **{"name": "", "blocks": (), "written": "", "is_wrong": False, "is_busy": False, **values},
    )


def _reviews(about: Any, blocks: Sequence[SiteBlock], now: int) -> dict[SiteBlock, Review]:
    found = {}
    for block in blocks:
        cases = _of_owners(about(block.list, block.entry)) if block.list else []
        if cases:
            last = cases[-1]
            reason = str(last.decisions[-1].reason) if last.decisions else ""
            found[block] = Review(str(last.state(now)), reason, last.due)
    return found


def _of_owners(cases: Sequence[DeskCase]) -> list[DeskCase]:
    """Return the cases that the public asked for: a family's are not told here."""
    return [each for each in cases if each.origin is CaseOrigin.SITE_OWNER]


async def _fields(request: web.Request) -> dict[str, str]:
    try:
        found = (
            await request.json()
            if request.content_type == "application/json"
            else await request.post()
        )
    except (ValueError, LookupError, RecursionError):  # LookupError: an encoding that is none
        return {}
    if not hasattr(found, "items"):
        return {}
    return {str(key): each for key, each in found.items() if isinstance(each, str)}


def _name(text: str) -> str:
    """Return the name of a site; "" for what is none."""
    text = text.strip().removeprefix("https://").removeprefix("http://").partition("/")[0]
    try:
        name = normalize(text)
    except NameTextError:
        return ""
    return name if "." in name else ""


async def _static(request: web.Request) -> web.Response:
    found = request.app[_PAGES].file(request.match_info["file"])
    if found is None:
        raise web.HTTPNotFound
    return web.Response(body=found.octets, content_type=found.kind)
