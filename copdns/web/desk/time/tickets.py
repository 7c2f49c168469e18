"""Codes worth minutes: make them, print them while they are shown, take them back."""

from __future__ import annotations

from functools import partial

from aiohttp import web

from copdns.accounts.codes import ticket_code
from copdns.accounts.roles import Permission
from copdns.accounts.tickets import ticket_digest
from copdns.household.time_edits import add_ticket, remove_ticket
from copdns.model.household import Household
from copdns.model.times import DAY_MINUTES, Ticket
from copdns.web.desk.time.forms import Form, expires, one_subject
from copdns.web.desk.time.page import House, form_of, house, quietly, shown

PAGE = "/guardian/tickets"
AT_ONCE = 12  # codes that one form makes


async def tickets(request: web.Request) -> web.Response:
    """The tickets that there are, without their codes, and a form for new ones."""
    return _page(await house(request, Permission.SEE_PROFILES))


async def make(request: web.Request) -> web.Response:
    """Make tickets, and show their codes, which nobody can look up later.

    The page itself is the answer, since the codes are kept nowhere, not even until another page is
    asked for.  The same form sent again makes none.
    """
    home = await house(request, Permission.GIVE_TIME)
    form = await form_of(request)
    codes = tuple(ticket_code() for _ in range(form.number("count", 1, AT_ONCE, 1)))
    made: list[tuple[str, Ticket]] = []

    def edit(household: Household) -> Household:
        made.clear()
        if form.one("seen") != _mark(household):
            return household
        for code in codes:
            household = _with(home, form, household, code)
            made.append((code, household.tickets[-1]))
        return household

    whose, minutes = form.one("person") or "anyone with the code", form.one("minutes")
    await home.change(f"{len(codes)} tickets of {minutes} minutes created for {whose}", edit)
    if not made:
        raise web.HTTPSeeOther(PAGE)
    fresh = await house(request, Permission.GIVE_TIME)
    return _page(fresh, made=tuple(made))


async def remove(request: web.Request) -> web.Response:
    """Take a ticket back; what was redeemed before goes on."""
    home = await house(request, Permission.GIVE_TIME)
    key = request.match_info["ticket"]
    if any(each.id == key for each in home.household.tickets):
        edit = quietly(partial(remove_ticket, ticket_id=key))
        await home.change(f"ticket {key} removed", edit)
    raise web.HTTPSeeOther(PAGE)


def _with(home: House, form: Form, household: Household, code: str) -> Household:
    return add_ticket(
        household,
        ticket_digest(code),
        home.parts.known(),
        minutes=form.number("minutes", 1, DAY_MINUTES),
        made=home.now,
        expires=expires(form, home.now),
        profile_id=form.one("person"),
        about=one_subject(form),
        label=form.note("label"),
        author=home.actor.name,
    )


def _mark(household: Household) -> str:
    """Return what changes with every ticket: a form is sent back with it."""
    return household.tickets[-1].id if household.tickets else "none"


def _page(home: House, made: tuple[tuple[str, Ticket], ...] = ()) -> web.Response:
    return home.parts.pages.render(
        home.request,
        "desk/tickets.html",
        **shown(home),
        made=made,
        mark=_mark(home.household),
        tickets=tuple(reversed(home.household.tickets)),
        most=AT_ONCE,
    )
