"""Time tickets, codes worth minutes: make and print them, and take them back."""

from __future__ import annotations

from functools import partial

from aiohttp import web

from copdns.accounts.codes import make_ticket_code, ticket_digest
from copdns.accounts.roles import Permission
from copdns.household.time_edits import add_ticket, remove_ticket
from copdns.model.household import Household
from copdns.model.times import DAY_MINUTES, Ticket
from copdns.web.desk.form import Form
from copdns.web.desk.form_mark import SEEN, unless_changed
from copdns.web.desk.house_request import HouseRequest, form_of, require_house
from copdns.web.desk.time.forms import parse_expiry, parse_one_subject
from copdns.web.desk.time.page import template_values, unless_gone

PAGE = "/guardian/tickets"
MAX_CODES = 12  # of one form


async def tickets(request: web.Request) -> web.Response:
    """Show the tickets, without their codes, and a form for new ones."""
    return _page(await require_house(request, Permission.SEE_PROFILES))


async def make(request: web.Request) -> web.Response:
    """Make tickets, and show their codes, which cannot be read again.

    The response is the page itself, since codes are stored nowhere.  The same form sent again makes
    none.
    """
    home = await require_house(request, Permission.GIVE_TIME)
    form = await form_of(request)
    codes = tuple(make_ticket_code() for _ in range(form.number("count", 1, MAX_CODES, 1)))
    made: list[tuple[str, Ticket]] = []
    now = home.now  # the same for all of them: they are told as one

    def edit(household: Household) -> Household:
        made.clear()
        if form.one("seen") != _mark(household):
            return household
        for code in codes:
            household = _add_ticket(home, form, household, code, now)
            made.append((code, household.tickets[-1]))
        return household

    whose, minutes = form.one("person") or "anyone with the code", form.one("minutes")
    await home.change(f"{len(codes)} tickets of {minutes} minutes created for {whose}", edit)
    if not made:
        raise web.HTTPSeeOther(PAGE)
    fresh = await require_house(request, Permission.GIVE_TIME)
    return _page(fresh, made=tuple(made))


async def remove(request: web.Request) -> web.Response:
    """Take a ticket back; minutes that it gave already stay."""
    home = await require_house(request, Permission.GIVE_TIME)
    key = request.match_info["ticket"]
    if any(each.id == key for each in home.household.tickets):
        edit = unless_changed(
            unless_gone(partial(remove_ticket, ticket_id=key)),
            (await form_of(request)).one(SEEN),
            lambda household: next((each for each in household.tickets if each.id == key), None),
        )
        await home.change(f"ticket {key} removed", edit)
    raise web.HTTPSeeOther(PAGE)


def _add_ticket(
    home: HouseRequest, form: Form, household: Household, code: str, now: int
) -> Household:
    return add_ticket(
        household,
        ticket_digest(code),
        home.context.known_ids(),
        minutes=form.number("minutes", 1, DAY_MINUTES),
        made=now,
        expires=parse_expiry(form, now),
        profile_id=form.one("person"),
        about=parse_one_subject(form),
        label=form.note("label"),
        author=home.actor.name,
    )


def _mark(household: Household) -> str:
    """Return a text that changes with every ticket; the form sends it back."""
    return household.tickets[-1].id if household.tickets else "none"


def _page(home: HouseRequest, made: tuple[tuple[str, Ticket], ...] = ()) -> web.Response:
    return home.context.pages.render(
        home.request,
        "desk/tickets.html",
        **template_values(home),
        made=made,
        mark=_mark(home.household),
        tickets=tuple(reversed(home.household.tickets)),
        most=MAX_CODES,
    )
