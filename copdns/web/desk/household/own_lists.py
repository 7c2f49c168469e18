"""The household's own lists: paste one, see what became of each line, change and remove it."""

from __future__ import annotations

import asyncio
from typing import Any, NoReturn

from aiohttp import web

from copdns.accounts.roles import Permission, may
from copdns.list_files.own_list_edits import AUTO, Kept, Wanted, history_line, report_lines
from copdns.lists.catalogue import BYPASS
from copdns.lists.own_lists import (
    FORMATS,
    MAX_LETTERS,
    MAX_TITLE,
    LineOutcome,
    LineReport,
    OwnChange,
    OwnList,
    OwnText,
    count_outcomes,
)
from copdns.model.household import Household
from copdns.model.matchers import MatchKind
from copdns.model.sentences import plural_sentence
from copdns.web.browser_input import MOST, whole_number
from copdns.web.desk.change import say_list_changed
from copdns.web.desk.form import Form
from copdns.web.desk.house_request import HouseRequest, form_of, require_house
from copdns.web.desk.undo_lists import removed_sentence
from copdns.web.list_versions import find_own, keep_own, remove_own
from copdns.web.step_up import require_step_up
from copdns.web.wording import desk_wording

PAGE = "/guardian/lists/own"
LISTS = "/guardian/lists"
# Octets of a form: browsers write a line ending in six, and other letters than ASCII in up to nine.
MAX_FORM = 1 << 20
LINES = 200  # that a page shows


async def new(request: web.Request) -> web.Response:
    """Show the form for a new list."""
    home = await require_house(request, Permission.EDIT_HOUSEHOLD)
    return _page(home, own=None, text="")


async def own_list(request: web.Request) -> web.Response:
    """Show a list: what became of each line, and its text to change."""
    home = await require_house(request, Permission.SEE_PROFILES)
    own, text = await _require_list(home)
    lines = await asyncio.to_thread(report_lines, home.context.updates.own, own, text)
    return _page(home, own=own, text=text, **_choose_lines(request, lines))


def _choose_lines(request: web.Request, lines: tuple[LineReport, ...]) -> dict[str, Any]:
    """Return what the page shows of the lines: those that are used, or those left out, from a
    number on."""
    is_taken = request.query.get("show", "") == LineOutcome.TAKEN
    found = [each for each in lines if (each.outcome is LineOutcome.TAKEN) is is_taken]
    start = whole_number(request.query.get("from", "0"), 6) or 0
    return {
        "counts": count_outcomes(lines),
        "lines": found[start : start + LINES],
        "show": LineOutcome.TAKEN if is_taken else "",
        "later": start + LINES if start + LINES < len(found) else 0,
        "earlier": max(0, start - LINES) if start else None,
    }


async def add(request: web.Request) -> web.Response:
    """Keep a new list."""
    home, form = await _require_sure_guardian(request)
    kept = await keep_own(home.context, home.household, home.actor.name, _read(form))
    await _go_on(home, kept, None)


async def change(request: web.Request) -> web.Response:
    """Put a new text in place of a list's."""
    home, form = await _require_sure_guardian(request)
    before = await _require_list(home)
    kept = await keep_own(home.context, home.household, home.actor.name, _read(form), before[0])
    await _go_on(home, kept, before)


async def remove(request: web.Request) -> web.Response:
    """Remove a list; nothing happens where it is gone."""
    home, _ = await _require_sure_guardian(request)
    found = await find_own(home.context, request.match_info["list"])
    if found is not None:
        await remove_own(home.context, home.household, home.actor.name, found[0])
        what, change = history_line(found[0], "removed"), OwnChange(found, None)
        said = removed_sentence(found[0])
        say_list_changed(request, home.actor, home.household, said, what, change)
    raise web.HTTPSeeOther(LISTS)


async def _require_sure_guardian(request: web.Request) -> tuple[HouseRequest, Form]:
    """Return the household and the form; raise StepUpNeededError unless a guardian just proved who
    they are: a list decides what everybody may see."""
    home = await require_house(request, Permission.EDIT_HOUSEHOLD)
    request[MOST] = MAX_FORM
    await require_step_up(request, home.actor)
    return home, await form_of(request)


async def _require_list(home: HouseRequest) -> tuple[OwnList, str]:
    found = await find_own(home.context, home.request.match_info["list"])
    if found is None:
        raise web.HTTPNotFound(reason="There is no such list")
    return found


def _read(form: Form) -> Wanted:
    match = form.one("match") or MatchKind.SUBTREE
    return Wanted(
        form.one("title"),
        form.one("category"),
        form.one("text"),
        form.one("format") or AUTO,
        match == MatchKind.EXACT,
    )


async def _go_on(home: HouseRequest, kept: Kept, before: OwnText | None) -> NoReturn:
    taken = count_outcomes(kept.lines)[LineOutcome.TAKEN]
    said = plural_sentence(
        "the list %(list)s is saved: %(num)d line is used within seconds",
        "the list %(list)s is saved: %(num)d lines are used within seconds",
        taken,
        list=kept.own.title,
    )
    what = history_line(kept.own, "changed" if before else "added")
    change = OwnChange(before, await find_own(home.context, kept.own.slug))
    say_list_changed(home.request, home.actor, home.household, said, what, change)
    raise web.HTTPSeeOther(f"{PAGE}/{kept.own.slug}")


def _page(home: HouseRequest, own: OwnList | None, text: str, **shown: Any) -> web.Response:
    library = home.context.snapshot().library
    return home.context.pages.render(
        home.request,
        "desk/own_list.html",
        actor=home.actor,
        household=home.household,
        own=own,
        text=text,
        people=_blocked_for(home.household, own) if own else (),
        categories=sorted({*library.categories, BYPASS} - ({own.slug} if own else set())),
        formats=FORMATS,
        most=MAX_LETTERS,
        most_title=MAX_TITLE,
        may_edit=may(home.actor, Permission.EDIT_HOUSEHOLD),
        say=desk_wording(home.request, home.household),
        **shown,
    )


def _blocked_for(household: Household, own: OwnList) -> tuple[tuple[str, str], ...]:
    """Return id and name of those for whom a list blocks."""
    return tuple(
        (each.id, each.name)
        for each in household.profiles
        if own.category in each.categories or (own.category == BYPASS and each.bypass)
    )
